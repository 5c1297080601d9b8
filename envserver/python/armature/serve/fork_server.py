"""The process that starts all workers: ``python -m armature.serve.fork_server FD``.

It has imported Gymnasium and what the hosted environments need, so that a worker is forked
in milliseconds, and nothing of gRPC, whose threads would not survive a fork. Where what was
imported has started threads of its own, workers are new interpreters instead.
FD is a SOCK_SEQPACKET socket to the server. Messages, JSON:
- ``{"start": key}`` with descriptors (the worker's socket, perhaps a SharedBatch's):
  forks a worker that reads its job from the socket; see armature.serve.worker.
- ``{"kill": key}``: SIGKILL to the worker and what it has started itself.
- ``{"preload": [module, ...]}``: imports them for the workers to come. They have been
  imported by a worker before; what fails here anyway, fails in the worker again.
- to the server, ``{"ended": key, "pid": p, "status": s}`` with subprocess's status, and
  ``{"threads": module}`` where importing it has started some.
Nothing is left behind: workers die with this process (PR_SET_PDEATHSIG), which ends them
and itself when the server's end of the socket closes, however that died.
Thread safety: one thread.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import warnings
from typing import NoReturn

import gymnasium  # noqa: F401  Imported for the workers.

from armature.serve import worker_process

_MESSAGE_BYTES_MAX = 1 << 16
_DESCRIPTORS_MAX = 2


class ForkServer:
    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._keys: dict[int, int] = {}  # Of the workers that run, by process id.
        # NumPy's, if any: it makes them again after a fork.
        self._harmless_threads = _threads()
        self._may_fork = True
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write)

    def run(self) -> None:
        """Returns when the server has gone."""
        selector = selectors.DefaultSelector()
        selector.register(self._server, selectors.EVENT_READ)
        selector.register(self._wake_read, selectors.EVENT_READ)
        try:
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._wake_read in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wake_read, _MESSAGE_BYTES_MAX)
                    self._reap()
                if self._server in ready and not self._serve():
                    return
        except OSError:  # The server has gone in the middle of a message.
            return
        finally:
            for pid in self._keys:
                _kill_group(pid)

    def _serve(self) -> bool:
        """Does what one message says. False: there is no server any more."""
        text, descriptors, _, _ = socket.recv_fds(
            self._server, _MESSAGE_BYTES_MAX, _DESCRIPTORS_MAX
        )
        if not text:
            return False
        message = json.loads(text)
        if "start" in message:
            self._start(message["start"], descriptors)
        elif "kill" in message:
            for pid, key in self._keys.items():
                if key == message["kill"]:
                    _kill_group(pid)
        else:
            self._preload(message["preload"])
        return True

    def _preload(self, modules: list[str]) -> None:
        for name in modules:
            if not self._may_fork:
                return
            with contextlib.suppress(Exception):
                importlib.import_module(name)
            if _threads() > self._harmless_threads:
                self._may_fork = False
                self._server.send(json.dumps({"threads": name}).encode())
        gc.freeze()  # A collection in a worker then leaves the pages shared.

    def _start(self, key: int, descriptors: list[int]) -> None:
        if self._may_fork:
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                self._become_worker(parent, descriptors)
        else:
            pid = worker_process.spawn(descriptors)
        with contextlib.suppress(OSError):  # The child does it too; one comes first.
            os.setpgid(pid, pid)
        self._keys[pid] = key
        for descriptor in descriptors:
            os.close(descriptor)

    def _become_worker(self, parent: int, descriptors: list[int]) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._server.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        worker_process.run(parent, descriptors)

    def _reap(self) -> None:
        while self._keys:
            # Not reaped yet: its process group cannot be another's.
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            key = self._keys.pop(ended.si_pid, None)
            if key is not None:
                _kill_group(ended.si_pid)
            _, status = os.waitpid(ended.si_pid, 0)
            if key is None:
                continue
            report = {
                "ended": key,
                "pid": ended.si_pid,
                "status": os.waitstatus_to_exitcode(status),
            }
            self._server.send(json.dumps(report).encode())


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def main() -> None:
    # NumPy's idle threads, which a fork does not copy, are no reason for a warning.
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")
    with socket.socket(fileno=int(sys.argv[1])) as server:
        ForkServer(server).run()


if __name__ == "__main__":
    main()

"""Worker processes as the server sees them.

Data flow: WorkerPool.start -> fork server -> worker; Worker.send -> socket -> on_frame.
Ownership: the pool owns the fork server and, through it, every worker; `close` of the
pool, or the death of this process, ends them all.
Thread safety: none; everything happens on one event loop and nothing blocks it.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from armature.errors import ArmatureError
from armature.serve.frames import FrameReader, pack

# How long a worker gets to close its environments, and its last words to arrive.
_CLOSE_TIMEOUT_S = 5.0
_LAST_WORDS_TIMEOUT_S = 0.5
_MESSAGE_BYTES_MAX = 1 << 16
# What OpenMP (torch's too) and the BLAS libraries read when they are loaded.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_CHUNK_BYTES = 1 << 16

_log = logging.getLogger("armature.serve")


class Worker(asyncio.BufferedProtocol):
    """One worker process, from its start to its end.

    `on_frame` gets each frame that comes; `on_lost`, once, a sentence on how the process
    ended, unless `close` or `kill` was called before.
    """

    def __init__(
        self, pool: WorkerPool, on_frame: Callable[[bytes], None], on_lost: Callable[[str], None]
    ) -> None:
        self._pool = pool
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._reader = FrameReader()
        self._waiting: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._open = True  # Whether anything is still expected of it.
        self._disconnected = False
        self._end: str | None = None
        self.key = 0

    def send(self, frame: bytes) -> None:
        if self._transport is None:
            self._waiting.append(pack(frame))
        else:
            self._transport.write(pack(frame))

    def close(self) -> None:
        """Lets it close its environments; it is killed if that takes long."""
        self._abandon()
        asyncio.get_running_loop().call_later(_CLOSE_TIMEOUT_S, self._pool.kill, self.key)

    def kill(self) -> None:
        self._abandon()
        self._pool.kill(self.key)

    def _abandon(self) -> None:
        self._open = False
        if self._transport is not None:
            self._transport.close()

    # asyncio.BufferedProtocol:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        for frame in self._waiting:
            transport.write(frame)
        self._waiting.clear()
        if not self._open:
            transport.close()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._pool.arriving

    def buffer_updated(self, nbytes: int) -> None:
        for frame in self._reader.feed(memoryview(self._pool.arriving)[:nbytes]):
            if self._open:
                self._on_frame(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disconnected = True
        if self._end is None:
            # It may have closed the socket and live on.
            self._pool.kill(self.key)
        self._lose()

    # WorkerPool:

    def ended(self, sentence: str) -> None:
        """The process has ended. What it sent before is read first."""
        self._end = sentence
        self._lose()
        if not self._disconnected and self._transport is not None:
            asyncio.get_running_loop().call_later(_LAST_WORDS_TIMEOUT_S, self._transport.abort)

    def _lose(self) -> None:
        if self._open and self._disconnected and self._end is not None:
            self._open = False
            self._on_lost(self._end)


class WorkerPool:
    """Starts workers through a fork server, which it starts again should it die."""

    def __init__(self) -> None:
        # What comes from any worker passes through here and is cut into frames at once.
        self.arriving = bytearray(_CHUNK_BYTES)
        self._workers: dict[int, Worker] = {}  # By key, until the process has ended.
        self._tasks: set[asyncio.Task[Any]] = set()
        self._last_key = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._outgoing: collections.deque[tuple[bytes, list[int]]] = collections.deque()
        self._modules: list[str] = []
        self._closed = False

    def start(
        self,
        job: bytes,
        on_frame: Callable[[bytes], None],
        on_lost: Callable[[str], None],
        batch_descriptor: int = -1,
    ) -> Worker:
        """A new worker that is sent `job` first.

        ArmatureError: no process can be started; OSError: no descriptor is free.
        """
        if self._closed:
            raise ArmatureError("the worker pool is closed")
        if self._socket is None:
            self._start_fork_server()
        ours, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as undo:
            undo.callback(ours.close)
            descriptors = [os.dup(theirs.fileno())]
            undo.callback(_close_all, descriptors)
            if batch_descriptor >= 0:
                descriptors.append(os.dup(batch_descriptor))
            undo.pop_all()
        worker = Worker(self, on_frame, on_lost)
        self._last_key += 1
        worker.key = self._last_key
        self._workers[worker.key] = worker
        self._send({"start": worker.key}, descriptors)
        worker.send(job)
        ours.setblocking(False)
        task = asyncio.ensure_future(
            asyncio.get_running_loop().create_connection(lambda: worker, sock=ours)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return worker

    def preload(self, modules: Sequence[str]) -> None:
        """Imports modules in the fork server, for the workers to come."""
        new = [name for name in modules if name not in self._modules]
        self._modules.extend(new)
        if new and self._socket is not None:
            self._send({"preload": new}, [])

    def kill(self, key: int) -> None:
        if key in self._workers and self._socket is not None:
            self._send({"kill": key}, [])

    def close(self) -> None:
        """Ends every worker; returns when they are gone, at once as a rule."""
        self._closed = True
        self._drop_fork_server()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_WORDS_TIMEOUT_S)
            self._process.kill()
            self._process.wait()

    def _start_fork_server(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = dict(os.environ)
        # Every CPU has a worker: more threads in each would stand in each other's way.
        for variable in _THREAD_VARIABLES:
            environment.setdefault(variable, "1")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "armature.serve.fork_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=2,  # What environments print must not mix with what the server says.
                pass_fds=[theirs.fileno()],
                env=environment,
            )
        except OSError as error:
            ours.close()
            raise ArmatureError(f"no process can be started: {error}") from error
        finally:
            theirs.close()
        ours.setblocking(False)
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours, self._on_message)
        if self._modules:
            self._send({"preload": self._modules}, [])

    def _drop_fork_server(self) -> None:
        if self._socket is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        loop.remove_writer(self._socket)
        self._socket.close()
        self._socket = None
        for _, descriptors in self._outgoing:
            _close_all(descriptors)
        self._outgoing.clear()

    def _send(self, message: dict[str, Any], descriptors: list[int]) -> None:
        """Takes the descriptors. In order; what the socket does not take now waits."""
        self._outgoing.append((json.dumps(message).encode(), descriptors))
        if len(self._outgoing) == 1:
            self._flush()

    def _flush(self) -> None:
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        while self._outgoing:
            text, descriptors = self._outgoing[0]
            try:
                socket.send_fds(self._socket, [text], descriptors)
            except BlockingIOError:
                loop.add_writer(self._socket, self._flush)
                return
            except OSError:  # It has died; the reader hears of it and mends it.
                return
            _close_all(descriptors)
            self._outgoing.popleft()
        loop.remove_writer(self._socket)

    def _on_message(self) -> None:
        assert self._socket is not None
        try:
            text = self._socket.recv(_MESSAGE_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            text = b""
        if not text:
            return self._on_fork_server_died()
        message = json.loads(text)
        if "threads" in message:
            return _log.warning(
                "importing %s starts threads, which a forked process would wait for in vain: each "
                "worker imports it for itself, and takes longer to start",
                message["threads"],
            )
        worker = self._workers.pop(message["ended"], None)
        if worker is not None:
            worker.ended(f"worker process {message['pid']} {describe_status(message['status'])}")

    def _on_fork_server_died(self) -> None:
        self._drop_fork_server()
        status = self._process.wait() if self._process is not None else 0
        workers, self._workers = self._workers, {}
        for worker in workers.values():
            worker.ended(f"the process that starts workers {describe_status(status)}")


def describe_status(status: int) -> str:
    """ "was killed by SIGSEGV" of -11, "ended with status 3" of 3."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)

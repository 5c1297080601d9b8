"""A run's policy at work, for runs that do not train now: an env server and `play` on it.

The programs are those of the build or bundle that started this one, which says where they are in
ARMATURE_VIEW_ENVSERVER and ARMATURE_VIEW_PLAY, as words of a shell.
Thread safety: one thread. Start it before gRPC: children are forked.
Ownership: both processes end with this one, however that ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any

from armature.errors import ArmatureError

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
# Seconds from SIGTERM until a process is killed.
_END_TIMEOUT_S = 5.0
# The most that `play` takes: more than anybody watches.
_EPISODES = 1_000_000
# What an env server says when it can be reached, and `play` when it has its session.
_READY = re.compile(r"envserver ready")
_PLAYS = re.compile(r"^ *step +reward\b")


class Player:
    """Plays until it is closed; its session is open from the beginning.

    ArmatureError: it cannot be started; says why in a line.
    """

    def __init__(self, run: pathlib.Path, seed: int) -> None:
        play = _program("PLAY", "play")
        server = _env_server_command(run) or _program("ENVSERVER", "envserver")
        self._children: list[_Child] = []
        self._folder = tempfile.TemporaryDirectory(prefix="armature-view-")  # Mode 0700.
        self.address = f"unix:{self._folder.name}/envserver"
        try:
            listen = [f"--listen={self.address}", "--metrics_listen=off"]
            self._begin([*server, *listen], _READY)
            words = [str(run), "--realtime", f"--episodes={_EPISODES}", f"--seed={seed}"]
            self._begin([*play, *words, f"--env_servers={self.address}"], _PLAYS)
        except BaseException:
            self.close()
            raise

    def problem(self) -> str:
        """Why nothing is played any more, in a line; empty: it goes on."""
        for child in self._children:
            if child.process.poll() is not None:
                return child.last_words()
        return ""

    def close(self) -> None:
        for child in reversed(self._children):
            child.end()
        self._children.clear()
        self._folder.cleanup()

    def _begin(self, command: list[str], ready: re.Pattern[str]) -> None:
        child = _Child(command, ready)
        self._children.append(child)
        child.wait_until_ready()


class _Child:
    """A process whose words are read all the while; one like `ready` says that it is."""

    def __init__(self, command: list[str], ready: re.Pattern[str]) -> None:
        self._name = os.path.basename(command[0])
        self._last = ""
        self._ready = ready
        self._is_ready = threading.Event()
        libc = ctypes.CDLL(None)

        def end_with_parent() -> None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                preexec_fn=end_with_parent,
                start_new_session=True,  # Ctrl-C is for this program, which ends it.
            )
        except OSError as error:
            raise ArmatureError(f"cannot start {command[0]}: {error.strerror}") from None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_until_ready(self) -> None:
        """ArmatureError: it has ended."""
        self._is_ready.wait()
        if self.process.poll() is not None:
            raise ArmatureError(self.last_words())

    def last_words(self) -> str:
        self.process.wait()
        self._reader.join(_END_TIMEOUT_S)
        said = self._last or f"{self._name} ended with status {self.process.returncode}"
        return " ".join(said.split())

    def end(self) -> None:
        """Ends it and what it has started."""
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.process.wait()
        self._reader.join(_END_TIMEOUT_S)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as pipe:
            for line in pipe:
                if line.strip():
                    self._last = line.strip()
                if self._ready.search(line):
                    self._is_ready.set()
        self.process.wait()
        self._is_ready.set()


def _program(variable: str, name: str) -> list[str]:
    """The words that start it. ArmatureError: nobody says where it is."""
    if words := os.environ.get(f"ARMATURE_VIEW_{variable}"):
        return shlex.split(words)
    raise ArmatureError(
        f"playing a run needs the program {name}, which is not of this package: "
        "bazel run //deploy:view -- RUN in a clone, or ./armature view RUN in a bundle"
    )


def _env_server_command(run: pathlib.Path) -> list[str]:
    """cluster.env_server_command of the run; none: our own env server."""
    command = read_setting(run, "cluster", "env_server_command")
    words = shlex.split(str(command or ""))
    if words and words[0] == "armature-serve":
        return [sys.executable, "-m", "armature.serve.main", *words[1:]]
    return words


def read_setting(run: pathlib.Path, section: str, key: str) -> Any:
    """A value of the run's config.yaml; None: it is not there. ArmatureError: cannot be read."""
    import yaml

    path = run / "config.yaml"
    try:
        config = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ArmatureError(f"{path}: cannot be read: {error}".replace("\n", " ")) from None
    with contextlib.suppress(AttributeError):
        return config.get(section, {}).get(key)
    return None

"""The C++ env server, to test against."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
STOP_TIMEOUT_S = 20.0


class CppServer:
    """A running C++ env server; `address` is "host:port"."""

    def __init__(self, folder: pathlib.Path, *flags: str, listen: str = "127.0.0.1:0") -> None:
        binary = os.environ.get("ARMATURE_ENVSERVER", REPOSITORY / "bazel-bin/envserver/envserver")
        if not os.access(binary, os.X_OK):
            pytest.fail(f"no {binary}: `bazel build //envserver`, or set ARMATURE_ENVSERVER")
        port_file = folder / "port"
        self.process = subprocess.Popen(
            [
                binary,
                f"--listen={listen}",
                "--metrics_listen=off",
                f"--port_file={port_file}",
                *flags,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:  # Ends early only if the server does.
            if "envserver ready" in line:
                break
        else:
            pytest.fail(f"{binary} ended with status {self.process.wait()}")
        # Its pipe must not fill up.
        self._drain = threading.Thread(target=self.process.stdout.read, daemon=True)
        self._drain.start()
        self.address = port_file.read_text().splitlines()[0]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(STOP_TIMEOUT_S)
        self._drain.join(STOP_TIMEOUT_S)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a C++ env server that all tests share."""
    running = CppServer(tmp_path_factory.mktemp("envserver"))
    yield running.address
    running.stop()


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., CppServer]]:
    """Starts C++ env servers of the test's own, with the flags given."""
    with contextlib.ExitStack() as stack:

        def start(*flags: str, **options: str) -> CppServer:
            running = CppServer(tmp_path_factory.mktemp("envserver"), *flags, **options)
            stack.callback(running.stop)
            return running

        yield start

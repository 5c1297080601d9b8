"""The env servers, to test the client against."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

# Before gRPC is imported: its handlers around a fork can abort the programs that tests start.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

TESTS = pathlib.Path(__file__).resolve().parent
REPOSITORY = TESTS.parents[2]
STOP_TIMEOUT_S = 20.0


class EnvServer:
    """A running env server; `address` is "host:port"."""

    def __init__(
        self,
        command: list[str],
        folder: pathlib.Path,
        *flags: str,
        listen: str = "127.0.0.1:0",
        environ: dict[str, str] | None = None,
    ) -> None:
        port_file = folder / "port"
        self.process = subprocess.Popen(
            [
                *command,
                f"--listen={listen}",
                "--metrics_listen=off",
                f"--port_file={port_file}",
                *flags,
            ],
            env={**os.environ, **(environ or {})},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:  # Ends early only if the server does.
            if "envserver ready" in line:
                break
        else:
            pytest.fail(f"{command[0]} ended with status {self.process.wait()}")
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


def cpp_server() -> list[str]:
    """The command that starts the C++ env server."""
    binary = os.environ.get("ARMATURE_ENVSERVER", REPOSITORY / "bazel-bin/envserver/envserver")
    if not os.access(binary, os.X_OK):
        pytest.fail(f"no {binary}: `bazel build //envserver`, or set ARMATURE_ENVSERVER")
    return [str(binary)]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a C++ env server that all tests share."""
    running = EnvServer(cpp_server(), tmp_path_factory.mktemp("envserver"))
    yield running.address
    running.stop()


def serve(folder: pathlib.Path, *flags: str) -> EnvServer:
    """An armature-serve that finds serve_envs."""
    return EnvServer(
        [sys.executable, "-m", "armature.serve.main"],
        folder,
        *flags,
        environ={"PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])},
    )


@pytest.fixture(scope="session")
def python_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an armature-serve that renders point_mass and faulty, of serve_envs."""
    environments = ("--env=serve_envs:point_mass", "--env=serve_envs:faulty")
    running = serve(tmp_path_factory.mktemp("serve"), *environments, "--render")
    yield running.address
    running.stop()


@pytest.fixture(scope="session")
def discrete_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an armature-serve with serve_envs' Counter alone."""
    running = serve(tmp_path_factory.mktemp("serve"), "--env=serve_envs:Counter")
    yield running.address
    running.stop()


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., EnvServer]]:
    """Starts C++ env servers of the test's own, with the flags given."""
    with contextlib.ExitStack() as stack:

        def start(*flags: str, **options: str) -> EnvServer:
            folder = tmp_path_factory.mktemp("envserver")
            running = EnvServer(cpp_server(), folder, *flags, **options)  # type: ignore[arg-type]
            stack.callback(running.stop)
            return running

        yield start

"""The env servers, to test the client against, and the end of a test that hangs."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pathlib
import signal
import sys
from collections.abc import Callable, Iterator

import pytest
from program import Program

# Before gRPC is imported: its handlers around a fork can abort the programs that tests start.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

TESTS = pathlib.Path(__file__).resolve().parent
REPOSITORY = TESTS.parents[2]
# Longer than any test takes, and than the end of all takes.
HANG_S = 150.0
_terminal = pytest.StashKey[int]()


def _bound_what_begins(config: pytest.Config) -> None:
    """If it takes longer, every thread's place is told and this process ends."""
    faulthandler.dump_traceback_later(HANG_S, exit=True, file=config.stash[_terminal])


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_terminal] = os.dup(2)  # Later, pytest keeps what is written to it.


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    _bound_what_begins(item.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    _bound_what_begins(config)  # Threads and children that are waited for at the exit.


class EnvServer(Program):
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
        given = [f"--listen={listen}", "--metrics_listen=off", f"--port_file={port_file}", *flags]
        super().__init__(
            [*command, *given], "envserver ready", env={**os.environ, **(environ or {})}
        )
        self.address = port_file.read_text().splitlines()[0]

    def __enter__(self) -> EnvServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGTERM)


def cpp_server() -> list[str]:
    """The command that starts the C++ env server."""
    binary = os.environ.get("ARMATURE_ENVSERVER", REPOSITORY / "bazel-bin/envserver/envserver")
    if not os.access(binary, os.X_OK):
        pytest.fail(f"no {binary}: `bazel build //envserver`, or set ARMATURE_ENVSERVER")
    return [str(binary)]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a C++ env server that all tests share."""
    with EnvServer(cpp_server(), tmp_path_factory.mktemp("envserver")) as running:
        yield running.address


def serve(folder: pathlib.Path, *flags: str, modules: pathlib.Path = TESTS) -> EnvServer:
    """An armature-serve that finds the modules in that folder: serve_envs."""
    return EnvServer(
        [sys.executable, "-m", "armature.serve.main"],
        folder,
        *flags,
        environ={"PYTHONPATH": os.pathsep.join([str(modules), *filter(None, sys.path)])},
    )


@pytest.fixture(scope="session")
def python_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an armature-serve that renders point_mass and faulty, of serve_envs."""
    environments = ("--env=serve_envs:point_mass", "--env=serve_envs:faulty")
    with serve(tmp_path_factory.mktemp("serve"), *environments, "--render") as running:
        yield running.address


@pytest.fixture(scope="session")
def discrete_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an armature-serve with serve_envs' Counter alone."""
    with serve(tmp_path_factory.mktemp("serve"), "--env=serve_envs:Counter") as running:
        yield running.address


@pytest.fixture(scope="session")
def equipped_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an armature-serve with serve_envs' equipped alone."""
    with serve(tmp_path_factory.mktemp("serve"), "--env=serve_envs:equipped") as running:
        yield running.address


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., EnvServer]]:
    """Starts C++ env servers of the test's own, with the flags given."""
    with contextlib.ExitStack() as stack:

        def start(*flags: str, **options: str) -> EnvServer:
            folder = tmp_path_factory.mktemp("envserver")
            running = EnvServer(cpp_server(), folder, *flags, **options)  # type: ignore[arg-type]
            return stack.enter_context(running)

        yield start

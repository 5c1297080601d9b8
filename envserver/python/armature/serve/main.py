"""The program ``armature-serve``: hosts Gymnasium environments for actors and clients."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import pathlib
import resource
import signal
import sys

# What gRPC has to say of a port that is taken, this process says in one line.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# gRPC's handlers around a fork can abort the child; the fork server, the only child,
# replaces itself by another program at once and needs none of them.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

import grpc

from armature.address import parse_address
from armature.errors import ArmatureError
from armature.program_flags import WRONG_USE, transport_of
from armature.serve.calls import CallLimits
from armature.serve.catalog import Catalog
from armature.serve.cpus import usable_cpus
from armature.serve.env_source import HostOptions, parse_source
from armature.serve.flags import PROGRAM, parse_flags
from armature.serve.health import HealthService
from armature.serve.listen import bind
from armature.serve.metrics import MetricsServer, ServerMetrics
from armature.serve.service import (
    SERVICE_NAME,
    EnvService,
    TokenInterceptor,
)
from armature.serve.session import SessionContext
from armature.serve.session_table import SessionTable
from armature.serve.status import RefusalError
from armature.serve.workers import WorkerPool
from armature.transport import (
    SERVER_OPTIONS,
    new_incarnation,
    server_security,
)

# As common/cli/open_files.h.
_OPEN_FILES_MAX = 1 << 20
# How long clients get to hear that the server ends, and the whole end may take.
_HEAR_TIMEOUT_S = 1.0
_CLOSE_TIMEOUT_S = 4.0


class _CannotBeHostedError(ArmatureError):
    """An environment that no further start would host."""


async def serve(flags: argparse.Namespace, pool: WorkerPool) -> None:
    """Until SIGTERM or SIGINT. ArmatureError: cannot start."""
    stop = _stop_event()
    names = flags.env_id or [""] * len(flags.env)
    options = HostOptions(
        flags.render,
        flags.success_key,
        {"yes": True, "no": False}.get(flags.reports_success),
        flags.running_statistics,
        flags.control_period_s,
        flags.metrics,
    )
    limits = CallLimits(flags.step_timeout_s, flags.reset_timeout_s, flags.start_timeout_s)
    catalog = Catalog(
        [parse_source(text, name) for text, name in zip(flags.env, names)],
        options,
        pool,
        limits,
    )
    credentials, token = server_security(flags.listen, transport_of(flags))
    specs = asyncio.ensure_future(_probe(catalog))
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait({specs, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        specs.cancel()
        return
    for line in specs.result():
        if flags.list:
            print(line, flush=True)
    if flags.list:
        return
    await _run(flags, pool, catalog, limits, credentials, token, stop)


async def _probe(catalog: Catalog) -> list[str]:
    """A line for each environment. ArmatureError: one of them cannot be hosted."""
    lines = []
    for env_id in catalog.env_ids:
        try:
            spec = (await catalog.describe(env_id, {})).spec
        except RefusalError as error:
            refused = error.code in (
                grpc.StatusCode.INVALID_ARGUMENT,
                grpc.StatusCode.FAILED_PRECONDITION,
            )
            kind = _CannotBeHostedError if refused else ArmatureError
            raise kind(f"env {env_id}: {error.message}") from error
        fields = ", ".join(f"{f.name} {f.dtype} {list(f.shape)}" for f in spec.observation)
        lines.append(f"{env_id}: {fields}; action {spec.action}")
    return lines


async def _run(
    flags: argparse.Namespace,
    pool: WorkerPool,
    catalog: Catalog,
    limits: CallLimits,
    credentials: grpc.ServerCredentials | None,
    token: str,
    stop: asyncio.Event,
) -> None:
    metrics = ServerMetrics(catalog.env_ids)
    cpus = usable_cpus()
    service = EnvService(
        SessionContext(
            catalog,
            pool,
            SessionTable(flags.num_envs, metrics),
            metrics,
            _server_name(flags),
            new_incarnation(),
            flags.lease_s,
            flags.workers,
            cpus,
            limits,
        )
    )
    health = HealthService(SERVICE_NAME)
    server = grpc.aio.server(
        options=SERVER_OPTIONS, interceptors=[TokenInterceptor(token)] if token else None
    )
    server.add_generic_rpc_handlers((service.handlers(), health.handlers()))
    address = bind(server, flags.listen, credentials)
    await server.start()
    metrics_address = "-"
    if flags.metrics_listen != "off":
        metrics_server = MetricsServer(
            flags.metrics_listen,
            flags.metrics_remote,
            metrics.text,
            lambda: "the env server stops" if stop.is_set() else "",
        )
        metrics_address = metrics_server.address
    if flags.port_file:
        _write_atomically(flags.port_file, f"{address}\n{metrics_address}\n")
    shown = "off" if metrics_address == "-" else f"http://{metrics_address}/metrics"
    workers = flags.workers or cpus
    count = f"{workers} worker" + ("s" if workers > 1 else "")
    if not flags.workers:
        count = f"up to {count}"
    print(
        f"envserver ready on {address}, metrics {shown}, {count}, environments: "
        f"{', '.join(catalog.env_ids)}",
        flush=True,
    )
    await stop.wait()
    health.end()
    service.end_sessions()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(server.stop(_HEAR_TIMEOUT_S), _CLOSE_TIMEOUT_S)


def _stop_event() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop


def _server_name(flags: argparse.Namespace) -> str:
    if flags.name:
        return str(flags.name)
    return f"envserver-{parse_address(flags.listen, listen=True).port or os.getpid()}"


def _write_atomically(path: str, text: str) -> None:
    temporary = pathlib.Path(f"{path}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ArmatureError(f"cannot write {path}: {error.strerror}") from error


def _start_logging() -> None:
    """As the C++ processes log, so that the launcher finds what to show."""
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logging.addLevelName(level, logging.getLevelName(level).lower())
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO,
        format="[%(asctime)s.%(msecs)03d] [%(levelname)s] %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
    )


async def _main(flags: argparse.Namespace) -> int:
    pool = WorkerPool()
    try:
        await serve(flags, pool)
    except ArmatureError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr, flush=True)
        return WRONG_USE if isinstance(error, _CannotBeHostedError) else 1
    finally:
        pool.close()
    return 0


def _raise_open_files_limit() -> None:
    """To the hard one, though to no more than programs that go through all files can bear."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> None:
    flags = parse_flags(sys.argv[1:])
    _raise_open_files_limit()
    _start_logging()
    status = asyncio.run(_main(flags))
    if status == 0 and not flags.list:
        print("envserver stopped", flush=True)
    sys.stdout.flush()
    os._exit(status)  # gRPC's own threads need not be waited for.


if __name__ == "__main__":
    main()

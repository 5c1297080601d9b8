"""The program ``armature-serve``: hosts Gymnasium environments for actors and clients."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import logging
import os
import pathlib
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

# What gRPC has to say of a port that is taken, this process says in one line.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# gRPC's handlers around a fork can abort the child; the fork server, the only child,
# replaces itself by another program at once and needs none of them.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

import grpc

from armature.address import Address, parse_address
from armature.errors import ArmatureError
from armature.serve.calls import CallLimits
from armature.serve.catalog import Catalog
from armature.serve.cpus import usable_cpus
from armature.serve.env_source import (
    DEFAULT_SUCCESS_KEY,
    HostOptions,
    parse_source,
)
from armature.serve.health import HealthService
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
    TransportOptions,
    new_incarnation,
    server_security,
)

_PROGRAM = "armature-serve"
# The launcher does not try again what ends like this.
_WRONG_FLAG = 2
# As common/cli/open_files.h.
_OPEN_FILES_MAX = 1 << 20
# How long clients get to hear that the server ends, and the whole end may take.
_HEAR_TIMEOUT_S = 1.0
_CLOSE_TIMEOUT_S = 4.0


class _CannotBeHostedError(ArmatureError):
    """An environment that no further start would host."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        line = " ".join(message.split())
        print(f"{_PROGRAM}: {line} (--help lists the flags)", file=sys.stderr)
        sys.exit(_WRONG_FLAG)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_PROGRAM,
        description="Hosts Gymnasium environments for actors and clients, over gRPC.",
        epilog="A flag's name may be written with '-' or with '_'.",
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--env",
        action="append",
        default=[],
        metavar="ENV",
        help="What to host; may be given several times. ID, as gymnasium.make takes it; "
        "MODULE:ID, which imports the module first; or MODULE:FACTORY, a callable that returns "
        "a gymnasium.Env. Keyword arguments come from a session's env_config.",
    )
    add(
        "--env_id",
        action="append",
        default=[],
        metavar="NAME",
        help="Name on the wire of the --env of the same place; without it, what stands after "
        "the ':'.",
    )
    add(
        "--listen",
        default="127.0.0.1:5557",
        help="Address for actors and clients, host:port or unix:/path; port 0 takes a free one and "
        "prints it. Where other machines reach it, it needs the flags under Security.",
    )
    add(
        "--metrics_listen",
        default="127.0.0.1:0",
        help="Address of /metrics and /healthz, or off.",
    )
    add(
        "--metrics_remote",
        action="store_true",
        help="Let --metrics_listen be other than loopback. Metrics carry no secrets, but anyone "
        "who reaches the port can read them.",
    )
    add(
        "--name",
        default="",
        help="What messages call this server: letters, digits, '_', '.', '-'; default "
        "envserver-PORT, or -PID with port 0 or a unix socket.",
    )
    add(
        "--num_envs",
        "--slots",
        type=_whole(1, 1 << 20),
        default=1024,
        help="Environments hosted at once, over all sessions; more are refused.",
    )
    add(
        "--workers",
        type=_whole(0, 1024),
        default=0,
        help="Processes that run the environments of one group of a session; 0: as many as pay, "
        "at most one for each CPU that this process may use (affinity and container quota).",
    )
    add(
        "--lease_s",
        type=_seconds(0.1),
        default=30.0,
        help="Seconds that a client may be silent before it loses its environments.",
    )
    add(
        "--step_timeout_s",
        type=_seconds(0.01),
        default=10.0,
        help="Seconds after which a step counts as hung: its worker process is killed and "
        "replaced. So for render, close and compute_reward.",
    )
    add(
        "--reset_timeout_s",
        type=_seconds(0.01),
        default=45.0,
        help="The same for a reset. Actors wait 60 s for a step with the resets in it.",
    )
    add(
        "--start_timeout_s",
        type=_seconds(0.01),
        default=120.0,
        help="The same for making an environment, imports included.",
    )
    add(
        "--control_period_s",
        type=_seconds(1e-9),
        default=0.0,
        help="Simulated seconds a step, for all environments; 0: what each says itself (dt, or "
        "render_fps; 1 if neither).",
    )
    add(
        "--success_key",
        default=DEFAULT_SUCCESS_KEY,
        help="Key of `info` that says whether a step reached the goal.",
    )
    add(
        "--reports_success",
        choices=("auto", "yes", "no"),
        default="auto",
        help="Whether environments give that key; auto: whether it comes in an episode that the "
        "server tries at the start. Say yes where it comes with a success only.",
    )
    add(
        "--running_statistics",
        action="store_true",
        help="Host environments in NormalizeObservation or NormalizeReward, each with "
        "statistics of its own, all the same.",
    )
    add(
        "--render",
        action="store_true",
        help="Make environments with render_mode=rgb_array, so that clients can ask for frames.",
    )
    add(
        "--port_file",
        default="",
        help="Written once the server is ready: a line with its address, then one with that of "
        "/metrics.",
    )
    add("--list", action="store_true", help="Print the environments, a line each, and end.")
    security = parser.add_argument_group("Security").add_argument
    security(
        "--tls_folder",
        default="",
        help="Folder of this host that `certificates` has made: what mutual TLS needs, in place "
        "of the three files.",
    )
    security("--tls_certificate", default="", help="PEM file: this process's certificate chain.")
    security("--tls_key", default="", help="PEM file: its private key.")
    security(
        "--tls_authority",
        default="",
        help="PEM file: who signs the peers. A server with it demands client certificates, unless "
        "--token_suffices.",
    )
    security(
        "--token_file",
        default="",
        help="File whose first line is a secret that all processes share; needs TLS.",
    )
    security(
        "--token_suffices",
        action="store_true",
        help="With --tls_authority and --token_file: let in whoever bears the token, without a "
        "certificate. The token is asked for after TLS, so it does not keep floods out.",
    )
    security(
        "--tls_server_name",
        default="",
        help="The name in the servers' certificates, where it is not that of their addresses; "
        "taken from whoever starts all processes, and not used here.",
    )
    return parser


def parse_flags(arguments: Sequence[str]) -> argparse.Namespace:
    """SystemExit: help was asked for (0), or a flag is wrong (2; one line says how)."""
    parser = _parser()
    flags = parser.parse_args([_with_underscores(argument) for argument in arguments])
    if not flags.env:
        parser.error("give at least one --env, e.g. --env Pendulum-v1")
    if flags.env_id and len(flags.env_id) != len(flags.env):
        parser.error(f"{len(flags.env_id)} --env_id for {len(flags.env)} --env: give as many")
    return flags


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
    )
    limits = CallLimits(flags.step_timeout_s, flags.reset_timeout_s, flags.start_timeout_s)
    catalog = Catalog(
        [parse_source(text, name) for text, name in zip(flags.env, names)],
        options,
        pool,
        limits,
    )
    transport = TransportOptions(
        **{field.name: getattr(flags, field.name) for field in dataclasses.fields(TransportOptions)}
    )
    if flags.tls_folder:
        transport = transport.with_folder(flags.tls_folder)
    credentials, token = server_security(flags.listen, transport)
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
    address = _bind(server, flags.listen, credentials)
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


def _bind(server: grpc.aio.Server, listen: str, credentials: grpc.ServerCredentials | None) -> str:
    """The address that was bound. ArmatureError: it cannot be."""
    address = parse_address(listen, listen=True)
    if address.is_unix and _is_served(address.socket_path):
        raise ArmatureError(f"cannot listen on {listen}: Address already in use")
    umask = os.umask(0o177)  # A socket is for this user alone.
    try:
        if credentials is None:
            port = server.add_insecure_port(address.target)
        else:
            port = server.add_secure_port(address.target, credentials)
    except RuntimeError:
        port = 0
    finally:
        os.umask(umask)
    if port == 0:
        remedy = "can a file be made there?" if address.is_unix else "is the port taken?"
        raise ArmatureError(f"cannot listen on {listen}; {remedy}")
    return listen if address.is_unix else str(Address(address.host, port))


def _is_served(path: str) -> bool:
    """Whether a process listens at the unix socket; gRPC would take its place in silence."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        try:
            connection.connect(path)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


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


def _with_underscores(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"


def _whole(low: int, high: int):  # type: ignore[no-untyped-def]
    def parse(text: str) -> int:
        if text.isdecimal() and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number in {low}..{high}")

    return parse


def _seconds(low: float, high: float = 86400.0):  # type: ignore[no-untyped-def]
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if low <= value <= high:
            return value
        raise argparse.ArgumentTypeError(f"{text}: expected a number in {low:g}..{high:g}")

    return parse


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
        print(f"{_PROGRAM}: {error}", file=sys.stderr, flush=True)
        return _WRONG_FLAG if isinstance(error, _CannotBeHostedError) else 1
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

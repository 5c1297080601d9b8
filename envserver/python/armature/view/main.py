"""The program ``armature-view``: robots at work, on a live web page."""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

# What gRPC has to say of a server that is away, the page says.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

try:
    import viser  # noqa: F401
    import yaml  # noqa: F401
except ImportError as missing:
    sys.exit(
        f"armature-view: {sys.executable} has no {missing.name}: "
        "pip install './envserver/python[view]' in the clone"
    )

from armature.address import Address, parse_address
from armature.episodes import messages
from armature.errors import ArmatureError, ServerError
from armature.program_flags import WRONG_USE
from armature.view.flags import PROGRAM, parse_flags
from armature.view.gate import Gate
from armature.view.kept_page import kept_page
from armature.view.page import Page
from armature.view.player import Player
from armature.view.subject import (
    RECORDED,
    EnvServers,
    IdleRun,
    RecordedFile,
    Subject,
    WrongWordError,
    find_subject,
    is_running,
)
from armature.view.timeline import Timeline
from armature.view.viewer_server import ViewerServer, running_server
from armature.view.watcher import Place, Watcher

_LOOPBACK = "127.0.0.1"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _StoppedError(Exception):
    """A signal came before there was a page."""


class _Signals:
    """The first one is noted and told to `on_signal`; a second one ends the process at once."""

    def __init__(self) -> None:
        self.number = 0
        self.on_signal: Callable[[], None] = _stop
        for number in _SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: Any) -> None:
        self.number = number
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        self.on_signal()


def _stop() -> None:
    raise _StoppedError


def main() -> int:
    """Exit status: 0: a page is written; 128 + n after signal n; 1: it cannot go on; 2: wrong
    use."""
    flags = parse_flags(sys.argv[1:])
    if folder := os.environ.get("BUILD_WORKING_DIRECTORY"):  # Where `bazel run` was typed.
        os.chdir(folder)
    signals = _Signals()
    try:
        with contextlib.ExitStack() as stack:
            _view(flags, signals, stack)
    except _StoppedError:
        pass
    except ArmatureError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr, flush=True)
        return WRONG_USE if isinstance(error, WrongWordError) else 1
    return 128 + signals.number if signals.number else 0


def _view(flags: argparse.Namespace, signals: _Signals, stack: contextlib.ExitStack) -> None:
    """Until a signal."""
    listen = _checked_listen(flags)
    subject = find_subject(flags.what)
    if flags.output is not None:
        _keep(subject, flags.what, flags.output)
        return
    if isinstance(subject, EnvServers):
        _watch(flags, listen, subject, None, signals, stack)
    elif isinstance(subject, IdleRun):
        player = Player(subject.folder, flags.seed)
        stack.callback(player.close)
        print(f"{subject.folder} does not run: its policy is played", flush=True)
        _watch(flags, listen, EnvServers((player.address,)), player, signals, stack)
    else:
        timeline = _read(subject.path)
        server, url = _serve(flags, listen, stack)
        page = Page(server, timeline, subject.path.name)
        _show(page, url, f"{len(timeline.bounds())} frames of {subject.path}", signals)


def _watch(
    flags: argparse.Namespace,
    listen: Address,
    servers: EnvServers,
    player: Player | None,
    signals: _Signals,
    stack: contextlib.ExitStack,
) -> None:
    timeline = Timeline(flags.kept_frames)

    def on_message(message: Any) -> None:
        timeline.add(message)
        if message.WhichOneof("kind") == "opened":
            page.set_status("")
            page.show_place(watcher.place)
        page.wake()

    def on_status(status: str) -> None:
        problem = player.problem() if player else ""
        if servers.run is not None and not is_running(servers.run):
            problem = (
                f"{servers.run.name} does not train any more; begin view anew to see its policy"
            )
        page.set_status(problem or status)
        page.show_place(watcher.place)

    watcher = _open(flags, servers.addresses, player is not None, on_message, on_status)
    stack.callback(watcher.close)
    server, url = _serve(flags, listen, stack)
    title = pathlib.Path(flags.what).name or flags.what
    place = watcher.place
    page = Page(server, timeline, title, servers.addresses, place, watcher.follow)
    watcher.start()
    _show(page, url, f"slot {place.slot} of the env server at {place.address}", signals)


def _open(
    flags: argparse.Namespace,
    addresses: tuple[str, ...],
    is_played: bool,
    on_message: Callable[[Any], None],
    on_status: Callable[[str], None],
) -> Watcher:
    """Follows the first env server that can be. ArmatureError: none of them."""
    refusal: ServerError | None = None
    for address in addresses:
        place = Place(address, flags.session, flags.slot)
        watcher = Watcher(place, flags.transport, flags.frames_per_s_max, on_message, on_status)
        try:
            watcher.open()
            return watcher
        except ServerError as error:
            # Each episode of `play` has a session of its own: it may be between two of them.
            if is_played and error.code == "NOT_FOUND" and not flags.session:
                return watcher  # Which tries again.
            watcher.close()
            refusal = error
    assert refusal is not None
    raise refusal


def _keep(subject: Subject, word: str, output: pathlib.Path) -> None:
    """Writes a page that plays a recording. ArmatureError: it cannot be."""
    if not isinstance(subject, RecordedFile):
        raise WrongWordError(
            f"--output writes a page of a recorded file; {word} is none: give NAME{RECORDED}"
        )
    timeline = _read(subject.path)
    page = kept_page(timeline)
    temporary = output.with_name(f"{output.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(page.html, encoding="utf-8")
        temporary.replace(output)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ArmatureError(f"{output}: {error.strerror}") from None
    frames = len(timeline.bounds())
    shown = f"{frames}" if page.frames == frames else f"the first {page.frames} of {frames}"
    print(f"view wrote {output}: {shown} frames of {subject.path}", flush=True)


def _read(path: pathlib.Path) -> Timeline:
    """ArmatureError: no frame can be read."""
    timeline = Timeline()
    for message in messages(path):
        try:
            timeline.add(message)
        except ArmatureError as error:
            raise ArmatureError(f"{path}: {error}") from None
    if not timeline.bounds():
        raise ArmatureError(f"{path}: there is no frame in it")
    return timeline


def _checked_listen(flags: argparse.Namespace) -> Address:
    """ArmatureError: others could reach it, and nothing keeps them out."""
    listen = parse_address(flags.listen, listen=True)
    if listen.is_unix:
        raise ArmatureError(f"--listen is {listen}; a page needs host:port")
    given = [flags.page_tls_certificate, flags.page_tls_key, flags.page_token_file]
    if listen.is_loopback and not any(given):
        return listen
    if not all(given):
        port = listen.port or 8080
        raise ArmatureError(
            f"refuses to listen on {listen}: other machines could reach it unprotected; listen on "
            f"127.0.0.1 and use `ssh -L {port}:127.0.0.1:{port} THIS_HOST` there, or give "
            "--page_token_file, --page_tls_certificate and --page_tls_key"
        )
    return listen


def _serve(
    flags: argparse.Namespace, listen: Address, stack: contextlib.ExitStack
) -> tuple[ViewerServer, str]:
    """viser at `listen`, or behind a gate there; and the page's URL. ArmatureError: it is taken."""
    has_gate = bool(flags.page_token_file)
    host, port = (_LOOPBACK, 0) if has_gate else (listen.host, listen.port)
    _check_free(host, port)
    server = stack.enter_context(running_server(host, port, behind_gate=has_gate))
    if port not in (0, server.get_port()):  # viser then goes to the next one.
        raise ArmatureError(f"cannot listen on {listen}: the port is in use")
    shown = f"[{listen.host}]" if ":" in listen.host else listen.host
    if not has_gate:
        return server, f"http://{shown}:{server.get_port()}"
    gate = Gate(
        listen,
        server.get_port(),
        flags.page_tls_certificate,
        flags.page_tls_key,
        flags.page_token_file,
    )
    stack.callback(gate.close)
    return server, f"https://{shown}:{gate.port}"


def _check_free(host: str, port: int) -> None:
    """ArmatureError: nobody can listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise ArmatureError(
            f"cannot listen on {host}:{port}: {error.strerror}; --listen {host}:0 takes a free port"
        ) from None


def _show(page: Page, url: str, what: str, signals: _Signals) -> None:
    signals.on_signal = page.wake_always
    print(f"view ready on {url}: {what}", flush=True)
    page.run(lambda: bool(signals.number))

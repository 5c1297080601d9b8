"""The program armature-view: what it takes, what it refuses, and how it ends."""

from __future__ import annotations

import fcntl
import gzip
import pathlib
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import numpy as np
import pytest
from program import DEADLINE_S, Program
from view_scenes import frame, opened, shape

import armature
from armature.view.subject import EnvServers, IdleRun, RecordedFile, find_subject

pytest.importorskip("viser", reason="armature[view] is not installed")

import viser
from websockets.sync.client import connect

VIEW = [sys.executable, "-m", "armature.view"]
READY = "view ready on "


def run(*arguments: str) -> tuple[int, str]:
    """Exit status and what it says on stderr."""
    ended = subprocess.run(
        [*VIEW, *arguments], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    return ended.returncode, ended.stderr


def begin(*arguments: str) -> tuple[Program, str]:
    """The program, and its page's URL."""
    program = Program([*VIEW, "--listen=127.0.0.1:0", *arguments], READY)
    return program, program.ready.split(READY)[1].split(": ")[0]


def record(path: pathlib.Path, messages: list[Any]) -> pathlib.Path:
    with gzip.open(path, "wb") as file:
        for message in messages:
            packed = message.SerializeToString()
            size = len(packed)
            while size > 0x7F:
                file.write(bytes([size & 0x7F | 0x80]))
                size >>= 7
            file.write(bytes([size]) + packed)
    return path


@pytest.fixture
def recording(tmp_path: pathlib.Path) -> pathlib.Path:
    messages = [opened([shape(box={"x": 1, "y": 1, "z": 1})])]
    messages += [frame(0, step) for step in range(20)]
    return record(tmp_path / "short.episodes", messages)


def test_a_recording_has_a_page(recording: pathlib.Path) -> None:
    program, url = begin(str(recording))
    assert f"20 frames of {recording}" in program.ready
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
        assert answer.status == 200
    assert program.stop(signal.SIGINT) == (128 + signal.SIGINT, "")


def test_a_recording_that_was_cut_off_is_shown_up_to_there(
    tmp_path: pathlib.Path, recording: pathlib.Path
) -> None:
    cut = tmp_path / "cut.episodes"
    cut.write_bytes(recording.read_bytes()[:-12])
    program, _ = begin(str(cut))
    shown = int(program.ready.split(": ")[1].split()[0])
    assert 1 <= shown <= 20
    assert program.stop(signal.SIGTERM)[0] == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no gzip", "no recording of episodes: is not a gzip file"),
        (gzip.compress(b"\x05hello"), "no recording of episodes: message 0 is no WatchResponse"),
        (gzip.compress(b""), "there is no frame in it"),
        (gzip.compress(b"\xff\xff\xff\xff\x7f"), "message 0 has .* bytes, .* are allowed"),
    ],
)
def test_what_is_no_recording_is_refused_in_a_line(
    tmp_path: pathlib.Path, content: bytes, why: str
) -> None:
    path = tmp_path / "x.episodes"
    path.write_bytes(content)
    status, said = run(str(path))
    assert status == 1 and said.count("\n") == 1
    assert re.search(why, said), said


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (["nothing_like_it"], 2, "no run 'nothing_like_it'"),
        (["gone.episodes"], 2, "gone.episodes: there is no such file"),
        (["127.0.0.1:99999"], 2, "the port is '99999'"),
        (["127.0.0.1:1"], 1, "UNAVAILABLE"),
        (["127.0.0.1:1", "--listen=0.0.0.0:8080"], 1, "ssh -L 8080:127.0.0.1:8080"),
        (["127.0.0.1:1", "--listen=unix:/x"], 1, "a page needs host:port"),
        (["127.0.0.1:1", "--slot=-1"], 2, "expected a whole number"),
        (["127.0.0.1:1", "--frames_per_s_max=0"], 2, "expected a number in 0.1..1000"),
    ],
)
def test_wrong_words_are_refused_in_a_line(arguments: list[str], status: int, why: str) -> None:
    ended, said = run(*arguments)
    assert ended == status and why in said and said.count("\n") == 1, said


def test_a_port_that_is_taken_is_named(recording: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, said = run(str(recording), f"--listen={address}")
    assert status == 1
    assert said == (
        f"armature-view: cannot listen on {address}: Address already in use; "
        "--listen 127.0.0.1:0 takes a free port\n"
    )


def test_a_slot_of_an_env_server_has_a_page(server: str) -> None:
    envs = armature.make_vec(server, num_envs=2, env_id="cartpole", seed=1)
    envs.reset()
    program, url = begin(server, "--slot=1")
    envs.step(np.zeros(envs.action_space.shape, np.float32))
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
        assert answer.status == 200
    assert program.stop(signal.SIGINT)[0] == 128 + signal.SIGINT
    status, said = run(server, "--slot=2")
    assert status == 1 and "has 0..1" in said
    envs.close()


def test_a_recording_becomes_a_page_to_keep(
    tmp_path: pathlib.Path, recording: pathlib.Path
) -> None:
    page = tmp_path / "page.html"
    ended = subprocess.run(
        [*VIEW, str(recording), f"--output={page}"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"view wrote {page}: 20 frames of {recording}\n"
    assert page.read_text().startswith("<!doctype html>")
    status, said = run("127.0.0.1:1", f"--output={page}")
    assert status == 2 and "--output writes a page of a recorded file" in said
    status, said = run(str(recording), "--output=/no/such/folder/page.html")
    assert (status, said.count("\n")) == (1, 1) and "/no/such/folder" in said


def make_run(folder: pathlib.Path, config: str = "") -> pathlib.Path:
    (folder / "ports").mkdir(parents=True)
    (folder / "config.yaml").write_text(config)
    (folder / "launcher.lock").touch()
    return folder


def test_a_run_is_watched_while_a_launcher_has_it(tmp_path: pathlib.Path) -> None:
    folder = make_run(tmp_path / "run", "cluster: {external_env_servers: 'sim:5557, file:/x'}")
    for name in ("envserver-10", "envserver-9"):
        (folder / "ports" / name).write_text(f"unix:/run/{name}\n127.0.0.1:9101\n")
    (folder / "ports/learner-0").write_text("unix:/run/learner-0\n-\n")
    assert find_subject(str(folder)) == IdleRun(folder)
    with (folder / "launcher.lock").open("r+b") as held:
        lock = struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0)
        fcntl.fcntl(held, fcntl.F_OFD_SETLK, lock)
        assert find_subject(str(folder)) == EnvServers(
            ("unix:/run/envserver-9", "unix:/run/envserver-10", "sim:5557"), folder
        )
    assert find_subject(str(folder)) == IdleRun(folder)


def test_words_that_are_addresses_and_files_are_told_apart(recording: pathlib.Path) -> None:
    assert find_subject("unix:/run/sim") == EnvServers(("unix:/run/sim",))
    assert find_subject("[::1]:5557") == EnvServers(("[::1]:5557",))
    assert find_subject(str(recording)) == RecordedFile(recording)


def test_playing_a_run_says_what_it_lacks(tmp_path: pathlib.Path) -> None:
    folder = make_run(tmp_path / "run")
    status, said = run(str(folder))
    assert status == 1 and "bazel run //deploy:view" in said and said.count("\n") == 1


def test_a_player_that_ends_is_quoted(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path / "run")
    monkeypatch.setenv("ARMATURE_VIEW_PLAY", "sh -c 'echo play: no model yet >&2; exit 1'")
    monkeypatch.setenv("ARMATURE_VIEW_ENVSERVER", "sh -c 'echo envserver ready; sleep 1000'")
    assert run(str(folder)) == (1, "armature-view: play: no model yet\n")
    monkeypatch.setenv("ARMATURE_VIEW_PLAY", "sh -c 'echo shapes, reward.model; exit 4'")
    assert run(str(folder)) == (1, "armature-view: shapes, reward.model\n")
    monkeypatch.setenv("ARMATURE_VIEW_ENVSERVER", "sh -c 'echo no room; exit 3'")
    assert run(str(folder)) == (1, "armature-view: no room\n")


def test_a_page_for_other_machines_asks_for_its_token(
    tmp_path: pathlib.Path, recording: pathlib.Path
) -> None:
    key, certificate, token = (tmp_path / name for name in ("key.pem", "own.pem", "token"))
    made = f"req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {key} -out {certificate}"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", *made.split(), *names], check=True, capture_output=True)
    token.write_text("let me in\n")
    flags = [f"--page_tls_certificate={certificate}", f"--page_tls_key={key}"]
    status, said = run(str(recording), "--listen=0.0.0.0:0", *flags)
    assert status == 1 and "--page_token_file" in said
    program = Program(
        [*VIEW, str(recording), "--listen=0.0.0.0:0", *flags, f"--page_token_file={token}"], READY
    )
    url = program.ready.split(READY)[1].split(": ")[0].replace("0.0.0.0", "127.0.0.1")
    assert url.startswith("https://")
    trusted = ssl.create_default_context(cafile=str(certificate))

    def ask(body: bytes | None = None, **headers: str) -> tuple[int, str, Any]:
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=trusted), _NoRedirect
        )
        request = urllib.request.Request(url, body, headers)
        try:
            with opener.open(request, timeout=DEADLINE_S) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    assert ask()[0] == 401
    assert ask(Upgrade="websocket", Connection="Upgrade")[0] == 401
    assert ask(Cookie="armature_view=wrong")[0] == 401
    status, text, headers = ask(b"token=wrong")
    assert (status, headers["Set-Cookie"]) == (401, None) and "not the token" in text
    status, _, headers = ask(b"token=let+me+in")
    assert status == 303
    cookie = headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=Strict"))
    status, text, _ = ask(Cookie=cookie.split(";")[0])
    assert status == 200 and "<html" in text
    with connect(
        url.replace("https:", "wss:"),
        ssl=trusted,
        origin="https://robots.example",  # type: ignore[arg-type]
        additional_headers={"Cookie": cookie.split(";")[0]},
        subprotocols=[f"viser-v{viser.__version__}"],  # type: ignore[list-item]
    ) as viewer:
        assert viewer.recv(timeout=DEADLINE_S)
    assert program.stop(signal.SIGINT)[0] == 128 + signal.SIGINT


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None

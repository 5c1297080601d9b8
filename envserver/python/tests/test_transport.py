"""Addresses, sockets, TLS, proxies and health: what stands between a client and a server."""

from __future__ import annotations

import os
import pathlib
import socket
import stat
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from conftest import EnvServer, serve
from google.protobuf.wrappers_pb2 import Int32Value, StringValue
from program import DEADLINE_S
from serve_client import Client, Server, run_server

import armature
from armature import wire
from armature.address import parse_address
from armature.errors import ArmatureError, ServerError
from armature.identity import read_secrets
from armature.serve.health import NOT_SERVING, SERVING, HealthService
from armature.serve.metrics import MetricsServer
from armature.transport import TransportOptions, make_channel

HEALTH_CHECK = "/grpc.health.v1.Health/Check"


@pytest.mark.parametrize(
    "text", ["127.0.0.1:1", "host:65535", "[::1]:80", "unix:/run/a b/sim", "unix:/tmp/wörk"]
)
def test_an_address_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_address(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected host:port"),
        ("host", "expected host:port"),
        ("host:0", "the port is '0', expected 1 to 65535"),
        ("127.0.0.1:99999", "the port is '99999'"),
        ("host:abc", "the port is 'abc'"),
        ("host: 80", "the port is ' 80'"),
        ("::1:80", "in brackets"),
        ("[host]:80", "not an IPv6 address"),
        ("a b:80", "a host's name"),
        ("unix:x", "absolute path"),
        ("unix:/a,b", "no ','"),
        ("unix:/" + "x" * 107, "at most 107 bytes, this one 108"),
    ],
)
def test_what_is_no_address_says_why(text: str, why: str) -> None:
    with pytest.raises(ArmatureError, match=why.replace("[", r"\[")):
        parse_address(text)
    with pytest.raises(ArmatureError):
        armature.describe(text)


def test_loopback_is_what_only_this_machine_reaches() -> None:
    for text in ("127.0.0.1:1", "127.9.9.9:5", "localhost:80", "[::1]:5", "unix:/x"):
        assert parse_address(text).is_loopback, text
    for text in ("0.0.0.0:1", "[::]:1", "10.0.0.1:1", "localhost.evil.org:1", "127.evil.org:1"):
        assert not parse_address(text).is_loopback, text


@pytest.fixture
def sockets() -> Iterator[pathlib.Path]:
    """A folder whose path is short enough, with letters that a URI has otherwise."""
    with tempfile.TemporaryDirectory(prefix="a ä%20 ") as folder:
        yield pathlib.Path(folder)


def test_servers_of_both_kinds_are_reached_by_sockets(
    sockets: pathlib.Path,
    start_server: Callable[..., EnvServer],
    tmp_path: pathlib.Path,
) -> None:
    cpp = start_server(listen=f"unix:{sockets}/cpp")
    with serve(tmp_path, "--env=serve_envs:point_mass", f"--listen=unix:{sockets}/python") as ours:
        for server, env_id in ((cpp, "cartpole"), (ours, "point_mass")):
            assert stat.S_IMODE(os.stat(server.address[len("unix:") :]).st_mode) == 0o600
            with armature.make(server.address, env_id) as env:
                env.reset(seed=1)
                env.step(env.action_space.sample())


def test_a_stale_socket_is_replaced_and_a_second_server_does_not_take_it(
    sockets: pathlib.Path,
) -> None:
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(sockets / "sim"))
    address = f"unix:{sockets}/sim"
    flags = ("--env", "CartPole-v1", "--listen", address)
    with Server(*flags):
        second = run_server(*flags)
        assert (second.returncode, second.stderr) == (
            1,
            f"armature-serve: cannot listen on {address}: Address already in use\n",
        )
        # A name that is no peer's name would be refused by whoever reads the handshake.
        with make_channel(address, TransportOptions()) as channel:
            client = Client(channel, "CartPole-v1", 1)
            assert client.step(0, [[0.0]]).step == 1
            name = client.opened.handshake.peer_name
            assert name.startswith("envserver-") and "/" not in name


def test_no_proxy_stands_before_loopback(server: str) -> None:
    for variable in ("grpc_proxy", "https_proxy", "http_proxy"):
        environment = {**os.environ, variable: "http://127.0.0.1:9"}
        environment.pop("no_proxy", None)
        program = f"import armature; print(armature.describe({server!r}).address)"
        ended = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.stdout, ended.returncode) == (f"{server}\n", 0), ended.stderr


def test_elsewhere_the_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ServerError, match=r"http_proxy=http://127.0.0.1:9 names; no_proxy="):
        armature.describe("no-such-host.invalid:1", timeout_s=10)


class Authority:
    """Makes certificates in a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        files = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca"]
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files)
        (folder / "token").write_text("secret\n")

    def sign(self, name: str, subject: str = "IP:127.0.0.1", days: int = 2) -> None:
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={subject}\n")
        files = ["-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"]
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", *files)
        signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", str(days)]
        files = ["-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", f"{name}.ext"]
        self._openssl("x509", "-req", *files, *signer)

    def options(self, **given: str | bool) -> TransportOptions:
        """Paths of the files that are named."""
        return TransportOptions(
            **{
                key: str(self.folder / value)
                if isinstance(value, str) and key != "tls_server_name"
                else value
                for key, value in given.items()
            }  # type: ignore[arg-type]
        )

    def flags(self, **given: str | bool) -> list[str]:
        options = self.options(**given)
        return [
            f"--{key}" if getattr(options, key) is True else f"--{key}={getattr(options, key)}"
            for key in given
        ]

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.sign("server")
    made.sign("client")
    made.sign("named", "DNS:learner.cluster")
    made.sign("expired", days=-1)
    return made


OWN = {"tls_certificate": "server.pem", "tls_key": "server.key"}
CLIENT = {"tls_certificate": "client.pem", "tls_key": "client.key"}
ENV = ("--env", "serve_envs:point_mass")


@pytest.fixture(scope="module")
def with_token(authority: Authority) -> Iterator[Server]:
    """A server with TLS that asks for a token, and for no certificates."""
    with Server(*ENV, *authority.flags(**OWN, token_file="token")) as server:
        yield server


def test_certificates_that_cannot_work_are_refused_at_the_start(authority: Authority) -> None:
    for given, why in (
        ({"tls_certificate": "expired.pem", "tls_key": "expired.key"}, "expired.pem: has expired"),
        ({**OWN, "tls_key": "client.key"}, "client.key: is not the key of the certificate"),
        ({**OWN, "tls_key": "token"}, "hold no certificate and key in PEM form"),
        ({"tls_authority": "token"}, "token: holds no certificate in PEM form"),
        ({**OWN, "token_suffices": True}, "token_suffices: there is no token"),
    ):
        with pytest.raises(ArmatureError, match=why):
            read_secrets(authority.options(**given))
        with pytest.raises(ArmatureError, match=why):
            make_channel("127.0.0.1:1", authority.options(**given))
    read_secrets(authority.options(**OWN, tls_authority="ca.pem", token_file="token"))


def test_who_of_the_two_speaks_tls_is_said(
    authority: Authority, with_token: Server, server: str
) -> None:
    with pytest.raises(ServerError, match="it speaks TLS, and this side does not"):
        armature.describe(with_token.address, timeout_s=10)
    transport = authority.options(tls_authority="ca.pem", token_file="token")
    with pytest.raises(ServerError, match="it speaks without TLS, and this side with it"):
        armature.describe(server, transport=transport, timeout_s=10)


def test_a_private_authority_demands_no_certificates_where_the_token_suffices(
    authority: Authority,
) -> None:
    both = {**OWN, "tls_authority": "ca.pem", "token_file": "token"}
    bearer = authority.options(tls_authority="ca.pem", token_file="token")
    stranger = authority.options(tls_authority="ca.pem")
    with Server(*ENV, *authority.flags(**both)) as server:
        with pytest.raises(ServerError):
            armature.describe(server.address, transport=bearer, timeout_s=10)
        known = authority.options(**CLIENT, tls_authority="ca.pem", token_file="token")
        assert armature.describe(server.address, transport=known).env_ids == ("point_mass",)
    with Server(*ENV, *authority.flags(**both, token_suffices=True)) as server:
        assert armature.describe(server.address, transport=bearer).env_ids == ("point_mass",)
        with pytest.raises(ServerError, match="UNAUTHENTICATED"):
            armature.describe(server.address, transport=stranger, timeout_s=10)


def test_a_folder_stands_for_its_three_files(authority: Authority, tmp_path: pathlib.Path) -> None:
    for name in ("server", "client"):
        folder = tmp_path / name
        folder.mkdir()
        for source, target in (
            (f"{name}.pem", "certificate.pem"),
            (f"{name}.key", "key.pem"),
            ("ca.pem", "authority.pem"),
        ):
            (folder / target).write_bytes((authority.folder / source).read_bytes())
    client = TransportOptions().with_folder(str(tmp_path / "client"))
    stranger = authority.options(tls_authority="ca.pem")
    with Server(*ENV, f"--tls_folder={tmp_path}/server") as server:
        assert armature.describe(server.address, transport=client).env_ids == ("point_mass",)
        with pytest.raises(ServerError):
            armature.describe(server.address, transport=stranger, timeout_s=10)


def test_a_certificate_may_have_another_name_than_the_address(authority: Authority) -> None:
    own = {"tls_certificate": "named.pem", "tls_key": "named.key", "token_file": "token"}
    given = {"tls_authority": "ca.pem", "token_file": "token"}
    with Server(*ENV, *authority.flags(**own)) as server:
        with pytest.raises(ServerError):
            armature.describe(server.address, transport=authority.options(**given), timeout_s=10)
        named = authority.options(**given, tls_server_name="learner.cluster")
        assert armature.describe(server.address, transport=named).env_ids == ("point_mass",)


def test_who_bears_the_token_is_let_in(authority: Authority, with_token: Server) -> None:
    credentials = grpc.ssl_channel_credentials((authority.folder / "ca.pem").read_bytes())
    with grpc.secure_channel(with_token.address, credentials) as channel:
        for metadata in (None, [("authorization", "Bearer wrong")]):
            for call in (
                lambda given=metadata: Client(channel, "point_mass", 1, metadata=given),
                lambda given=metadata: describe(channel, given),
            ):
                with pytest.raises(grpc.RpcError) as refused:
                    call()
                assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
                assert "the token is missing or wrong" in refused.value.details()
        good = [("authorization", "Bearer secret")]
        assert list(describe(channel, good).env_ids) == ["point_mass"]
        client = Client(channel, "point_mass", 1, metadata=good)
        assert client.step(0, np.zeros((1, 2))).step == 1


def describe(channel: grpc.Channel, metadata: Any) -> Any:
    return channel.unary_unary(
        "/armature.v1.EnvService/Describe",
        wire.DescribeRequest.SerializeToString,
        wire.DescribeResponse.FromString,
    )(wire.DescribeRequest(), timeout=DEADLINE_S, metadata=metadata)


def test_health_is_told_without_a_token(authority: Authority, with_token: Server) -> None:
    transport = authority.options(tls_authority="ca.pem")
    with make_channel(with_token.address, transport) as channel:
        check = channel.unary_unary(
            HEALTH_CHECK, StringValue.SerializeToString, Int32Value.FromString
        )
        assert check(StringValue(), timeout=10).value == 1  # SERVING.
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            StringValue.SerializeToString,
            Int32Value.FromString,
        )
        with pytest.raises(grpc.RpcError) as refused:
            next(watch(StringValue(), timeout=10))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_healthz_says_what_is_wrong() -> None:
    wrong = [""]
    server = MetricsServer("127.0.0.1:0", False, lambda: b"", lambda: wrong[0])
    url = f"http://{server.address}/healthz"
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"ok\n"
    wrong[0] = "the env server stops"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url)
    assert (refused.value.code, refused.value.read()) == (503, b"the env server stops\n")


def test_health_turns_false_while_draining() -> None:
    health = HealthService()
    assert health._status("") == SERVING
    health.end()
    assert health._status("") == NOT_SERVING


def test_a_low_limit_of_files_is_raised(tmp_path: pathlib.Path) -> None:
    command = ["sh", "-c", 'ulimit -Sn 256 && exec "$0" "$@"', sys.executable]
    command += ["-m", "armature.serve.main"]
    with EnvServer(command, tmp_path, "--env=CartPole-v1") as server:
        limits = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
        (line,) = (line for line in limits.splitlines() if line.startswith("Max open files"))
        soft, hard = line.split()[3:5]
        assert int(soft) == min(int(hard), 1 << 20) > 256

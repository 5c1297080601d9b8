"""Credentials, keepalive and caps of every channel and server, as common/rpc/transport.h.

Loopback needs nothing. A server that listens elsewhere refuses to start unless it has
TLS and a token, or mutual TLS. A token is sent over TLS only.
Thread safety: free functions.
"""

from __future__ import annotations

import dataclasses
import hmac
import ipaddress
import pathlib
import re
import secrets
from typing import Any

import grpc

from armature import wire
from armature.errors import ArmatureError, WireError

# Equal to common/rpc/protocol.h.
PROTOCOL_VERSION = 1

MESSAGE_BYTES_MAX = 64 << 20
_METADATA_BYTES_MAX = 16 << 10
_KEEPALIVE_MS = 15000
_KEEPALIVE_TIMEOUT_MS = 10000
_PEER_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_COMMON_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", _METADATA_BYTES_MAX),
    ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]
CHANNEL_OPTIONS: list[tuple[str, Any]] = [
    *_COMMON_OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5000),
    ("grpc.min_reconnect_backoff_ms", 2000),
    # A new channel connects at once, however often another one to the address has failed.
    ("grpc.use_local_subchannel_pool", 1),
]
SERVER_OPTIONS: list[tuple[str, Any]] = [
    *_COMMON_OPTIONS,
    ("grpc.max_concurrent_streams", 256),
    ("grpc.http2.min_ping_interval_without_data_ms", _KEEPALIVE_TIMEOUT_MS),
    # A second server on the same port must fail, not share it.
    ("grpc.so_reuseport", 0),
]


@dataclasses.dataclass(frozen=True)
class TransportOptions:
    """Paths of PEM files and of a token file (its first line); empty: not used."""

    tls_certificate: str = ""
    tls_key: str = ""
    tls_authority: str = ""
    token_file: str = ""

    def is_empty(self) -> bool:
        return not (self.tls_certificate or self.tls_key or self.tls_authority or self.token_file)


@dataclasses.dataclass(frozen=True)
class _Secrets:
    certificate: bytes | None
    key: bytes | None
    authority: bytes | None
    token: str


def is_loopback(address: str) -> bool:
    """Whether "host:port", "[::1]:port" or "unix:path" is reached from this machine only."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0]
    if host in ("localhost", "[::1]"):
        return True
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def make_channel(address: str, options: TransportOptions) -> grpc.Channel:
    """A channel, not connected yet. ArmatureError: a file is missing, unreadable or empty."""
    found = _read_secrets(options)
    if is_loopback(address) and options.is_empty():
        return grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
    credentials = grpc.ssl_channel_credentials(found.authority, found.key, found.certificate)
    if found.token:
        credentials = grpc.composite_channel_credentials(
            credentials, grpc.access_token_call_credentials(found.token)
        )
    return grpc.secure_channel(address, credentials, options=CHANNEL_OPTIONS)


def server_security(
    listen: str, options: TransportOptions
) -> tuple[grpc.ServerCredentials | None, str]:
    """Credentials for a server on `listen` (None: plaintext) and the token that it demands.

    ArmatureError: not loopback and not secured (the message gives the remedies), or as
    make_channel.
    """
    found = _read_secrets(options)
    if not found.certificate and not options.is_empty():
        raise ArmatureError(
            "a token or a TLS authority protects nothing without a TLS certificate and key; "
            "give those too"
        )
    if not is_loopback(listen) and not (found.certificate and (found.token or found.authority)):
        raise ArmatureError(
            f"refuses to listen on {listen}: other machines could reach it unprotected; listen "
            "on 127.0.0.1, or give a TLS certificate and key with a token file, or with the "
            "authority of client certificates"
        )
    if not found.certificate:
        return None, ""
    credentials = grpc.ssl_server_credentials(
        [(found.key, found.certificate)],
        root_certificates=found.authority,
        require_client_auth=found.authority is not None,
    )
    return credentials, found.token


def bears_token(metadata: Any, token: str) -> bool:
    """Whether a call's metadata, (key, value) pairs, holds the token; in constant time."""
    expected = f"Bearer {token}".encode()
    return any(
        key == "authorization" and hmac.compare_digest(str(value).encode(), expected)
        for key, value in metadata
    )


def new_incarnation() -> int:
    """A number that tells this start of a process from every other one; never 0."""
    return secrets.randbits(64) or 1


def make_handshake(peer_name: str, incarnation: int) -> Any:
    return wire.Handshake(
        protocol_version=PROTOCOL_VERSION, peer_name=peer_name, incarnation=incarnation
    )


class ProtocolVersionError(ArmatureError):
    """The peer speaks another version of the protocol."""


def check_handshake(handshake: Any) -> None:
    """ProtocolVersionError: another version; WireError: breaks proto/handshake.proto."""
    if handshake.protocol_version != PROTOCOL_VERSION:
        raise ProtocolVersionError(
            f"handshake.protocol_version: expected {PROTOCOL_VERSION}, got "
            f"{handshake.protocol_version}; run the same Armature on both sides"
        )
    if not _PEER_NAME.fullmatch(handshake.peer_name):
        raise WireError("handshake.peer_name: expected 1 to 64 letters, digits, '_', '.' or '-'")
    if handshake.incarnation == 0:
        raise WireError("handshake.incarnation: expected a number other than 0")


def _read(path: str, what: str) -> bytes | None:
    if not path:
        return None
    try:
        text = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ArmatureError(f"{what} {path}: cannot be read: {error.strerror}") from error
    if not text:
        raise ArmatureError(f"{what} {path}: is empty")
    return text


def _read_secrets(options: TransportOptions) -> _Secrets:
    if bool(options.tls_certificate) != bool(options.tls_key):
        raise ArmatureError("TLS certificate and key: give both or neither")
    token = (_read(options.token_file, "token file") or b"").splitlines()
    if options.token_file and not token[0]:
        raise ArmatureError(f"token file {options.token_file}: its first line is empty")
    return _Secrets(
        _read(options.tls_certificate, "TLS file"),
        _read(options.tls_key, "TLS file"),
        _read(options.tls_authority, "TLS file"),
        token[0].decode() if token else "",
    )

"""Credentials, keepalive and caps of every channel and server, as common/rpc/transport.h.

Loopback and unix sockets need nothing. A server that listens elsewhere refuses to start
unless it has TLS and a token, or mutual TLS. A token is sent over TLS only.
Thread safety: free functions.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from typing import Any

import grpc

from armature import wire
from armature.address import Address, parse_address
from armature.errors import ArmatureError, WireError
from armature.identity import TransportOptions as TransportOptions
from armature.identity import read_secrets

# Equal to common/rpc/protocol.h.
PROTOCOL_VERSION = 2

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
    # For TLS and the first frames of HTTP/2; and for a connection without a call.
    ("grpc.server_handshake_timeout_ms", 10000),
    ("grpc.max_connection_idle_ms", 300000),
    # A second server on the same port must fail, not share it.
    ("grpc.so_reuseport", 0),
]


# The process in which gRPC first had a channel; its forks inherit this, not gRPC's threads.
_grpc_process: int | None = None


def make_channel(address: str, options: TransportOptions) -> grpc.Channel:
    """A channel, not connected yet: plaintext to a unix socket, and to loopback without options.

    ArmatureError: `address` is none, this process was forked from one that had a channel, or
    as read_secrets.
    """
    _refuse_after_fork(address)
    parsed = parse_address(address)
    found = read_secrets(options)
    channel_options = list(CHANNEL_OPTIONS)
    if parsed.is_loopback:  # Reached directly, whatever HTTP proxy the environment names.
        channel_options.append(("grpc.enable_http_proxy", 0))
    if not uses_tls(parsed, options):
        return grpc.insecure_channel(parsed.target, options=channel_options)
    if options.tls_server_name:
        channel_options.append(("grpc.ssl_target_name_override", options.tls_server_name))
    credentials = grpc.ssl_channel_credentials(found.authority, found.key, found.certificate)
    if found.token:
        credentials = grpc.composite_channel_credentials(
            credentials, grpc.access_token_call_credentials(found.token)
        )
    return grpc.secure_channel(parsed.target, credentials, options=channel_options)


def _refuse_after_fork(address: str) -> None:
    global _grpc_process
    _grpc_process = _grpc_process or os.getpid()
    if _grpc_process != os.getpid():
        raise ArmatureError(
            f"{address}: this process was forked from process {_grpc_process}, which had used "
            "gRPC; gRPC hangs after a fork, so start processes by spawn: "
            "AsyncVectorEnv(..., context='spawn'), SubprocVecEnv(..., start_method='spawn'), "
            "multiprocessing.get_context('spawn'); or armature.make_vec, which needs none"
        )


def uses_tls(address: Address, options: TransportOptions) -> bool:
    """Whether a client with these options speaks TLS to `address`."""
    return not address.is_unix and not (address.is_loopback and options.is_empty())


def server_security(
    listen: str, options: TransportOptions
) -> tuple[grpc.ServerCredentials | None, str]:
    """Credentials for a server on `listen` (None: plaintext) and the token that it demands.

    ArmatureError: not loopback and not secured (the message gives the remedies), `listen` is
    no address, or as read_secrets.
    """
    address = parse_address(listen, listen=True)
    found = read_secrets(options)
    if address.is_unix:
        return None, ""
    if not found.certificate and not options.is_empty():
        raise ArmatureError(
            "a token or a TLS authority protects nothing without a TLS certificate and key; "
            "give those too"
        )
    is_secured = found.certificate and (found.token or options.demands_certificates)
    if not address.is_loopback and not is_secured:
        raise ArmatureError(
            f"refuses to listen on {listen}: other machines could reach it unprotected; listen "
            "on 127.0.0.1, or give a TLS certificate and key with the authority of client "
            "certificates, or with a token file"
        )
    if not found.certificate:
        return None, ""
    credentials = grpc.ssl_server_credentials(
        [(found.key, found.certificate)],
        root_certificates=found.authority,
        require_client_auth=options.demands_certificates,
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


def check_version(version: int, name: str = "protocol_version") -> None:
    """ProtocolVersionError: not this one's; `name` is the field that says it."""
    if version != PROTOCOL_VERSION:
        raise ProtocolVersionError(
            f"{name}: expected {PROTOCOL_VERSION}, got {version}; run the same Armature on both "
            "sides"
        )


def check_handshake(handshake: Any) -> None:
    """ProtocolVersionError: another version; WireError: breaks proto/handshake.proto."""
    check_version(handshake.protocol_version, "handshake.protocol_version")
    if not _PEER_NAME.fullmatch(handshake.peer_name):
        raise WireError("handshake.peer_name: expected 1 to 64 letters, digits, '_', '.' or '-'")
    if handshake.incarnation == 0:
        raise WireError("handshake.incarnation: expected a number other than 0")

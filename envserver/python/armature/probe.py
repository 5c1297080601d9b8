"""Why a peer cannot be reached, in words that name the remedy; as common/rpc/peer_probe.h.

Thread safety: free functions.
"""

from __future__ import annotations

import contextlib
import enum
import os
import socket
import ssl
import time

from armature.address import Address

_TIMEOUT_S = 1.0
# Of TLS records: a handshake or an alert, of major version 3.
_TLS = (b"\x16\x03", b"\x15\x03")
# With this type of frame an HTTP/2 server begins, after three bytes of length.
_HTTP2_SETTINGS = 4


class Spoken(enum.Enum):
    NOTHING = 0  # Nobody answers, or in no tongue known here.
    TLS = 1
    HTTP2 = 2  # Plaintext, as gRPC without TLS.


def probe(address: Address, timeout_s: float = _TIMEOUT_S) -> Spoken:
    """What is spoken at an address: by the first bytes that answer a TLS handshake."""
    if address.is_unix:
        return Spoken.NOTHING  # There is never TLS.
    deadline = time.monotonic() + timeout_s
    received = b""
    try:
        with socket.create_connection((address.host, address.port), timeout_s) as connection:
            connection.sendall(_client_hello())
            while len(received) < 4:
                connection.settimeout(max(1e-3, deadline - time.monotonic()))
                part = connection.recv(64)
                if not part:
                    break
                received += part
    except OSError:
        pass
    if received[:2] in _TLS:
        return Spoken.TLS
    is_http2 = len(received) >= 4 and received[0] == 0 and received[3] == _HTTP2_SETTINGS
    return Spoken.HTTP2 if is_http2 else Spoken.NOTHING


def explain_failure(address: Address, *, tls: bool) -> str:
    """More than gRPC says of a peer that was not reached; "" where nothing is known."""
    spoken = probe(address)
    if spoken is Spoken.TLS and not tls:
        return (
            "it speaks TLS, and this side does not: give transport=armature.TransportOptions("
            "tls_authority=...) and what that side demands, tls_certificate and tls_key or "
            "token_file"
        )
    if spoken is Spoken.HTTP2 and tls:
        return (
            "it speaks without TLS, and this side with it: start that side with "
            "--tls_certificate and --tls_key, or leave transport out on this side"
        )
    proxy = "" if address.is_loopback else _proxy_for(address.host)
    if not proxy:
        return ""
    return (
        f"through the proxy that the environment variable {proxy} names; "
        f"no_proxy={address.host} goes without"
    )


def _client_hello() -> bytes:
    """The bytes with which a TLS client begins."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out)
    with contextlib.suppress(ssl.SSLWantReadError):  # It wants an answer, and gets none.
        client.do_handshake()
    return out.read()


def _proxy_for(host: str) -> str:
    """ "http_proxy=..." if gRPC would go through it; it looks at these variables."""
    for variable in ("no_grpc_proxy", "no_proxy"):
        if variable in os.environ:
            suffixes = (suffix.strip() for suffix in os.environ[variable].split(","))
            if any(suffix and host.endswith(suffix) for suffix in suffixes):
                return ""
            break
    for variable in ("grpc_proxy", "https_proxy", "http_proxy"):
        if os.environ.get(variable):
            return f"{variable}={os.environ[variable]}"
    return ""

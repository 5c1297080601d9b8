"""Addresses as users write them, and the one parser of them; as common/rpc/address.h.

Thread safety: free functions.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import urllib.parse

from armature.errors import ArmatureError

# The longest path of a unix socket that the kernel takes, in bytes.
SOCKET_PATH_MAX = 107
_PORT_MAX = 65535
_UNIX = "unix:"
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclasses.dataclass(frozen=True)
class Address:
    """ "host:port", "[::1]:port" or "unix:/path"."""

    host: str = ""  # Without the brackets of an IPv6 address.
    port: int = 0  # 0 only where one listens: any free one.
    socket_path: str = ""  # Of a unix socket, absolute; host and port are then unset.

    @property
    def is_unix(self) -> bool:
        return bool(self.socket_path)

    @property
    def is_loopback(self) -> bool:
        """Whether it is reached from this machine only; no for names but localhost."""
        if self.is_unix or self.host in ("localhost", "::1"):
            return True
        try:
            return ipaddress.IPv4Address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def target(self) -> str:
        """What gRPC calls it: a URI, so that a path may hold any character."""
        return _UNIX + urllib.parse.quote(self.socket_path) if self.is_unix else str(self)

    def __str__(self) -> str:
        if self.is_unix:
            return _UNIX + self.socket_path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, *, listen: bool = False) -> Address:
    """Of a peer; with `listen`, of this process, where port 0 is any free one.

    ArmatureError: says what is wrong with it.
    """
    if text.startswith(_UNIX):
        return _parse_socket_path(text, text[len(_UNIX) :])
    host, colon, port = text.rpartition(":")
    if not colon:
        raise _wrong(text, "expected host:port, [IPv6]:port or unix:/path")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise _wrong(text, f"'{host}' is not an IPv6 address") from None
    elif ":" in host:
        raise _wrong(text, "an IPv6 address is written in brackets, e.g. [::1]:5556")
    elif not _HOST_NAME.fullmatch(host):
        raise _wrong(text, "expected a host's name or number before the ':'")
    low = 0 if listen else 1
    if not re.fullmatch("[0-9]+", port) or not low <= int(port) <= _PORT_MAX:
        raise _wrong(text, f"the port is '{port}', expected {low} to {_PORT_MAX}")
    return Address(host, int(port))


def _parse_socket_path(text: str, path: str) -> Address:
    if not path.startswith("/"):
        raise _wrong(
            text, "expected unix: and an absolute path, e.g. unix:/run/user/1000/simulator"
        )
    size = len(path.encode())
    if size > SOCKET_PATH_MAX:
        raise _wrong(
            text,
            f"the path of a unix socket has at most {SOCKET_PATH_MAX} bytes, this one {size}",
        )
    if re.search(r"[,#\x00-\x1f\x7f]", path):  # Lists of addresses are written with them.
        raise _wrong(text, "the path of a unix socket has no ',', '#' or control characters here")
    return Address(socket_path=path)


def _wrong(text: str, what: str) -> ArmatureError:
    return ArmatureError(f"'{text}' is not an address: {what}")

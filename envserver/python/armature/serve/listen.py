"""Where ``armature-serve`` listens.

Thread safety: none; the umask of the process is changed for a moment.
"""

from __future__ import annotations

import os
import socket

import grpc

from armature.address import Address, parse_address
from armature.errors import ArmatureError


def bind(server: grpc.aio.Server, listen: str, credentials: grpc.ServerCredentials | None) -> str:
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

"""What this package raises."""

from __future__ import annotations


class ArmatureError(RuntimeError):
    """Anything that Armature refuses or that goes wrong on the way to a server."""


class WireError(ArmatureError):
    """A message that breaks the rules of ``proto/``; says field, what came, what was expected."""


class OptionError(ArmatureError, ValueError):
    """A reset option or a parameter that the environment does not have; lists those it has."""


class ServerError(ArmatureError):
    """An env server ended a call or a session.

    ``code`` is the gRPC status code's name (``"NOT_FOUND"``), ``address`` the server's.
    """

    def __init__(self, address: str, code: str, message: str) -> None:
        super().__init__(f"env server at {address}: {code}: {message}")
        self.address = address
        self.code = code

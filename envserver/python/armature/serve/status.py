"""How calls and sessions end.

Thread safety: free functions and immutable values.
"""

from __future__ import annotations

import dataclasses

import grpc

from armature.errors import ArmatureError


@dataclasses.dataclass(frozen=True)
class Status:
    code: grpc.StatusCode
    message: str

    @property
    def is_ok(self) -> bool:
        return self.code is grpc.StatusCode.OK


class RefusalError(ArmatureError):
    """A call or session that the server refuses, with the status that it ends in."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

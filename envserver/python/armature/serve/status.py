"""How calls and sessions end, and durations in words, as the C++ server has them.

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


def format_duration(seconds: float) -> str:
    """ "50ms", "1.5s", "1m30s", "2h": as Abseil's FormatDuration."""
    if seconds <= 0:
        return "0"
    if seconds < 1:
        for unit, size in (("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
            if seconds >= size:
                return f"{round(seconds / size, 6):g}{unit}"
        return "0"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{hours:.0f}h" if hours else ""
    text += f"{minutes:.0f}m" if minutes else ""
    return text + (f"{round(rest, 9):g}s" if rest else "")

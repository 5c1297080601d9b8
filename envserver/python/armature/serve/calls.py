"""The calls into an environment, and how long each may take.

Thread safety: free functions and immutable values.
"""

from __future__ import annotations

import dataclasses
import enum

from armature.serve.durations import format_duration


class Call(enum.IntEnum):
    STEP = 0
    RESET = 1
    MAKE = 2
    RENDER = 3
    CLOSE = 4
    COMPUTE_REWARD = 5
    SAVE_STATE = 6
    RESTORE_STATE = 7


CALL_NAMES = {
    Call.STEP: "step",
    Call.RESET: "reset",
    Call.MAKE: "making the environment",
    Call.RENDER: "render",
    Call.CLOSE: "close",
    Call.COMPUTE_REWARD: "compute_reward",
    Call.SAVE_STATE: "save_state",
    Call.RESTORE_STATE: "restore_state",
}
_FLAGS = {Call.RESET: "--reset_timeout_s", Call.MAKE: "--start_timeout_s"}


@dataclasses.dataclass(frozen=True)
class CallLimits:
    """Seconds after which a call counts as hung, by the flags of the same names."""

    step_s: float
    reset_s: float
    start_s: float

    @property
    def shortest_s(self) -> float:
        return min(self.step_s, self.reset_s, self.start_s)

    def of(self, call: Call) -> float:
        return {Call.RESET: self.reset_s, Call.MAKE: self.start_s}.get(call, self.step_s)


def describe_hung(call: Call, limit_s: float) -> str:
    """ "reset has not returned for 15s (--reset_timeout_s)"."""
    flag = _FLAGS.get(call, "--step_timeout_s")
    return f"{CALL_NAMES[call]} has not returned for {format_duration(limit_s)} ({flag})"

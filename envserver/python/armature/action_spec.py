"""An environment's action space: the ActionSpec of ``proto/spec.proto`` as plain values.

Thread safety: immutable.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from armature import wire
from armature.errors import ArmatureError, WireError
from armature.tensors import without_negative_zero


@dataclasses.dataclass(frozen=True)
class ActionSpec:
    """A Box (`low`, `high`), a Discrete or a MultiDiscrete (`choices`, one count a component).

    On the wire an action is `size` floats: in the units of the bounds, or the index of each
    component's choice, counted from 0. Users see it in `shape`, () of a Discrete, and counted
    from `start`. Members that go without saying may be left out.
    """

    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    choices: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    start: tuple[int, ...] = ()  # Empty: all 0.

    def __post_init__(self) -> None:
        # One action has one form, by which specs are compared.
        if not self.shape and self.size and not self.is_scalar:
            object.__setattr__(self, "shape", (self.size,))
        if not any(self.start):
            object.__setattr__(self, "start", ())

    @property
    def is_discrete(self) -> bool:
        return bool(self.choices)

    @property
    def is_scalar(self) -> bool:
        return len(self.choices) == 1 and not self.shape

    @property
    def size(self) -> int:
        """Floats that carry one action."""
        return len(self.choices) if self.is_discrete else len(self.low)

    @property
    def policy_size(self) -> int:
        """Outputs a policy needs: components of a Box, or the choices of all components."""
        return sum(self.choices) if self.is_discrete else len(self.low)

    def __str__(self) -> str:
        if not self.is_discrete:
            return f"Box {', '.join(map(str, self.shape))}"
        return f"{self.choices[0]} choices" if self.is_scalar else f"choices {list(self.choices)}"

    def space(self) -> gym.spaces.Space[Any]:
        """As a Gymnasium space."""
        if self.is_scalar:
            return gym.spaces.Discrete(self.choices[0], start=self.start[0] if self.start else 0)
        if self.is_discrete:
            counts = np.array(self.choices).reshape(self.shape)
            if not any(self.start):
                return gym.spaces.MultiDiscrete(counts)
            start = np.array(self.start).reshape(self.shape)
            return gym.spaces.MultiDiscrete(counts, start=start)
        low, high = (np.array(bound, np.float32) for bound in (self.low, self.high))
        return gym.spaces.Box(low.reshape(self.shape), high.reshape(self.shape))

    def to_user(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Actions as users have them, [n, shape...], of rows from the wire, [n, size]."""
        if self.is_discrete:
            rows = rows.astype(np.int64) + np.array(self.start or 0, np.int64)
        return rows.reshape(len(rows), *self.shape)

    def to_rows(self, actions: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Rows for the wire, float32 [n, size], of [n, shape...] actions of users.

        ArmatureError: another shape, no integers, or no choice.
        """
        array = np.asarray(actions)
        expected = "integers" if self.is_discrete else "numbers"
        if array.shape[1:] != self.shape or array.dtype.kind not in (
            "iu" if self.is_discrete else "iuf"
        ):
            shape = ", ".join(map(str, ["n", *self.shape]))
            raise ArmatureError(
                f"action: {array.dtype} of shape {list(array.shape)} came, expected {expected} of "
                f"shape [{shape}]"
            )
        if not self.is_discrete:
            return array.astype(np.float32, copy=False).reshape(len(array), self.size)
        first = np.array(self.start or [0] * self.size, np.int64)
        rows = array.astype(np.int64).reshape(len(array), self.size) - first
        wrong = (rows < 0) | (rows >= np.array(self.choices))
        if wrong.any():
            row, i = np.argwhere(wrong)[0]
            place = f"[{row}]" if self.is_scalar else f"[{row},{i}]"
            raise ArmatureError(
                f"action{place} is {rows[row, i] + first[i]}, expected "
                f"{first[i]}..{first[i] + self.choices[i] - 1}"
            )
        return rows.astype(np.float32)

    def check_choices(self, rows: npt.NDArray[np.float32]) -> None:
        """WireError: a value of `rows`, [n, size], is no choice of its component."""
        wrong = ~((rows >= 0) & (rows < np.array(self.choices)) & (rows == np.floor(rows)))
        if wrong.any():
            row, i = np.argwhere(wrong)[0]
            raise WireError(
                f"action[{row},{i}] is {rows[row, i]:g}, expected a whole number in "
                f"0..{self.choices[i] - 1}"
            )

    def check_bounds(
        self, rows: npt.NDArray[np.float32], name: str, counts: npt.NDArray[np.bool_]
    ) -> None:
        """WireError: a value of `rows`, [n, size], is not within the Box, rounded to float32.

        Rows where `counts`, [n], is false are not looked at.
        """
        low, high = (np.array(bound, np.float32) for bound in (self.low, self.high))
        wrong = ~((rows >= low) & (rows <= high)) & counts[:, np.newaxis]
        if wrong.any():
            row, i = np.argwhere(wrong)[0]
            raise WireError(
                f"{name}[{row},{i}] is {rows[row, i]:g}, expected {self.low[i]:g} .. "
                f"{self.high[i]:g}"
            )

    def to_wire(self) -> Any:
        message = wire.ActionSpec()
        if self.is_scalar:
            message.discrete.count = self.choices[0]
        elif self.is_discrete:
            message.multi_discrete.count.extend(self.choices)
        else:
            message.box.size = len(self.low)
            message.box.low.extend(map(without_negative_zero, self.low))
            message.box.high.extend(map(without_negative_zero, self.high))
        # What goes without saying is not said: one action has one wire form, and one hash.
        if len(self.shape) > 1:
            message.shape.extend(self.shape)
        if any(self.start):
            message.start.extend(self.start)
        return message

    @staticmethod
    def from_wire(message: Any) -> ActionSpec:
        kind = message.WhichOneof("space")
        if kind is None:
            raise WireError("action is of a kind that this version does not know, or of none")
        shape = tuple(message.shape)
        if kind == "discrete":
            return ActionSpec(
                choices=(message.discrete.count,), shape=shape, start=tuple(message.start)
            )
        if kind == "multi_discrete":
            counts = tuple(message.multi_discrete.count)
            # Of a single component, too: it is no scalar.
            return ActionSpec(
                choices=counts, shape=shape or (len(counts),), start=tuple(message.start)
            )
        low, high = tuple(message.box.low), tuple(message.box.high)
        return ActionSpec(low, high, shape=shape, start=tuple(message.start))

    def validate(self) -> None:
        """WireError: names the member that breaks proto/spec.proto's rules."""
        if self.is_discrete:
            least = 2 if self.is_scalar else 1
            if min(self.choices) < least:
                name = "discrete" if self.is_scalar else "multi_discrete"
                raise WireError(f"action.{name}.count must be at least {least}")
        else:
            self._validate_box()
        if self.shape and math.prod(self.shape) != self.size:
            raise WireError(f"action.shape is {list(self.shape)} for {self.size} components")
        if self.start and (not self.is_discrete or len(self.start) != self.size):
            raise WireError(f"action.start is {list(self.start)} for {self}")

    def _validate_box(self) -> None:
        if not self.low or len(self.low) != len(self.high):
            raise WireError(
                f"action.box has {len(self.low)} lower and {len(self.high)} upper bounds; "
                "expected as many, at least 1"
            )
        for i, (low, high) in enumerate(zip(self.low, self.high)):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise WireError(
                    f"action.box[{i}] has bounds [{low}, {high}]; expected finite, low < high"
                )

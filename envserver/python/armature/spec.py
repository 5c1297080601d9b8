"""What an environment looks like from outside: ``proto/spec.proto`` as plain values.

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
from armature.errors import WireError
from armature.tensors import NUMPY_DTYPES, wire_dtype

_FNV_OFFSET = 14695981039346656037
_FNV_PRIME = 1099511628211


@dataclasses.dataclass(frozen=True)
class FieldSpec:
    """One named array of an observation; `shape` is of one environment.

    `low` and `high`: no value (unbounded), one for all elements, or one an element.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def space(self) -> gym.spaces.Box:
        """As a Gymnasium space; where integers have no bound, their dtype's."""
        low = _filled(self.low, -math.inf, self.shape, self.dtype)
        high = _filled(self.high, math.inf, self.shape, self.dtype)
        return gym.spaces.Box(low, high, self.shape, self.dtype.type)


@dataclasses.dataclass(frozen=True)
class EnvSpec:
    """See ``proto/spec.proto``, which documents every member.

    `action_low` and `action_high` are a Box's bounds; for Discrete actions they are
    empty and `num_choices` is at least 2.
    """

    id: str
    observation: tuple[FieldSpec, ...]
    action_low: tuple[float, ...] = ()
    action_high: tuple[float, ...] = ()
    num_choices: int = 0
    achieved_field: str = ""
    desired_field: str = ""
    horizon: int = 0
    control_period_s: float = 1.0
    reward_low: float = -math.inf
    reward_high: float = math.inf
    render_width_px: int = 0
    render_height_px: int = 0
    reports_success: bool = False

    @property
    def is_discrete(self) -> bool:
        return self.num_choices > 0

    @property
    def action_size(self) -> int:
        """Floats that carry one action: components of a Box, 1 for Discrete."""
        return 1 if self.is_discrete else len(self.action_low)

    @property
    def has_goal(self) -> bool:
        return bool(self.achieved_field)

    @property
    def can_render(self) -> bool:
        return self.render_width_px > 0

    def field(self, name: str) -> FieldSpec:
        """The observation field `name`. KeyError: there is none."""
        for field in self.observation:
            if field.name == name:
                return field
        raise KeyError(name)

    @property
    def is_plain(self) -> bool:
        """Whether users see an array and no dict: the only field is "observation"."""
        return len(self.observation) == 1 and self.observation[0].name == "observation"

    def observation_space(self) -> gym.spaces.Space[Any]:
        if self.is_plain:
            return self.observation[0].space()
        return gym.spaces.Dict({field.name: field.space() for field in self.observation})

    def action_space(self) -> gym.spaces.Space[Any]:
        if self.is_discrete:
            return gym.spaces.Discrete(self.num_choices)
        return gym.spaces.Box(
            np.array(self.action_low, np.float32), np.array(self.action_high, np.float32)
        )

    def to_wire(self) -> Any:
        message = wire.EnvSpec(
            id=self.id,
            horizon=self.horizon,
            control_period_s=self.control_period_s,
            reward_low=_without_negative_zero(self.reward_low),
            reward_high=_without_negative_zero(self.reward_high),
            reports_success=self.reports_success,
        )
        for field in self.observation:
            message.observation.add(
                name=field.name,
                dtype=wire_dtype(field.dtype),
                shape=field.shape,
                low=map(_without_negative_zero, field.low),
                high=map(_without_negative_zero, field.high),
            )
        if self.is_discrete:
            message.action.discrete.count = self.num_choices
        else:
            message.action.box.size = len(self.action_low)
            message.action.box.low.extend(map(_without_negative_zero, self.action_low))
            message.action.box.high.extend(map(_without_negative_zero, self.action_high))
        if self.has_goal:
            message.goal.achieved_field = self.achieved_field
            message.goal.desired_field = self.desired_field
        if self.can_render:
            message.render.width_px = self.render_width_px
            message.render.height_px = self.render_height_px
        return message

    @staticmethod
    def from_wire(message: Any) -> EnvSpec:
        """WireError: what came breaks the rules of proto/spec.proto."""
        fields = []
        for field in message.observation:
            if field.dtype not in NUMPY_DTYPES:
                raise WireError(f"{message.id}: observation field '{field.name}' has no dtype")
            fields.append(
                FieldSpec(
                    field.name,
                    NUMPY_DTYPES[field.dtype],
                    tuple(field.shape),
                    tuple(field.low),
                    tuple(field.high),
                )
            )
        spec = EnvSpec(
            id=message.id,
            observation=tuple(fields),
            action_low=tuple(message.action.box.low),
            action_high=tuple(message.action.box.high),
            num_choices=message.action.discrete.count,
            achieved_field=message.goal.achieved_field,
            desired_field=message.goal.desired_field,
            horizon=message.horizon,
            control_period_s=message.control_period_s,
            reward_low=message.reward_low,
            reward_high=message.reward_high,
            render_width_px=message.render.width_px,
            render_height_px=message.render.height_px,
            reports_success=message.reports_success,
        )
        spec.validate()
        return spec

    def validate(self) -> None:
        """WireError: names the member that breaks proto/spec.proto's rules."""
        if not self.id:
            raise WireError("spec.id is empty")
        if not self.observation:
            raise WireError(f"{self.id}: spec.observation has no field")
        names = [field.name for field in self.observation]
        for name in names:
            if names.count(name) > 1:
                raise WireError(f"{self.id}: observation field '{name}' is named twice")
        for field in self.observation:
            if any(extent < 1 for extent in field.shape):
                raise WireError(
                    f"{self.id}: observation field '{field.name}' has shape {list(field.shape)}"
                )
            for bounds in (field.low, field.high):
                if len(bounds) not in (0, 1, field.size):
                    raise WireError(
                        f"{self.id}: field '{field.name}' has {len(bounds)} bounds; "
                        f"expected 0, 1 or {field.size}"
                    )
        self._validate_action()
        if self.has_goal:
            shapes = {f.shape for f in self.observation if f.name in self._goal_fields}
            if len(self._goal_fields & set(names)) != 2 or len(shapes) != 1:
                raise WireError(
                    f"{self.id}: goal fields '{self.achieved_field}' and '{self.desired_field}' "
                    "must be observation fields of one shape"
                )
        if not self.control_period_s > 0:
            raise WireError(f"{self.id}: control_period_s is {self.control_period_s}; expected > 0")

    @property
    def _goal_fields(self) -> set[str]:
        return {self.achieved_field, self.desired_field}

    def _validate_action(self) -> None:
        if self.is_discrete:
            if self.num_choices < 2:
                raise WireError(f"{self.id}: action.discrete.count must be at least 2")
            return
        if not self.action_low or len(self.action_low) != len(self.action_high):
            raise WireError(
                f"{self.id}: action.box has {len(self.action_low)} lower and "
                f"{len(self.action_high)} upper bounds; expected as many, at least 1"
            )
        for i, (low, high) in enumerate(zip(self.action_low, self.action_high)):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise WireError(
                    f"{self.id}: action.box[{i}] has bounds [{low}, {high}]; "
                    "expected finite, low < high"
                )

    def hash(self) -> int:
        """FNV-1a (64 bit) of the deterministic wire form; never 0. The same in every process."""
        value = _FNV_OFFSET
        for byte in self.to_wire().SerializeToString(deterministic=True):
            value = (value ^ byte) * _FNV_PRIME % (1 << 64)
        return value or 1


def _without_negative_zero(bound: float) -> float:
    """-0 becomes 0: equal bounds have one wire form, and one hash."""
    return bound + 0.0


def _filled(
    bounds: tuple[float, ...], default: float, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    values = bounds or (default,)
    if dtype.kind != "f":  # A double may hold what the dtype does not.
        limits = np.iinfo(dtype)
        # int() last: float(limits.max) may be beyond limits.max.
        values = tuple(
            limits.min if v <= limits.min else limits.max if v >= limits.max else int(v)
            for v in values
        )
    if len(values) == 1:
        return np.full(shape, values[0], dtype)
    return np.array(values, dtype).reshape(shape)

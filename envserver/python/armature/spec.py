"""What an environment looks like from outside: ``proto/spec.proto`` as plain values.

Thread safety: immutable.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from armature import wire
from armature.action_spec import ActionSpec
from armature.errors import WireError
from armature.tensors import NUMPY_DTYPES, wire_dtype, without_negative_zero

_FNV_OFFSET = 14695981039346656037
_FNV_PRIME = 1099511628211
# Of metrics and parameters, as proto/spec.proto has it.
_REPORT_NAME = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*")
# proto/spec.proto: how the steps of an episode become a metric's one number.
AGGREGATIONS = {"sum": 1, "mean": 2, "last": 3}
_AGGREGATION_NAMES = {number: name for name, number in AGGREGATIONS.items()}


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

    def add_to(self, messages: Any) -> None:
        """Appends itself to a repeated field of the wire's FieldSpecs."""
        messages.add(
            name=self.name,
            dtype=wire_dtype(self.dtype),
            shape=self.shape,
            low=map(without_negative_zero, self.low),
            high=map(without_negative_zero, self.high),
        )

    @staticmethod
    def from_wire(message: Any) -> FieldSpec:
        """WireError: has no dtype."""
        if message.dtype not in NUMPY_DTYPES:
            raise WireError(f"field '{message.name}' has no dtype")
        return FieldSpec(
            message.name,
            NUMPY_DTYPES[message.dtype],
            tuple(message.shape),
            tuple(message.low),
            tuple(message.high),
        )


@dataclasses.dataclass(frozen=True)
class MetricSpec:
    """A number that comes with each step; `aggregation`: one of AGGREGATIONS."""

    name: str
    aggregation: str


@dataclasses.dataclass(frozen=True)
class ParameterSpec:
    """A number that is given to an environment for the episodes to come."""

    name: str
    low: float
    high: float
    initial: float


@dataclasses.dataclass(frozen=True)
class EnvSpec:
    """See ``proto/spec.proto``, which documents every member."""

    id: str
    observation: tuple[FieldSpec, ...]
    action: ActionSpec = dataclasses.field(default_factory=ActionSpec)
    achieved_field: str = ""
    desired_field: str = ""
    horizon: int = 0
    control_period_s: float = 1.0
    reward_low: float = -math.inf
    reward_high: float = math.inf
    render_width_px: int = 0
    render_height_px: int = 0
    reports_success: bool = False
    goal_extra: tuple[FieldSpec, ...] = ()
    metrics: tuple[MetricSpec, ...] = ()
    parameters: tuple[ParameterSpec, ...] = ()
    saves_state: bool = False
    has_scene: bool = False
    reports_executed_action: bool = False

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

    def to_wire(self) -> Any:
        message = wire.EnvSpec(
            id=self.id,
            horizon=self.horizon,
            control_period_s=self.control_period_s,
            reward_low=without_negative_zero(self.reward_low),
            reward_high=without_negative_zero(self.reward_high),
            reports_success=self.reports_success,
        )
        for field in self.observation:
            field.add_to(message.observation)
        message.action.CopyFrom(self.action.to_wire())
        if self.has_goal:
            message.goal.achieved_field = self.achieved_field
            message.goal.desired_field = self.desired_field
            for field in self.goal_extra:
                field.add_to(message.goal.extra)
        if self.can_render:
            message.render.width_px = self.render_width_px
            message.render.height_px = self.render_height_px
        for metric in self.metrics:
            message.metric.add(name=metric.name, aggregation=AGGREGATIONS[metric.aggregation])
        for parameter in self.parameters:
            message.parameter.add(
                name=parameter.name,
                low=without_negative_zero(parameter.low),
                high=without_negative_zero(parameter.high),
                initial=without_negative_zero(parameter.initial),
            )
        message.saves_state = self.saves_state
        message.has_scene = self.has_scene
        message.reports_executed_action = self.reports_executed_action
        return message

    @staticmethod
    def from_wire(message: Any) -> EnvSpec:
        """WireError: what came breaks the rules of proto/spec.proto."""
        try:
            fields = tuple(map(FieldSpec.from_wire, message.observation))
            extra = tuple(map(FieldSpec.from_wire, message.goal.extra))
            action = ActionSpec.from_wire(message.action)
        except WireError as error:
            raise WireError(f"{message.id}: {error}") from None
        spec = EnvSpec(
            id=message.id,
            observation=fields,
            action=action,
            achieved_field=message.goal.achieved_field,
            desired_field=message.goal.desired_field,
            horizon=message.horizon,
            control_period_s=message.control_period_s,
            reward_low=message.reward_low,
            reward_high=message.reward_high,
            render_width_px=message.render.width_px,
            render_height_px=message.render.height_px,
            reports_success=message.reports_success,
            goal_extra=extra,
            metrics=tuple(
                MetricSpec(metric.name, _AGGREGATION_NAMES.get(metric.aggregation, ""))
                for metric in message.metric
            ),
            parameters=tuple(
                ParameterSpec(parameter.name, parameter.low, parameter.high, parameter.initial)
                for parameter in message.parameter
            ),
            saves_state=message.saves_state,
            has_scene=message.has_scene,
            reports_executed_action=message.reports_executed_action,
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
        try:
            self.action.validate()
        except WireError as error:
            raise WireError(f"{self.id}: {error}") from None
        if self.has_goal:
            shapes = {f.shape for f in self.observation if f.name in self._goal_fields}
            if len(self._goal_fields & set(names)) != 2 or len(shapes) != 1:
                raise WireError(
                    f"{self.id}: goal fields '{self.achieved_field}' and '{self.desired_field}' "
                    "must be observation fields of one shape"
                )
        self._validate_extra()
        self._validate_metrics()
        self._validate_parameters()
        if self.reports_executed_action and self.action.is_discrete:
            raise WireError(
                f"{self.id}: reports_executed_action is set, but the action is {self.action}; "
                "expected a Box"
            )
        if not self.control_period_s > 0:
            raise WireError(f"{self.id}: control_period_s is {self.control_period_s}; expected > 0")

    def _validate_extra(self) -> None:
        if self.goal_extra and not self.has_goal:
            raise WireError(f"{self.id}: goal extra field '{self.goal_extra[0].name}' without goal")
        names = [field.name for field in self.goal_extra]
        for field in self.goal_extra:
            is_float = field.dtype == np.dtype("<f4")
            if not (field.name and names.count(field.name) == 1 and is_float and field.size > 0):
                raise WireError(
                    f"{self.id}: goal extra field '{field.name}' must be float32, not empty, and "
                    "named unlike the others"
                )

    def _validate_metrics(self) -> None:
        self._validate_names("metric", [metric.name for metric in self.metrics])
        for metric in self.metrics:
            if metric.aggregation not in AGGREGATIONS:
                raise WireError(
                    f"{self.id}: metric '{metric.name}' has the aggregation "
                    f"'{metric.aggregation}', expected one of {', '.join(AGGREGATIONS)}"
                )

    def _validate_parameters(self) -> None:
        self._validate_names("parameter", [parameter.name for parameter in self.parameters])
        for parameter in self.parameters:
            low, high, initial = parameter.low, parameter.high, parameter.initial
            is_finite = math.isfinite(low) and math.isfinite(high)
            if not (is_finite and low < high and low <= initial <= high):
                raise WireError(
                    f"{self.id}: parameter '{parameter.name}' has limits [{low:g}, {high:g}] and "
                    f"is {initial:g} initially; expected finite, low < high, and an initial value "
                    "between them"
                )

    def _validate_names(self, kind: str, names: list[str]) -> None:
        for name in names:
            if not _REPORT_NAME.fullmatch(name):
                raise WireError(
                    f"{self.id}: {kind} name '{name}' is not made of a-z, 0-9 and _, with / "
                    "between parts"
                )
            if names.count(name) > 1:
                raise WireError(f"{self.id}: {kind} '{name}' is named twice")

    def check_parameters(self, values: Mapping[str, float]) -> dict[int, float]:
        """Each value by its parameter's place in the spec.

        WireError: there is no such parameter, or a value is out of its limits.
        """
        places = {parameter.name: i for i, parameter in enumerate(self.parameters)}
        checked = {}
        for name, value in values.items():
            if name not in places:
                known = f"it has {', '.join(places)}" if places else "it has none"
                raise WireError(f"{self.id} has no parameter '{name}'; {known}")
            parameter = self.parameters[places[name]]
            if not parameter.low <= value <= parameter.high:
                raise WireError(
                    f"parameter '{name}' of {self.id} is {value:g}, expected "
                    f"{parameter.low:g} .. {parameter.high:g}"
                )
            checked[places[name]] = float(value)
        return checked

    @property
    def _goal_fields(self) -> set[str]:
        return {self.achieved_field, self.desired_field}

    def hash(self) -> int:
        """FNV-1a (64 bit) of the deterministic wire form; never 0. The same in every process.

        Without what changes nothing that is learned: pictures, scene and saved states.
        """
        message = self.to_wire()
        for member in ("render", "saves_state", "has_scene"):
            message.ClearField(member)
        value = _FNV_OFFSET
        for byte in message.SerializeToString(deterministic=True):
            value = (value ^ byte) * _FNV_PRIME % (1 << 64)
        return value or 1


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

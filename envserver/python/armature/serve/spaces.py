"""Gymnasium spaces as ``proto/spec.proto`` has them, and values of the one as the other.

Data flow: observation -> `write_observation` -> a row of each field;
action row -> `ActionReader.read` -> what `Env.step` takes.
Thread safety: immutable after construction.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from armature.action_spec import ActionSpec
from armature.errors import ArmatureError
from armature.spec import FieldSpec

# What each dtype of a space crosses the wire as: the nearest that holds its values.
_CARRIERS: dict[str, str] = {
    "bool": "u1",
    "uint8": "u1",
    "int8": "<i4",
    "int16": "<i4",
    "int32": "<i4",
    "uint16": "<i4",
    "int64": "<i8",
    "uint32": "<i8",
    "uint64": "<i8",
    "float16": "<f4",
    "float32": "<f4",
    "float64": "<f8",
}
_INT64_EDGE = 2.0**63


class SpaceError(ArmatureError):
    """A space that cannot be hosted; names it and says what to wrap it in."""


class MalformedError(ArmatureError):
    """An observation that is not what its space says; names key, what came, what was expected."""


class NotFiniteError(ArmatureError):
    """A NaN or an infinity; names where."""


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of the observation: where it is in it, and how it is written.

    `choices`: at least 1 for a Discrete, which is written one-hot from `start` on.
    Where the field holds integers, whole numbers of any dtype are taken.
    """

    spec: FieldSpec
    keys: tuple[str, ...]
    choices: int = 0
    start: int = 0

    def write(self, value: Any, row: npt.NDArray[Any]) -> None:
        """Writes `value` into `row`, [shape...]. MalformedError; NotFiniteError."""
        try:
            array = np.asarray(value)
        except Exception as error:  # Ragged, or an object with an opinion of its own.
            raise MalformedError(
                f"observation '{self.spec.name}' cannot be read: {error}"
            ) from error
        if self.choices:
            return self._write_choice(array, row)
        if array.shape != self.spec.shape:
            raise MalformedError(
                f"observation '{self.spec.name}' has shape {_shape(array.shape)}, expected "
                f"{_shape(self.spec.shape)}"
            )
        if array.dtype == row.dtype:
            row[...] = array
        elif array.dtype.kind not in "biuf":
            raise MalformedError(
                f"observation '{self.spec.name}' has dtype {array.dtype}, expected "
                f"{self.spec.dtype}"
            )
        elif row.dtype.kind == "f":
            np.copyto(row, array, casting="same_kind")
        else:
            self._write_whole(array, row)
        # The product is finite where the values are, unless they are huge.
        if row.dtype.kind == "f" and not math.isfinite(np.vdot(row, row)):
            self._check_finite(row)

    def _write_whole(self, array: npt.NDArray[Any], row: npt.NDArray[Any]) -> None:
        if not np.can_cast(array.dtype, row.dtype, "safe"):
            limits = np.iinfo(row.dtype)
            if array.dtype.kind == "f":
                array = array.astype(np.float64)
            held = (array >= limits.min) & (array < limits.max + 1)
            if array.dtype.kind == "f":
                held &= array == np.rint(array)
            if not held.all():
                place, value = _first(~held, array)
                raise MalformedError(
                    f"observation '{self.spec.name}'{place} is {value}, expected a whole number "
                    f"in {limits.min}..{limits.max}"
                )
        np.copyto(row, array, casting="unsafe")

    def _check_finite(self, row: npt.NDArray[Any]) -> None:
        finite = np.isfinite(row)
        if not finite.all():
            place, value = _first(~finite, row)
            raise NotFiniteError(f"observation '{self.spec.name}'{place} is {value}")

    def _write_choice(self, array: npt.NDArray[Any], row: npt.NDArray[Any]) -> None:
        last = self.start + self.choices - 1
        is_number = array.size == 1 and array.dtype.kind in "biuf"
        choice = array.item() if is_number else math.nan
        if not self.start <= choice <= last or choice != int(choice):
            raise MalformedError(
                f"observation '{self.spec.name}' is {str(array)[:40]}, expected a whole number "
                f"in {self.start}..{last}"
            )
        row[:] = 0
        row[int(choice) - self.start] = 1


def observation_fields(space: gym.Space[Any]) -> tuple[Field, ...]:
    """The fields of an observation space, in its order. SpaceError: cannot be hosted."""
    if isinstance(space, spaces.Dict):
        fields = tuple(_dict_fields(space, ()))
        if not fields:
            raise SpaceError("observation space: the Dict is empty")
        return fields
    return (_field(space, "observation", ()),)


def write_observation(
    fields: Sequence[Field], observation: Any, rows: Sequence[npt.NDArray[Any]]
) -> None:
    """Writes each field into its row. MalformedError; NotFiniteError."""
    for field, row in zip(fields, rows):
        value = observation
        for key in field.keys:
            try:
                value = value[key]
            except (KeyError, TypeError, IndexError):
                raise MalformedError(
                    f"observation has no key '{field.spec.name}': it is {_outline(observation)}"
                ) from None
        field.write(value, row)


class ActionReader:
    """Turns a row of floats from the wire into an action of the environment."""

    def __init__(self, space: gym.Space[Any]) -> None:
        """SpaceError: no bounded Box of floats, Discrete, MultiDiscrete or MultiBinary."""
        self.spec = _action_spec(space)
        self._dtype = space.dtype
        # A bound that float32 rounds may lie outside.
        self._clips_to: spaces.Box | None = None
        if isinstance(space, spaces.Box) and space.dtype != np.float32:
            self._clips_to = space

    def read(self, row: npt.NDArray[np.float32]) -> Any:
        """The action that `row`, [size], stands for; shares no memory with it."""
        action = self.spec.to_user(row[np.newaxis])[0]
        if self.spec.is_scalar:
            return np.int64(action)
        action = action.astype(self._dtype)
        if self._clips_to is not None:
            np.clip(action, self._clips_to.low, self._clips_to.high, out=action)
        return action


def _action_spec(space: gym.Space[Any]) -> ActionSpec:
    if isinstance(space, spaces.Discrete):
        if space.n < 2:
            raise SpaceError(f"action space {space}: expected at least 2 choices")
        return ActionSpec(choices=(int(space.n),), start=(int(space.start),))
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.size:
        return ActionSpec(
            choices=tuple(space.nvec.ravel().tolist()),
            shape=tuple(space.nvec.shape),
            start=tuple(_start(space).ravel().tolist()),
        )
    if isinstance(space, spaces.MultiBinary) and all(space.shape):
        return ActionSpec(choices=(2,) * math.prod(space.shape), shape=tuple(space.shape))
    if not (isinstance(space, spaces.Box) and space.dtype.kind == "f" and all(space.shape)):
        raise SpaceError(
            f"action space {space} cannot be hosted: expected a Box of floats, a Discrete, "
            "MultiDiscrete or MultiBinary; wrap the environment in a gymnasium.ActionWrapper "
            "(TransformAction) that gives one"
        )
    low = np.asarray(space.low, np.float64).ravel()
    high = np.asarray(space.high, np.float64).ravel()
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise SpaceError(
            f"action space {space} has bounds that are infinite or empty; give it bounds of "
            "yours: gymnasium.wrappers.TransformAction(env, lambda action: action, "
            f"gymnasium.spaces.Box(-1, 1, {tuple(space.shape)}))"
        )
    return ActionSpec(tuple(low.tolist()), tuple(high.tolist()), shape=tuple(space.shape))


def _start(space: spaces.MultiDiscrete) -> npt.NDArray[Any]:
    """The first choices; Gymnasium before 1.0 had none but 0."""
    return np.asarray(getattr(space, "start", np.zeros_like(space.nvec)))


def action_space_of(env: gym.Env[Any, Any]) -> gym.Space[Any]:
    """What `env` takes as actions, within the bounds that count.

    A ClipAction takes every action, so its own bounds are infinite: those below it count.
    """
    layer: Any = env
    while isinstance(layer, gym.Wrapper) and layer.action_space is layer.env.action_space:
        layer = layer.env
    if isinstance(layer, gym.wrappers.ClipAction):
        return action_space_of(layer.env)
    return env.action_space


def has_goal(space: gym.Space[Any]) -> bool:
    """Whether it is gymnasium-robotics' dictionary of achieved and desired goal."""
    return isinstance(space, spaces.Dict) and all(
        isinstance(space.spaces.get(key), (spaces.Box, spaces.MultiBinary))
        for key in ("achieved_goal", "desired_goal")
    )


def _dict_fields(space: spaces.Dict, keys: tuple[str, ...]) -> list[Field]:
    fields = []
    for key, inner in space.spaces.items():
        path = (*keys, key)
        if isinstance(inner, spaces.Dict):
            fields.extend(_dict_fields(inner, path))
        else:
            fields.append(_field(inner, "/".join(str(part) for part in path), path))
    return fields


def _field(space: gym.Space[Any], name: str, keys: tuple[str, ...]) -> Field:
    if isinstance(space, spaces.Discrete):
        choices = int(space.n)
        one_hot = FieldSpec(name, np.dtype("<f4"), (choices,), (0.0,), (1.0,))
        return Field(one_hot, keys, choices, int(space.start))
    if isinstance(space, spaces.MultiBinary):
        return Field(FieldSpec(name, np.dtype("u1"), tuple(space.shape), (0.0,), (1.0,)), keys)
    if isinstance(space, spaces.MultiDiscrete):
        first = _start(space)
        last = first + space.nvec - 1
        shape: tuple[int, ...] = tuple(space.nvec.shape)
        return Field(FieldSpec(name, np.dtype("<i8"), shape, _bounds(first), _bounds(last)), keys)
    if isinstance(space, spaces.Box) and str(space.dtype) in _CARRIERS:
        dtype = np.dtype(_CARRIERS[str(space.dtype)])
        if not all(space.shape):
            raise SpaceError(f"observation '{name}': {space} has no element")
        low, high = _bounds(space.low), _bounds(space.high)
        return Field(FieldSpec(name, dtype, tuple(space.shape), low, high), keys)
    raise SpaceError(
        f"observation '{name}': the space {space} cannot be hosted; expected Box, Discrete, "
        "MultiBinary, MultiDiscrete or a Dict of them: wrap the environment in "
        "gymnasium.wrappers.FlattenObservation or TransformObservation"
    )


def _bounds(values: npt.NDArray[Any]) -> tuple[float, ...]:
    """As the wire has bounds: none if all are infinite, one if all are equal."""
    flat = np.asarray(values, np.float64).ravel()
    # An int64 that float64 cannot hold is Gymnasium's word for "unbounded".
    if np.asarray(values).dtype.kind in "iu":
        flat = np.where(np.abs(flat) >= _INT64_EDGE, np.copysign(np.inf, flat), flat)
    if np.isinf(flat).all():
        return ()
    if (flat == flat[0]).all():
        return (float(flat[0]),)
    return tuple(flat.tolist())


def _outline(observation: Any) -> str:
    if isinstance(observation, dict):
        return "a dict with keys " + ", ".join(str(key) for key in observation)
    return f"a {type(observation).__name__}"


def _first(where: npt.NDArray[np.bool_], values: npt.NDArray[Any]) -> tuple[str, Any]:
    """The first place that is True, "" of a scalar, and its value."""
    index = np.unravel_index(int(np.argmax(where)), values.shape)
    return (_shape([int(i) for i in index]) if index else "", values[index])


def _shape(shape: Sequence[int]) -> str:
    return "[" + ",".join(str(extent) for extent in shape) + "]"

"""Between what users have, an environment's own spaces, and what a policy's network has.

Without the environment only its EnvSpec is known. That does not say the dtype of a Box
action, nor where a Discrete of the observation starts: then it counts from 0.
Thread safety: immutable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from armature.errors import ArmatureError
from armature.serve.spaces import ActionReader, Field, action_space_of, observation_fields
from armature.spec import EnvSpec, FieldSpec

Array = npt.NDArray[Any]
Observation = Union[npt.ArrayLike, "Mapping[str, Any]"]

_BOUNDS_TOLERANCE = 1e-6  # float32 rounds bounds.
_GIVE_ENV = "load_policy(..., env=env) takes and gives the spaces of env"


class PolicySpaces:
    """`observation` and `action`: the spaces themselves."""

    def __init__(self, spec: EnvSpec, env: Any = None) -> None:
        """`env`: anything with spaces, e.g. a gymnasium.Env, VectorEnv or a VecEnv.

        ArmatureError: its spaces are not those of `spec`, by the names of its fields.
        """
        self._spec = spec
        self._reader: ActionReader | None = None
        self.observation: gym.Space[Any]
        self.action: gym.Space[Any]
        if env is None:
            self.observation, self.action = spec.observation_space(), spec.action.space()
            self._fields = [
                Field(field, tuple(field.name.split("/"))) for field in spec.observation
            ]
            return
        is_vector = hasattr(env, "single_action_space")
        self.observation = env.single_observation_space if is_vector else env.observation_space
        self.action = env.single_action_space if is_vector else action_space_of(env)
        known = {field.spec.name: field for field in observation_fields(self.observation)}
        self._fields = [_fitting(field, known, spec) for field in spec.observation]
        self._reader = ActionReader(self.action)
        _check_actions(self._reader, self.action, spec)

    def flatten(self, observation: Observation) -> tuple[npt.NDArray[np.float32], bool]:
        """[n, D] of one observation or a batch, and whether it was a batch.

        ArmatureError: a field is missing, or is not what the space says.
        """
        columns: list[npt.NDArray[np.float32]] = []
        batch: tuple[int, ...] | None = None
        for field in self._fields:
            values = self._array(field, self._value(field, observation))
            extra = values.shape[: max(values.ndim - len(field.spec.shape), 0)]
            if values.shape != extra + field.spec.shape or len(extra) > 1:
                raise ArmatureError(
                    f"observation '{field.spec.name}' has shape {list(values.shape)}, expected "
                    f"{list(field.spec.shape)} or a batch of it, as {self._spec.id} has it"
                    + self._advice(field)
                )
            if batch not in (None, extra):
                raise ArmatureError(
                    f"observation '{field.spec.name}' is a batch of {list(extra)}, but "
                    f"'{self._fields[0].spec.name}' one of {list(batch or ())}"
                )
            batch = extra
            columns.append(values.astype(np.float32).reshape(-1, field.spec.size))
        return np.concatenate(columns, axis=1), bool(batch)

    def actions(self, rows: Array, is_batch: bool) -> Any:
        """What `rows`, [n, size], are in the action space: one, or n stacked."""
        if self._reader is None:
            batch: Any = self._spec.action.to_user(rows)
        else:
            batch = np.stack([self._reader.read(row) for row in rows])
        if is_batch:
            return batch
        return int(batch[0]) if self._spec.action.is_scalar else batch[0]

    def _value(self, field: Field, observation: Observation) -> Any:
        if not isinstance(observation, Mapping):
            if len(self._fields) > 1:
                raise ArmatureError(
                    f"observation is an array; {self._spec.id} has a dict of "
                    + ", ".join(each.spec.name for each in self._fields)
                )
            return observation
        if field.spec.name in observation:
            return observation[field.spec.name]
        value: Any = observation
        for key in field.keys or (field.spec.name,):
            if not isinstance(value, Mapping) or key not in value:
                raise ArmatureError(
                    f"observation has no '{field.spec.name}', which {self._spec.id} has"
                )
            value = value[key]
        return value

    def _array(self, field: Field, value: Any) -> Array:
        """The values as the network has them: a choice becomes one-hot."""
        array = np.asarray(value)
        if field.choices:
            return _one_hot(field, array, "")
        if array.ndim == 0 and array.dtype.kind in "biu" and _is_one_hot(field.spec):
            from_zero = Field(field.spec, field.keys, field.spec.size)
            return _one_hot(from_zero, array, f"; {_GIVE_ENV}")
        return array

    def _advice(self, field: Field) -> str:
        unknown = self._reader is None and _is_one_hot(field.spec)
        return f"; {_GIVE_ENV}" if unknown else ""


def _fitting(field: FieldSpec, known: Mapping[str, Field], spec: EnvSpec) -> Field:
    found = known.get(field.name)
    if found is None or found.spec.shape != field.shape:
        has = "no such field" if found is None else f"shape {list(found.spec.shape)}"
        raise ArmatureError(
            f"observation '{field.name}' of {spec.id} has shape {list(field.shape)}, but env has "
            f"{has}; give load_policy the environment that the policy was trained in"
        )
    return found


def _check_actions(reader: ActionReader, space: gym.Space[Any], spec: EnvSpec) -> None:
    own, theirs = reader.spec, spec.action
    bounds = [(own.low, theirs.low), (own.high, theirs.high)]
    if own.choices != theirs.choices or not all(
        len(a) == len(b) and np.allclose(a, b, _BOUNDS_TOLERANCE, _BOUNDS_TOLERANCE)
        for a, b in bounds
    ):
        raise ArmatureError(
            f"the action space of env is {space}, but the policy of {spec.id} gives "
            f"{spec.action.space()}; give load_policy the environment that it was trained in"
        )


def _is_one_hot(field: FieldSpec) -> bool:
    """Whether it may be how a Discrete crosses the wire."""
    is_vector = field.dtype == np.float32 and len(field.shape) == 1
    return is_vector and (field.low, field.high) == ((0.0,), (1.0,))


def _one_hot(field: Field, array: Array, advice: str) -> Array:
    """[..., choices] of choices [...]."""
    last = field.start + field.choices - 1
    is_number = array.dtype.kind in "biuf"
    if (
        not is_number
        or not ((array >= field.start) & (array <= last) & (array == array // 1)).all()
    ):
        raise ArmatureError(
            f"observation '{field.spec.name}' is {str(array)[:40]}, expected whole numbers in "
            f"{field.start}..{last}{advice}"
        )
    return np.eye(field.choices, dtype=np.float32)[array.astype(np.int64) - field.start]

"""What ``Env.reset`` and ``Env.step`` return, checked before anything is made of it.

The probe and the slots read an environment through these functions alone, so what passes
the probe passes in training. Numbers and flags may come as Python's, as NumPy's scalars or
as arrays and lists of one element: nothing is lost by taking them.
Errors: MalformedError names what came and what was expected; NotFiniteError.
Thread safety: free functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from armature.action_spec import ActionSpec
from armature.serve.spaces import MalformedError, NotFiniteError
from armature.spec import FieldSpec

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_SHOWN_CHARACTERS = 40


def read_reset(returned: Any) -> Any:
    """The observation."""
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise MalformedError(
            f"reset gave {_outline(returned)}, expected a tuple of observation and info"
        )
    return returned[0]


def read_step(returned: Any) -> tuple[Any, float, bool, bool, Mapping[str, Any]]:
    """Observation, reward (finite, within float32), terminated, truncated and info."""
    if not isinstance(returned, tuple) or len(returned) != 5:
        raise MalformedError(
            f"step gave {_outline(returned)}, expected a tuple of observation, reward, "
            "terminated, truncated and info"
        )
    observation, reward, terminated, truncated, info = returned
    if not isinstance(reward, float):  # NumPy's float64 is one, too.
        reward = _number("reward", reward)
    if not abs(reward) <= _FLOAT32_MAX:
        raise _not_float32("reward", reward)
    if type(terminated) is not bool:
        terminated = _flag("terminated", terminated)
    if type(truncated) is not bool:
        truncated = _flag("truncated", truncated)
    if type(info) is not dict and not isinstance(info, Mapping):
        raise MalformedError(f"info is {_shown(info)}, expected a dict")
    return observation, reward, terminated, truncated, info


def read_success(info: Mapping[str, Any], key: str) -> bool | None:
    """What `info` says of success; None: nothing."""
    value = info.get(key)
    if value is None or type(value) is bool:
        return value
    return _flag(f"info['{key}']", value)


def read_metrics(info: Mapping[str, Any], names: Sequence[str], row: npt.NDArray[Any]) -> None:
    """Writes the metrics `names` of a step into `row`, float32 [m]."""
    for i, name in enumerate(names):
        value = _reported(info, name, "metric")
        if not isinstance(value, float):
            value = _number(f"metric '{name}'", value)
        if not abs(value) <= _FLOAT32_MAX:
            raise _not_float32(f"metric '{name}'", value)
        row[i] = value


def read_extra(
    info: Mapping[str, Any], fields: Sequence[FieldSpec], rows: Sequence[npt.NDArray[Any]]
) -> None:
    """Writes the goal's extra fields of a step into `rows`, float32 [shape...] each."""
    for field, row in zip(fields, rows):
        value = _reported(info, field.name, "goal extra")
        array = _array(value)
        if array.shape != field.shape or array.dtype.kind not in "biuf":
            raise MalformedError(
                f"goal extra '{field.name}' is {_shown(value)}, expected numbers of shape "
                f"{list(field.shape)}"
            )
        row[...] = array
        if not np.isfinite(row).all():
            raise NotFiniteError(f"goal extra '{field.name}' is {_shown(value)}")


def read_executed(info: Mapping[str, Any], action: ActionSpec, row: npt.NDArray[Any]) -> None:
    """Writes the executed action of a step into `row`, float32 [A].

    What lies beyond the action's bounds is clipped.
    """
    value = _reported(info, "executed_action", "report that metadata declares")
    array = _array(value)
    if array.shape != action.shape or array.dtype.kind not in "biuf":
        raise MalformedError(
            f"executed_action is {_shown(value)}, expected numbers of shape {list(action.shape)}"
        )
    if not np.isfinite(array).all():
        raise NotFiniteError(f"executed_action is {_shown(value)}")
    row[...] = np.clip(array.reshape(-1), action.low, action.high)


def _reported(info: Mapping[str, Any], name: str, kind: str) -> Any:
    try:
        return info[name]
    except KeyError:
        keys = ", ".join(map(str, info)) or "nothing"
        raise MalformedError(f"info has no '{name}', a {kind}; it has {keys}") from None


def _not_float32(name: str, value: float) -> NotFiniteError:
    shown = value if not math.isfinite(value) else f"{value}, beyond float32"
    return NotFiniteError(f"{name} is {shown}")


def _number(name: str, value: Any) -> float:
    array = _one(value)
    if array is None:
        raise MalformedError(f"{name} is {_shown(value)}, expected one number")
    return float(array)


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, np.bool_):
        return bool(value)
    array = _one(value)
    if array is None or array not in (0, 1):
        raise MalformedError(f"{name} is {_shown(value)}, expected one bool (or 0 or 1)")
    return bool(array)


def _one(value: Any) -> Any:
    """The one number that `value` holds, as a scalar; None: it does not hold one."""
    try:
        array = np.asarray(value)
    except Exception:  # Ragged, or an object with an opinion of its own.
        return None
    return array.item() if array.size == 1 and array.dtype.kind in "biuf" else None


def _array(value: Any) -> npt.NDArray[Any]:
    """`value` as an array; of objects if it is none."""
    try:
        return np.asarray(value)
    except Exception:  # Ragged, or an object with an opinion of its own.
        return np.empty(0, object)


def _shown(value: Any) -> str:
    return " ".join(repr(value).split())[:_SHOWN_CHARACTERS]


def _outline(returned: Any) -> str:
    if isinstance(returned, tuple):
        return f"a tuple of {len(returned)}"
    return f"a {type(returned).__name__}"

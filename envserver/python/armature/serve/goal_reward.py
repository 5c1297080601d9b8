"""Rewards of goals that were not a step's own, for hindsight, and whether they can be had.

An environment's ``compute_reward(achieved_goal, desired_goal, info)`` is that of the
outermost wrapper that has one. Of a step's info it gets the goal's extra fields only, n dicts
for n goals, so it must give a step's reward from goals and extra fields: `check` compares
the two.
Thread safety: none; one environment, one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from armature.errors import ArmatureError
from armature.serve.user_errors import describe_error
from armature.spec import FieldSpec

# What may lie between two float32 ways to compute one number.
_RELATIVE_TOLERANCE = 1e-4
_ABSOLUTE_TOLERANCE = 1e-5


class GoalReward:
    """`observation`: one of `env`, whose dtypes the goals are given in; `extra`: the spec's."""

    def __init__(
        self, env: gym.Env[Any, Any], observation: Any, extra: Sequence[FieldSpec]
    ) -> None:
        self._extra_names = [field.name for field in extra]
        self._reward = _method(env, "compute_reward")
        self._terminated = _method(env, "compute_terminated")
        self._achieved_dtype = np.asarray(observation["achieved_goal"]).dtype
        self._desired_dtype = np.asarray(observation["desired_goal"]).dtype

    def compute(
        self,
        achieved: npt.NDArray[Any],
        desired: npt.NDArray[Any],
        extra: Sequence[npt.NDArray[Any]],
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """Rewards and terminals, [n] each, of n goals [n, goal shape...].

        `extra`: of each extra field [n, field shape...].

        The terminals are those of ``compute_terminated`` where there is one, else 0. Where a
        method does not take n goals at once it is called for each. ArmatureError: there is no
        compute_reward, or it gives something else than numbers; otherwise what it raises.
        """
        if self._reward is None:
            raise ArmatureError("the environment has a goal but no method compute_reward")
        achieved = achieved.astype(self._achieved_dtype)
        desired = desired.astype(self._desired_dtype)
        infos = [
            {name: values[i] for name, values in zip(self._extra_names, extra)}
            for i in range(len(achieved))
        ]
        reward = _for_all("compute_reward", self._reward, achieved, desired, infos)
        terminated = np.zeros(len(achieved), np.bool_)
        if self._terminated is not None:
            name = "compute_terminated"
            terminated = _for_all(name, self._terminated, achieved, desired, infos) != 0
        return reward.astype(np.float32), terminated.astype(np.uint8)

    def check(
        self,
        achieved: npt.NDArray[Any],
        desired: npt.NDArray[Any],
        extra: Sequence[npt.NDArray[Any]],
        reward: npt.NDArray[Any],
        terminated: npt.NDArray[Any],
    ) -> str:
        """Of n steps, [n, ...] each: what differs when it is computed again; "": nothing."""
        try:
            again, ends = self.compute(achieved, desired, extra)
        except ArmatureError as error:
            return str(error)
        except Exception as error:
            return f"compute_reward of a step's goals, {self._given}, threw {describe_error(error)}"
        differs = ~np.isclose(again, reward, _RELATIVE_TOLERANCE, _ABSOLUTE_TOLERANCE)
        if differs.any():
            first = int(np.argmax(differs))
            return (
                f"the reward of a step was {reward[first]:.6g}, but compute_reward of its goals, "
                f"{self._given}, gives {again[first]:.6g} ({differs.sum()} of {len(reward)} "
                "steps differ)"
            )
        if (ends > terminated).any():
            return "compute_terminated says of a step's goals that the episode ends, but it went on"
        return ""

    @property
    def _given(self) -> str:
        names = ", ".join(self._extra_names)
        return f"with {names} as info" if names else "without its info"


def _method(env: gym.Env[Any, Any], name: str) -> Any:
    """The outermost one: Gymnasium's wrappers do not forward those that they do not have."""
    method = env.get_wrapper_attr(name) if env.has_wrapper_attr(name) else None
    return method if callable(method) else None


def _for_all(
    name: str,
    method: Any,
    achieved: npt.NDArray[Any],
    desired: npt.NDArray[Any],
    infos: list[dict[str, Any]],
) -> npt.NDArray[Any]:
    """`method` of n goals, at once or one by one; [n] numbers. ArmatureError: they are not."""
    count = len(achieved)
    try:
        values = np.asarray(method(achieved, desired, infos))
    except Exception:
        values = np.empty(0)  # Perhaps it takes one goal at a time.
    if values.shape != (count,):
        each = [method(achieved[i], desired[i], infos[i]) for i in range(count)]
        values = np.asarray([np.squeeze(value) for value in each])
    if values.shape != (count,) or values.dtype.kind not in "biuf":
        raise ArmatureError(
            f"{name} of {count} goals gives {values.dtype} {list(values.shape)}, "
            f"expected {count} numbers"
        )
    return values

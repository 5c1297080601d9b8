"""Goals whose rewards a user asks for, checked and laid out for the wire.

Thread safety: one thread at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from armature.connection import Array
from armature.errors import ArmatureError
from armature.spec import EnvSpec


class GoalPairs:
    """n pairs of an achieved and a desired goal, and what else their rewards depend on.

    `achieved`, `desired`: [n, goal shape...]; `extras`: [n, field shape...] of each extra field
    of the goal; `batch_shape`: how the user had the n.
    """

    def __init__(
        self,
        env_id: str,
        spec: EnvSpec,
        achieved_goal: npt.ArrayLike,
        desired_goal: npt.ArrayLike,
        info: Any,
    ) -> None:
        """`spec` has a goal. Goals are [..., goal shape...]; `info` is the info of each pair's
        step, [...] dicts, not looked at if the goal has no extra fields.

        ArmatureError: another shape, or an info without an extra field.
        """
        achieved, desired = np.asarray(achieved_goal), np.asarray(desired_goal)
        goal_shape = spec.field(spec.achieved_field).shape
        self.batch_shape = achieved.shape[: achieved.ndim - len(goal_shape)]
        if desired.shape != achieved.shape or achieved.shape != self.batch_shape + goal_shape:
            raise ArmatureError(
                f"achieved_goal and desired_goal: shapes are {list(achieved.shape)} and "
                f"{list(desired.shape)}, expected both [..., {', '.join(map(str, goal_shape))}]"
            )
        self.achieved = achieved.reshape(-1, *goal_shape)
        self.desired = desired.reshape(-1, *goal_shape)
        self.extras = _extras(env_id, spec, info, len(self.achieved))


def _extras(env_id: str, spec: EnvSpec, info: Any, count: int) -> list[Array]:
    """float32 [count, field shape...] of each extra field of the goal."""
    fields = spec.goal_extra
    if not fields:
        return []
    infos = [info] if isinstance(info, Mapping) else np.asarray(info, object).ravel().tolist()
    names = ", ".join(field.name for field in fields)
    if len(infos) != count or not all(isinstance(each, Mapping) for each in infos):
        raise ArmatureError(
            f"info: the reward of {env_id} depends on {names} too; expected {count} dicts "
            "of steps with them"
        )
    extras = []
    for field in fields:
        values = np.empty((count, *field.shape), np.float32)
        for i, each in enumerate(infos):
            if field.name not in each or np.shape(each[field.name]) != field.shape:
                raise ArmatureError(
                    f"info[{i}] has no '{field.name}' of shape {list(field.shape)}, on which "
                    f"the reward of {env_id} depends; HerReplayBuffer gives it with "
                    "copy_info_dict=True"
                )
            values[i] = each[field.name]
        extras.append(values)
    return extras

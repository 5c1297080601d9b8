"""An environment of one's own, trained in the cluster.

    pip install ./envserver/python              # once, in the clone
    cd envserver/python/examples                # armature-serve finds modules where it starts
    bazel run //deploy:cluster -- host_my_env.yaml

Nothing here knows of Armature: it is a Gymnasium environment and `make`, which returns one.
host_my_env.yaml names it, and says what to train on it and when it is solved. Keyword
arguments of `make` come from `environment.config`; another value for a run:

    bazel run //deploy:cluster -- host_my_env.yaml 'environment.config={radius_m: 0.02}'
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

CONTROL_PERIOD_S = 0.1
ACCELERATION_MAX = 1.0  # m/s^2
TIME_LIMIT_S = 5.0


class Puck(gym.Env[Any, Any]):
    """A puck on a table without friction is pushed to a goal, within a square of 2 m.

    Observation: `achieved_goal`, `desired_goal`: places [2] in m; `observation`: the
    velocity [2] in m/s. Action: acceleration [2] in m/s^2. Reward: minus the distance.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (as Gymnasium has it)
    dt = CONTROL_PERIOD_S  # armature-serve reads it.

    def __init__(self, radius_m: float = 0.05) -> None:
        self._radius_m = radius_m
        place = gym.spaces.Box(-1, 1, (2,), np.float32)
        velocity = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
        # With these two names it is a goal environment: hindsight replay can be used.
        self.observation_space = gym.spaces.Dict(
            {"observation": velocity, "achieved_goal": place, "desired_goal": place}
        )
        self.action_space = gym.spaces.Box(-ACCELERATION_MAX, ACCELERATION_MAX, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self._place, self._goal = self.np_random.uniform(-1, 1, (2, 2))
        self._velocity = np.zeros(2)
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        self._velocity = self._velocity + CONTROL_PERIOD_S * np.asarray(action)
        place = self._place + CONTROL_PERIOD_S * self._velocity
        self._place = np.clip(place, -1, 1)
        self._velocity[place != self._place] = 0  # It stops at the edge.
        reward = self.compute_reward(self._place, self._goal, {})
        return self._observation(), float(reward), False, False, {"is_success": self._is_there()}

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        """Of goals [..., 2]: [...]."""
        return -np.linalg.norm(achieved_goal - desired_goal, axis=-1)

    def _is_there(self) -> bool:
        return bool(np.linalg.norm(self._place - self._goal) < self._radius_m)

    def _observation(self) -> dict[str, Any]:
        return {
            "observation": self._velocity.astype(np.float32),
            "achieved_goal": self._place.astype(np.float32),
            "desired_goal": self._goal.astype(np.float32),
        }


def make(**keywords: Any) -> gym.Env[Any, Any]:
    """What `armature-serve --env host_my_env:make` calls."""
    return gym.wrappers.TimeLimit(Puck(**keywords), round(TIME_LIMIT_S / CONTROL_PERIOD_S))

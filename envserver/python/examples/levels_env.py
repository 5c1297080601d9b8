"""An environment with metrics, a parameter, a goal extra and saved states, and a client of it.

    cd envserver/python/examples
    armature-serve --env levels_env:make --env_id levels --listen 127.0.0.1:5557
    python levels_env.py 127.0.0.1:5557         # in another terminal

The environment itself knows nothing of Armature: what it declares is in its `metadata`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import gymnasium as gym
import numpy as np

import armature

CONTROL_PERIOD_S = 0.1
EFFORT_WEIGHT = 0.1
TIME_LIMIT_S = 5.0


class Levels(gym.Env[Any, Any]):
    """A point is moved to a goal at most `level` m away, against a wind that no one can see.

    Action: velocity [2] in m/s. Reward: minus distance in m, minus effort.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (as Gymnasium has it)
        "render_modes": [],
        # Numbers for people, in `info` of every step; how an episode's steps become one.
        "metrics": {"reward/distance": "sum", "reward/effort": "sum", "distance_m": "last"},
        # What a curriculum may set for the episodes to come: low, high, initial value.
        "parameters": {"level": (0.1, 2.0, 0.5)},
        # What the reward depends on beside the goals, in `info` of every step; here a scalar.
        "goal_extra": {"effort": ()},
    }
    dt = CONTROL_PERIOD_S

    def __init__(self) -> None:
        place = gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)
        self.observation_space = gym.spaces.Dict(
            {"observation": place, "achieved_goal": place, "desired_goal": place}
        )
        self.action_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        level = (options or {}).get("level", self.metadata["parameters"]["level"][2])
        self._place = np.zeros(2)
        self._goal = self.np_random.uniform(-level, level, 2)
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        wind = self.np_random.normal(0, 0.1, 2)
        self._place = self._place + CONTROL_PERIOD_S * (action + wind)
        effort = EFFORT_WEIGHT * float(np.square(action).sum())
        distance = float(np.linalg.norm(self._place - self._goal))
        info = {
            "reward/distance": -distance,
            "reward/effort": -effort,
            "distance_m": distance,
            "effort": effort,
        }
        return self._observation(), -distance - effort, False, False, info

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        """Of goals [n, 2] and n dicts that hold the goal extras: [n]."""
        effort = np.array([each["effort"] for each in info])
        return -np.linalg.norm(achieved_goal - desired_goal, axis=-1) - effort

    def save_state(self) -> bytes:
        """All that the rest of the episode depends on: the generator, too."""
        state = {
            "place": self._place.tolist(),
            "goal": self._goal.tolist(),
            "generator": self.np_random.bit_generator.state,
        }
        return json.dumps(state).encode()

    def restore_state(self, state: bytes) -> None:
        """Goes back there. ValueError: not such a state; nothing has changed."""
        kept = json.loads(state)  # Its error is a ValueError.
        self._place, self._goal = np.array(kept["place"]), np.array(kept["goal"])
        self.np_random.bit_generator.state = kept["generator"]

    def _observation(self) -> dict[str, Any]:
        return {
            "observation": self._place.copy(),
            "achieved_goal": self._place.copy(),
            "desired_goal": self._goal.copy(),
        }


def make() -> gym.Env[Any, Any]:
    """What `armature-serve --env levels_env:make` calls."""
    return gym.wrappers.TimeLimit(Levels(), round(TIME_LIMIT_S / CONTROL_PERIOD_S))


def towards_goal(observation: Any) -> Any:
    return np.clip(observation["desired_goal"] - observation["achieved_goal"], -1, 1)


def main(address: str) -> None:
    env = armature.make(address, "levels")
    for level in (0.1, 2.0):
        observation, _ = env.reset(seed=1, options={"level": level})
        returns, is_over = 0.0, False
        while not is_over:
            observation, reward, _, is_over, info = env.step(towards_goal(observation))
            returns += reward
        print(f"level {level}: return {returns:.2f}, {info['distance_m']:.2f} m from the goal")

    # The same two futures from one moment, with the same wind.
    observation, _ = env.reset(seed=1)
    state = env.save_state()
    for speed in (0.5, 1.0):
        observation = env.restore_state(state)
        for _ in range(10):
            observation, *_, info = env.step(speed * towards_goal(observation))
        print(f"speed {speed}: {info['distance_m']:.2f} m from the goal after 10 steps")
    env.close()


if __name__ == "__main__":
    main(sys.argv[1])

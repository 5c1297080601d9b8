"""Small environments that tests host with ``--env serve_envs:FACTORY``."""

from __future__ import annotations

import os
import pathlib
import signal
import threading
import time
from typing import Any

import gymnasium as gym
import numpy as np
from equipped_env import equipped as equipped  # These are hosted from here, too.
from equipped_env import equipped_in_frames as equipped_in_frames
from equipped_env import equipped_of_unit_actions as equipped_of_unit_actions
from gymnasium import spaces


class PointMass(gym.Env[Any, Any]):
    """A point in a square is pushed towards a goal; goal dictionary, horizon 20, renders."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012
    reach = 0.1

    def __init__(self, render_mode: str | None = None, terminate_on_success: bool = True) -> None:
        self.render_mode = render_mode
        self._terminate = terminate_on_success
        box = spaces.Box(-1, 1, (2,), np.float32)
        self.observation_space = spaces.Dict(
            {"achieved_goal": box, "desired_goal": box, "observation": box}
        )
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._place, self._goal = self.np_random.uniform(-1, 1, (2, 2)).astype(np.float32)
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        self._place = np.clip(self._place + 0.1 * action, -1, 1).astype(np.float32)
        reward = self.compute_reward(self._place, self._goal, {})
        success = bool(reward > -self.reach)
        return (
            self._observation(),
            float(reward),
            success and self._terminate,
            False,
            {"is_success": success},
        )

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        return -np.linalg.norm(achieved - desired, axis=-1).astype(np.float32)

    def render(self) -> Any:
        frame = np.zeros((16, 24, 3), np.uint8)
        frame[0, 0] = [int(255 * abs(self._place[0])), 7, 9]
        return frame

    def _observation(self) -> dict[str, Any]:
        return {
            "achieved_goal": self._place.copy(),
            "desired_goal": self._goal.copy(),
            "observation": self._place.copy(),
        }


def point_mass(**keywords: Any) -> gym.Env[Any, Any]:
    return gym.wrappers.TimeLimit(PointMass(**keywords), 20)


class Counter(gym.Env[Any, Any]):
    """Discrete(3) from -1 on; terminated when the sum of choices exceeds `limit`.

    With `wheels` a MultiDiscrete of so many components, each 3 choices from 0 on.
    """

    def __init__(self, limit: int = 10, wheels: int = 0) -> None:
        self._limit = limit
        self.observation_space = spaces.Dict(
            {
                "count": spaces.Box(0, 1000, (), np.int64),
                "start": spaces.Box(0, 1, (3,), np.float64),
                "odd": spaces.Discrete(2),
            }
        )
        self.action_space: gym.Space[Any] = spaces.Discrete(3, start=-1)
        if wheels:
            self.action_space = spaces.MultiDiscrete([3] * wheels)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._count, self._start = 0, self.np_random.random(3)
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action)
        moved = int(np.sum(action) + (np.ndim(action) == 0))
        self._count += moved
        return self._observation(), moved, self._count > self._limit, False, {}

    def _observation(self) -> dict[str, Any]:
        return {"count": np.array(self._count), "start": self._start, "odd": self._count % 2}


class Busy(PointMass):
    """Computes for CPU_S in a step with the action COMPUTE."""

    CPU_S = 0.2
    COMPUTE = ((1, 1),)

    def step(self, action: Any) -> Any:
        begun = time.process_time()
        while (action == self.COMPUTE).all() and time.process_time() - begun < self.CPU_S:
            pass
        return super().step(action)


class Faulty(PointMass):
    """PointMass that does what `fault` says in the step whose action[1] is 1.

    With a `marker`, the path of a file: also in every reset and every render while there
    is such a file; that step makes it.
    """

    def __init__(self, fault: str = "", marker: str = "", **keywords: Any) -> None:
        super().__init__(**keywords)
        self._fault = fault
        self._marker = pathlib.Path(marker) if marker else None

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        observation, info = super().reset(seed=seed)
        if self._marker is not None and self._marker.exists():
            self._break()
        return observation, info

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = super().step(action)
        if action[1] == 1:
            if self._marker is not None:
                self._marker.touch()
            if self._fault == "nan_reward":
                reward = float("nan")
            elif self._fault == "nan_observation":
                observation["observation"][1] = np.nan
            elif self._fault == "wrong_shape":
                observation["observation"] = np.zeros(3, np.float32)
            elif self._fault == "missing_key":
                del observation["observation"]
            elif self._fault == "wrong_dtype":
                observation["observation"] = np.array(["a", "b"])
            else:
                self._break()
        return observation, reward, terminated, truncated, info

    def render(self) -> Any:
        if self._marker is not None and self._marker.exists():
            if self._fault == "wrong_frame":
                return np.zeros((2, 2, 3), np.uint8)
            self._break()
        return super().render()

    def _break(self) -> None:
        if self._fault == "throw":
            raise ValueError("the fault\nasked for")
        if self._fault == "throw_once":
            assert self._marker is not None
            self._marker.unlink()
            raise ValueError("once")
        if self._fault == "hang":
            threading.Event().wait()
        if self._fault == "exit":
            os._exit(3)
        if self._fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)


def faulty(**keywords: Any) -> gym.Env[Any, Any]:
    return gym.wrappers.TimeLimit(Faulty(**keywords), 20)


def counter(**keywords: Any) -> gym.Env[Any, Any]:
    return Counter(**keywords)


def autoreset() -> gym.Env[Any, Any]:
    return gym.wrappers.Autoreset(PointMass())


def text_space() -> gym.Env[Any, Any]:
    env = PointMass()
    env.observation_space = spaces.Text(5)
    return env


def unbounded_action() -> gym.Env[Any, Any]:
    env = PointMass()
    env.action_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    return env


def nothing() -> None:
    return None


def dies_at_start() -> gym.Env[Any, Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    return PointMass()


def forgets_to_return() -> gym.Env[Any, Any]:
    threading.Event().wait()
    return PointMass()

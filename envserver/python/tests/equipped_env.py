"""A small environment with every ability that a hosted one may have, for tests.

As "equipped" of //envserver/testing, but for its scene.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

GOAL_RADIUS = 0.05
HORIZON = 20


class Equipped(gym.Env[Any, Any]):
    """A point in a square is pushed to a goal; each step also moves it by a little noise.

    Reward: -distance - effort. The executed action is the way that the point went, over a tenth.
    `fault` breaks what it names: nan_metric, no_metric, nan_extra, long_extra, nan_executed,
    long_executed and no_executed in steps whose action[1] is 1; no_bytes always; throw_save,
    kill_save, hang_save and throw_restore but for the first calls, with which the server tries
    states at its start; forget leaves the generator out of the state.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (as Gymnasium has it)
        "render_modes": [],
        "render_fps": 20,
        "metrics": {
            "reward/distance": "sum",
            "reward/effort": "sum",
            "speed": "mean",
            "distance": "last",
        },
        "parameters": {"level": (0, 1, 1)},  # Point and goal begin within [-level, level].
        "goal_extra": {"push": (2,), "effort": ()},
        "executed_action": True,
    }

    def __init__(self, terminate_on_success: bool = True, fault: str = "") -> None:
        self._terminates = terminate_on_success
        self._fault = fault
        self._calls = 0
        box = spaces.Box(-1, 1, (2,), np.float32)
        self.observation_space = spaces.Dict(
            {"achieved_goal": box, "desired_goal": box, "observation": box}
        )
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._point, self._goal = self.np_random.uniform(-1, 1, (2, 2)) * options["level"]
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        noise = 0.01 * self.np_random.uniform(-1, 1, 2)
        before = self._point
        self._point = np.clip(before + 0.1 * action + noise, -1, 1)
        observation = self._observation()
        effort = 0.1 * float(np.square(action).sum())
        # Beyond the action's bounds where the noise helps; the server clips it.
        executed = (self._point - before) / 0.1
        info = {"push": action, "effort": effort, "executed_action": executed}
        goals = observation["achieved_goal"], observation["desired_goal"]
        reward = float(self.compute_reward(*goals, info))
        distance = float(np.linalg.norm(goals[0] - goals[1]))
        info |= {
            "reward/distance": -distance,
            "reward/effort": -effort,
            "speed": np.linalg.norm(action),
            "distance": distance,
            "is_success": distance < GOAL_RADIUS,
        }
        if action[1] == 1:
            self._break(info)
        return observation, reward, self._terminates and info["is_success"], False, info

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        infos = [info] if isinstance(info, dict) else info
        effort = np.array([each["effort"] for each in infos], np.float32)
        distance = np.linalg.norm(achieved - desired, axis=-1)
        return -distance - (effort[0] if isinstance(info, dict) else effort)

    def save_state(self) -> bytes:
        self._calls += 1
        if self._calls > 1:
            if self._fault == "throw_save":
                raise RuntimeError("the disk broke")
            if self._fault == "kill_save":
                os.kill(os.getpid(), signal.SIGKILL)
            if self._fault == "hang_save":
                threading.Event().wait()
        if self._fault == "no_bytes":
            return "words"  # type: ignore[return-value]
        state: dict[str, Any] = {"point": self._point.tolist(), "goal": self._goal.tolist()}
        if self._fault != "forget":
            state["generator"] = self.np_random.bit_generator.state
        return json.dumps(state).encode()

    def restore_state(self, content: bytes) -> None:
        self._calls += 1
        if self._fault == "throw_restore" and self._calls > 2:
            raise RuntimeError("the disk broke")
        state = json.loads(content)
        self._point, self._goal = np.array(state["point"]), np.array(state["goal"])
        if "generator" in state:
            self.np_random.bit_generator.state = state["generator"]

    def _break(self, info: dict[str, Any]) -> None:
        if self._fault == "nan_metric":
            info["speed"] = np.nan
        elif self._fault == "no_metric":
            del info["speed"]
        elif self._fault == "nan_extra":
            info["effort"] = np.inf
        elif self._fault == "long_extra":
            info["push"] = np.zeros(3)
        elif self._fault == "nan_executed":
            info["executed_action"][0] = np.nan
        elif self._fault == "long_executed":
            info["executed_action"] = np.zeros(3)
        elif self._fault == "no_executed":
            del info["executed_action"]

    def _observation(self) -> dict[str, Any]:
        point, goal = self._point.astype(np.float32), self._goal.astype(np.float32)
        return {
            "achieved_goal": point.copy(),
            "desired_goal": goal,
            "observation": point,
        }


def equipped(**keywords: Any) -> gym.Env[Any, Any]:
    return gym.wrappers.TimeLimit(Equipped(**keywords), HORIZON)


def equipped_in_frames() -> gym.Env[Any, Any]:
    """In a wrapper that holds observations."""
    inner = gym.wrappers.FlattenObservation(Equipped())
    return gym.wrappers.FrameStackObservation(inner, 2)


def equipped_of_unit_actions() -> gym.Env[Any, Any]:
    """In wrappers that hold nothing."""
    inner = gym.wrappers.RescaleAction(equipped(), np.float32(0), np.float32(1))
    return gym.wrappers.FilterObservation(inner, ["observation"])

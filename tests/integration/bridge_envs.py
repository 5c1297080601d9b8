"""The puck of examples/host_my_env.py, with bugs or drawn, for bridge_test.py to host."""

import os

import gymnasium as gym
import host_my_env
import numpy as np

# Steps of a worker process after which one of its pucks goes wrong, once.
NAN_STEP, SHAPE_STEP, RAISE_STEP = 150, 300, 450
_steps = 0


class BuggyPuck(host_my_env.Puck):
    def step(self, action):
        global _steps
        _steps += 1
        if _steps == RAISE_STEP:
            raise ZeroDivisionError("the puck has no mass in process %d" % os.getpid())
        observation, *rest = super().step(action)
        if _steps == NAN_STEP:
            observation["observation"] = np.full(2, np.nan, np.float32)
        if _steps == SHAPE_STEP:
            observation["observation"] = np.zeros(3, np.float32)
        return (observation, *rest)


class SparsePuck(host_my_env.Puck):
    """Reward -1, and 0 at the goal: without hindsight there is next to nothing to learn from."""

    def compute_reward(self, achieved_goal, desired_goal, info):
        distance = super().compute_reward(achieved_goal, desired_goal, info)
        return np.where(distance > -self._radius_m, 0.0, -1.0)


class DrawnPuck(host_my_env.Puck):
    """A white pixel where the puck is, on black."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 (as Gymnasium has it)

    def __init__(self, render_mode=None, **keywords):
        super().__init__(**keywords)
        self.render_mode = render_mode
        self._place = np.zeros(2)

    def step(self, action):
        observation, *rest = super().step(action)
        self._place = observation["achieved_goal"]
        return (observation, *rest)

    def render(self):
        frame = np.zeros((20, 30, 3), np.uint8)
        row, column = ((self._place + 1) / 2 * (19, 29)).astype(int)
        frame[row, column] = 255
        return frame


def make_drawn(**keywords):
    return gym.wrappers.TimeLimit(DrawnPuck(**keywords), 50)


def make_sparse(**keywords):
    return gym.wrappers.TimeLimit(SparsePuck(**keywords), 50)


def make(**keywords):
    return gym.wrappers.TimeLimit(BuggyPuck(**keywords), 50)

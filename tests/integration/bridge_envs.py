"""The puck of examples/host_my_env.py with bugs, for bridge_test.py to host."""

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


def make(**keywords):
    return gym.wrappers.TimeLimit(BuggyPuck(**keywords), 50)

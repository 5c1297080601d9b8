"""An environment whose steps can be told apart for ever, for exactly_once_test.py to host."""

import os
import time

import gymnasium as gym
import numpy as np

# Columns of an observation; all are whole numbers that float32 holds, but for the action.
INSTANCE, EPISODE, STEP, LENGTH, BORN_MS, TIME_MS, ACTION = range(7)
STEP_S = 0.001


def now_ms(origin_s):
    return int((time.time() - origin_s) * 1000)


class Numbered(gym.Env):
    """Observes [instance, episode, step, length, when made, now, action that led here].

    An instance is a random number of 24 bits; its episodes are numbered from 0 by their
    first step, so that a reset that is not followed by a step takes no number. Times are
    milliseconds since the test began. The reward of a step is its number; odd episodes end
    terminated, even ones truncated.
    """

    observation_space = gym.spaces.Box(-(2.0**24), 2.0**24, (7,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self):
        self._origin_s = float(os.environ["ARMATURE_TEST_ORIGIN_S"])
        self._instance = int.from_bytes(os.urandom(3), "little")
        self._episode = -1
        self._born_ms = now_ms(self._origin_s)
        self._begun = True  # Whether the episode under way has a number.

    def _observation(self, action):
        return np.array(
            [
                self._instance,
                self._episode,
                self._step,
                self._length,
                self._born_ms,
                now_ms(self._origin_s),
                action,
            ],
            np.float32,
        )

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if self._begun:
            self._episode += 1
            self._begun = False
        self._step = 0
        self._length = int(self.np_random.integers(5, 60))
        return self._observation(0), {}

    def step(self, action):
        time.sleep(STEP_S)
        self._begun = True
        reward = float(self._step)
        self._step += 1
        ended = self._step == self._length
        terminated = ended and self._episode % 2 == 1
        return self._observation(action[0]), reward, terminated, ended and not terminated, {}


def make():
    return Numbered()

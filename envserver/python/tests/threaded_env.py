"""A module that starts threads when it is imported, as one that computes with torch does.

To host with ``--env threaded_env:threaded``. In a forked copy nobody would answer.
"""

from __future__ import annotations

import concurrent.futures
from typing import Any

import gymnasium as gym
from author_envs import HORIZON, Point

_pool = concurrent.futures.ThreadPoolExecutor(2)
_pool.submit(int).result()


class Threaded(Point):
    def step(self, action: Any) -> Any:
        return _pool.submit(super().step, action).result()


def threaded() -> gym.Env[Any, Any]:
    return gym.wrappers.TimeLimit(Threaded(), HORIZON)

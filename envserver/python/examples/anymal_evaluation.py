"""How well a policy walks: 100 episodes of ANYmal that begin with other joint angles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

import armature

EPISODES = 100
START_NOISE = 0.05  # rad

Array = npt.NDArray[Any]


def evaluate(
    server: str, env_id: str, act: Callable[[Mapping[str, Array]], Array]
) -> tuple[float, float]:
    """Mean return, and share of the episodes that were a success.

    `act`: from fields, float32 [EPISODES, size] each, to actions, without noise.
    """
    envs = armature.make_vec(server, EPISODES, env_id, seed=0)
    space = envs.single_action_space
    observation, _ = envs.reset(options={"start_noise": START_NOISE})
    total, goes_on = np.zeros(EPISODES), np.ones(EPISODES, bool)
    successes = np.zeros(EPISODES, bool)
    while goes_on.any():
        fields = {name: column.reshape(EPISODES, -1) for name, column in observation.items()}
        actions = np.clip(act(fields), space.low, space.high)
        observation, reward, terminated, truncated, infos = envs.step(actions)
        total += np.where(goes_on, reward, 0)
        successes |= goes_on & truncated & infos["is_success"]
        goes_on &= ~(terminated | truncated)
    envs.close()
    return float(total.mean()), float(successes.mean())

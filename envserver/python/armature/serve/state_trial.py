"""Tries whether a saved state holds all that the rest of an episode depends on.

What an author forgets to save (a generator, a counter) shows when the same steps are taken
twice from one state.
Thread safety: free functions; one environment, one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from armature.serve.returned import read_reset, read_step
from armature.serve.saved_state import StateKeeper
from armature.serve.spaces import MalformedError, write_observation

_STEPS_BEFORE = 3
_STEPS_AFTER = 20
# Where stepping ends with fewer steps; of a slow environment one has to do.
_TRIAL_S = 2.0
_SEED = 0


def check_states(
    env: gym.Env[Any, Any],
    keeper: StateKeeper,
    actions: Callable[[int], Any],
    fields: Any,
    rows: Any,
    reset_options: dict[str, Any],
) -> str:
    """What differs after a restore, or that there are no bytes to restore; "": nothing.

    `actions(i)`: the action of step i, the same each time; `rows`: what an observation is
    written into. Whatever the environment raises.
    """
    read_reset(env.reset(seed=_SEED, **reset_options))
    steps = 0
    while steps < _STEPS_BEFORE:
        _, _, terminated, truncated, _ = read_step(env.step(actions(steps)))
        if terminated or truncated:
            read_reset(env.reset(seed=_SEED, **reset_options))
            steps = 0
            break
        steps += 1
    try:
        content = keeper.save()
    except MalformedError as error:  # A method of that name with another purpose: panda-gym's.
        return f"{error}: states are not saved"
    first = _play(env, actions, range(steps, steps + _STEPS_AFTER), fields, rows)
    keeper.restore(content, steps)
    second = _play(env, actions, range(steps, steps + len(first)), fields, rows)
    for i, (one, other) in enumerate(zip(first, second)):
        if one != other:
            return (
                f"after restore_state, step {steps + i + 1} of the episode differs from what it "
                "was when the state was saved: states are not saved; save_state has to hold all "
                "that the episode depends on, self.np_random too"
            )
    return ""


def _play(
    env: gym.Env[Any, Any], actions: Callable[[int], Any], steps: range, fields: Any, rows: Any
) -> list[Any]:
    """What each of `steps` gave, up to the end of the episode."""
    seen = []
    end_s = time.perf_counter() + _TRIAL_S
    for i in steps:
        observation, reward, terminated, truncated, _ = read_step(env.step(actions(i)))
        write_observation(fields, observation, rows)
        step = (*(row.tobytes() for row in rows), np.float32(reward).tobytes())
        seen.append((*step, terminated, truncated))
        if terminated or truncated or time.perf_counter() > end_s:
            break
    return seen

"""What the examples that train ANYmal share: flags, and how well a policy walks.

An evaluation is 100 episodes that begin with other joint angles.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

import armature

EPISODES = 100
START_NOISE = 0.05  # rad
SET_STEPS = 100  # Of each environment; an episode has 400.

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


def parser(description: str) -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(description=description)
    flags.add_argument("server", help="address of an env server")
    flags.add_argument("--env", default="anymal")
    flags.add_argument("--num_envs", type=int, default=100)
    flags.add_argument(
        "--iterations", type=int, default=1200, help="sets of --num_envs x 100 steps"
    )
    flags.add_argument("--evaluate_every", type=int, default=40, help="iterations")
    flags.add_argument("--seed", type=int, default=1)
    return flags


def learn_until_it_walks(
    flags: argparse.Namespace,
    learn: Callable[[int], object],
    act: Callable[[Mapping[str, Array]], Array],
) -> None:
    """Calls `learn` with --evaluate_every again and again, until all evaluated episodes succeed."""
    started = time.monotonic()
    for done in range(flags.evaluate_every, flags.iterations + 1, flags.evaluate_every):
        learn(flags.evaluate_every)
        mean_return, success_rate = evaluate(flags.server, flags.env, act)
        print(
            f"env_steps={done * flags.num_envs * SET_STEPS} "
            f"wall_s={time.monotonic() - started:.1f} return={mean_return:.1f} "
            f"success_rate={success_rate:.2f}",
            flush=True,
        )
        if success_rate == 1:
            break

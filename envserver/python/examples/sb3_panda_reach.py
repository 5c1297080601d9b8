"""Trains Stable-Baselines3's SAC with hindsight replay on Armature's Panda Reach.

    bazel run //envserver -- --listen=127.0.0.1:5557         # one terminal
    python sb3_panda_reach.py --server 127.0.0.1:5557        # another one

Needs ``pip install stable-baselines3`` beside this package. The arm learns to reach every
goal within 10,000 steps. Every 1,000 steps the policy is evaluated, without exploration,
in environments of their own; --csv keeps those figures, --save the model.
"""

from __future__ import annotations

import argparse
import csv
from typing import Any

import numpy as np
import torch
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.evaluation import evaluate_policy

import armature.sb3

STEPS_PER_EVALUATION = 1000
# Apart from the training's, so that no episode is seen in both.
EVALUATION_SEED_OFFSET = 1_000_000


def make_model(env: armature.sb3.RemoteVecEnv, seed: int) -> SAC:
    """SAC with panda-gym's settings for Reach; an episode lasts 50 steps."""
    return SAC(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        policy_kwargs={"net_arch": [64, 64]},
        learning_rate=1e-3,
        batch_size=256,
        gamma=0.95,
        learning_starts=1000,
        gradient_steps=-1,  # One for each step of each environment.
        seed=seed,
        device="cpu",  # Nets this small are slower on a GPU.
    )


def evaluate(model: SAC, env: armature.sb3.RemoteVecEnv, episodes: int) -> tuple[float, float]:
    """Mean return and the share of episodes that end at the goal."""
    successes: list[bool] = []

    def on_step(scope: dict[str, Any], _: dict[str, Any]) -> None:
        if scope["done"]:
            successes.append(scope["info"]["is_success"])

    mean_return, _ = evaluate_policy(model, env, episodes, deterministic=True, callback=on_step)
    return float(mean_return), float(np.mean(successes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", default="127.0.0.1:5557", help="address of the env server")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=10_000, help="of training, all environments")
    parser.add_argument("--num_envs", type=int, default=4)
    parser.add_argument("--episodes", type=int, default=50, help="in an evaluation")
    parser.add_argument("--csv", help="file that gets a line for each evaluation")
    parser.add_argument("--save", help="file that gets the model")
    flags = parser.parse_args()

    torch.set_num_threads(1)  # These nets are too small for more.
    env = armature.sb3.make_vec_env(flags.server, flags.num_envs, "panda_reach")
    evaluation_env = armature.sb3.make_vec_env(flags.server, 10, "panda_reach")
    model = make_model(env, flags.seed)
    rows = []
    for env_steps in range(STEPS_PER_EVALUATION, flags.steps + 1, STEPS_PER_EVALUATION):
        model.learn(STEPS_PER_EVALUATION, reset_num_timesteps=False)
        evaluation_env.seed(flags.seed + EVALUATION_SEED_OFFSET)
        mean_return, success_rate = evaluate(model, evaluation_env, flags.episodes)
        print(
            f"env_steps={env_steps} return={mean_return:.2f} success_rate={success_rate:.2f}",
            flush=True,
        )
        rows.append((flags.seed, env_steps, f"{mean_return:.3f}", f"{success_rate:.3f}"))
    if flags.csv:
        with open(flags.csv, "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("seed", "env_steps", "return_mean", "success_rate"))
            writer.writerows(rows)
    if flags.save:
        model.save(flags.save)
    evaluation_env.close()
    env.close()


if __name__ == "__main__":
    main()

"""Trains ANYmal with Stable-Baselines3's PPO on an env server.

    bazel run //envserver -- --listen=127.0.0.1:5557         # one terminal
    python sb3_anymal.py 127.0.0.1:5557                      # another one

Needs ``pip install stable-baselines3`` beside this package. The settings are those of the
configuration anymal_ppo, except that the learning rate is fixed. Every so many sets the policy
walks 100 times without noise; the training ends when each was a success.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

import torch
from anymal_evaluation import evaluate
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

import armature.sb3

SET_STEPS = 100  # Of each environment; an episode has 400.


def make_model(env: VecNormalize, seed: int) -> PPO:
    return PPO(
        "MultiInputPolicy",
        env,
        n_steps=SET_STEPS,
        batch_size=env.num_envs * SET_STEPS // 4,
        n_epochs=4,
        gamma=0.996,
        gae_lambda=0.95,
        learning_rate=5e-4,
        target_kl=0.05,
        policy_kwargs={
            "net_arch": [128, 128],
            "activation_fn": torch.nn.LeakyReLU,
            "log_std_init": 0.0,
        },
        seed=seed,
        device="cpu",  # Nets this small are slower on a GPU.
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("server", help="address of an env server")
    parser.add_argument("--env", default="anymal")
    parser.add_argument("--num_envs", type=int, default=100)
    parser.add_argument(
        "--iterations", type=int, default=1200, help="sets of --num_envs x 100 steps"
    )
    parser.add_argument("--evaluate_every", type=int, default=40, help="iterations")
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()

    env = VecNormalize(
        armature.sb3.make_vec_env(flags.server, flags.num_envs, flags.env), norm_reward=False
    )
    model = make_model(env, flags.seed)

    def act(fields: Mapping[str, Any]) -> Any:
        return model.predict(env.normalize_obs(dict(fields)), deterministic=True)[0]

    started = time.monotonic()
    set_steps = flags.num_envs * SET_STEPS
    for _ in range(flags.evaluate_every, flags.iterations + 1, flags.evaluate_every):
        model.learn(flags.evaluate_every * set_steps, reset_num_timesteps=False)
        mean_return, success_rate = evaluate(flags.server, flags.env, act)
        print(
            f"env_steps={model.num_timesteps} wall_s={time.monotonic() - started:.1f} "
            f"return={mean_return:.1f} success_rate={success_rate:.2f}",
            flush=True,
        )
        if success_rate == 1:
            break
    env.close()


if __name__ == "__main__":
    main()

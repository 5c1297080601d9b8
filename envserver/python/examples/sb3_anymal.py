"""Trains ANYmal with Stable-Baselines3's PPO on an env server.

    bazel run //envserver -- --listen=127.0.0.1:5557         # one terminal
    python sb3_anymal.py 127.0.0.1:5557                      # another one

Needs ``pip install stable-baselines3`` beside this package. The settings are those of the
configuration anymal_ppo, except that the learning rate is fixed. Every so many sets the policy
walks 100 times without noise; the training ends when each was a success.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from anymal_evaluation import SET_STEPS, learn_until_it_walks, parser
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

import armature.sb3


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
    arguments = parser((__doc__ or "").splitlines()[0])
    flags = arguments.parse_args()

    env = VecNormalize(
        armature.sb3.make_vec_env(flags.server, flags.num_envs, flags.env), norm_reward=False
    )
    model = make_model(env, flags.seed)

    def learn(iterations: int) -> None:
        model.learn(iterations * flags.num_envs * SET_STEPS, reset_num_timesteps=False)

    def act(fields: Mapping[str, Any]) -> Any:
        return model.predict(env.normalize_obs(dict(fields)), deterministic=True)[0]

    learn_until_it_walks(flags, learn, act)
    env.close()


if __name__ == "__main__":
    main()

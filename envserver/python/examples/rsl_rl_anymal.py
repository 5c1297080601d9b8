"""Trains ANYmal with rsl_rl's PPO on an env server.

    bazel run //envserver -- --listen=127.0.0.1:5557         # one terminal
    python rsl_rl_anymal.py 127.0.0.1:5557                   # another one

Needs ``pip install rsl-rl-lib`` beside this package. The settings are those of the configuration
anymal_ppo. Every so many sets the policy walks 100 times without noise; the training ends when
each was a success. --log_dir keeps models and TensorBoard's curves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from anymal_evaluation import EPISODES, SET_STEPS, learn_until_it_walks, parser
from rsl_rl.runners import OnPolicyRunner
from tensordict import TensorDict

import armature.rsl_rl


def train_config(fields: list[str]) -> dict[str, Any]:
    """`fields`: of the observation, all of which both networks see."""
    network = {
        "class_name": "MLPModel",
        "hidden_dims": [128, 128],
        "activation": "lrelu",
        "obs_normalization": True,
    }
    return {
        "num_steps_per_env": SET_STEPS,
        "save_interval": 50,
        "obs_groups": {"actor": fields, "critic": fields},
        "actor": {
            **network,
            "distribution_cfg": {
                "class_name": "GaussianDistribution",
                "init_std": 1.0,
                "std_range": (0.2, 10.0),
            },
        },
        "critic": network,
        "algorithm": {
            "class_name": "PPO",
            "num_learning_epochs": 4,
            "num_mini_batches": 4,
            "clip_param": 0.2,
            "gamma": 0.996,
            "lam": 0.95,
            "value_loss_coef": 0.5,
            "entropy_coef": 0.0,
            "learning_rate": 5e-4,
            "max_grad_norm": 0.5,
            "schedule": "adaptive",
            "desired_kl": 0.01,
        },
    }


def main() -> None:
    arguments = parser((__doc__ or "").splitlines()[0])
    arguments.add_argument("--log_dir", help="where models and curves go")
    flags = arguments.parse_args()

    torch.manual_seed(flags.seed)
    env = armature.rsl_rl.make_vec_env(flags.server, flags.num_envs, flags.env, seed=flags.seed)
    runner = OnPolicyRunner(env, train_config(env.fields), log_dir=flags.log_dir, device="cpu")

    def act(fields: Mapping[str, Any]) -> Any:
        tensors = {name: torch.from_numpy(values) for name, values in fields.items()}
        with torch.inference_mode():
            return runner.get_inference_policy()(TensorDict(tensors, [EPISODES])).numpy()

    learn_until_it_walks(flags, runner.learn, act)
    env.close()


if __name__ == "__main__":
    main()

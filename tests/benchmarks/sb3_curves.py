"""Stable-Baselines3's curves, to draw beside ours.

usage: sb3_curves.py --task pendulum_sac [--seeds 1,2,3,4,5] [--env_steps N] --out docs/benchmarks

Writes OUT/sb3_<task>.csv, for //deploy:plot: deterministic episodes every so many env
steps, with seeds apart from training. The settings are those of Stable-Baselines3's zoo
for the task.
"""

import argparse
import csv
import pathlib
import time

import gymnasium
import numpy as np
import torch
from sb3_contrib import TQC
from stable_baselines3 import DDPG, PPO, SAC, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecNormalize

EVALUATION_SEED = 1 << 20


def pendulum_sac(seed):
    return SAC("MlpPolicy", make_vec_env("Pendulum-v1", 1, seed=seed), learning_rate=1e-3, seed=seed)


def pendulum_tqc(seed):
    return TQC("MlpPolicy", make_vec_env("Pendulum-v1", 1, seed=seed), learning_rate=1e-3, seed=seed)


def cartpole_v1_ppo(seed):
    return PPO("MlpPolicy", make_vec_env("CartPole-v1", 8, seed=seed), n_steps=32, batch_size=256,
               gae_lambda=0.8, gamma=0.98, n_epochs=20, ent_coef=0.0,
               learning_rate=lambda left: left * 1e-3, clip_range=lambda left: left * 0.2,
               seed=seed)


def normal_noise(size):
    return NormalActionNoise(np.zeros(size), np.full(size, 0.1))


# The zoo lets Pendulum act at random for half of its 20,000 steps.
PENDULUM_DETERMINISTIC = {"learning_rate": 1e-3, "gamma": 0.98, "learning_starts": 1000,
                          "train_freq": 1, "policy_kwargs": {"net_arch": [400, 300]}}


def pendulum_td3(seed):
    return TD3("MlpPolicy", make_vec_env("Pendulum-v1", 1, seed=seed), seed=seed,
               action_noise=normal_noise(1), **PENDULUM_DETERMINISTIC)


def pendulum_ddpg(seed):
    return DDPG("MlpPolicy", make_vec_env("Pendulum-v1", 1, seed=seed), seed=seed,
                action_noise=normal_noise(1), **PENDULUM_DETERMINISTIC)


def halfcheetah_sac(seed):
    return SAC("MlpPolicy", make_vec_env("HalfCheetah-v5", 1, seed=seed), learning_starts=10_000,
               seed=seed)


def ant_sac(seed):
    return SAC("MlpPolicy", make_vec_env("Ant-v5", 1, seed=seed), learning_starts=10_000, seed=seed)


# The zoo normalises observations and rewards.
def ant_ppo(seed):
    return PPO("MlpPolicy", VecNormalize(make_vec_env("Ant-v5", 1, seed=seed)), seed=seed,
               device="cpu")


def bipedal_walker_sac(seed):
    return SAC("MlpPolicy", make_vec_env("BipedalWalker-v3", 1, seed=seed), learning_rate=7.3e-4,
               gamma=0.98, tau=0.02, buffer_size=300_000, learning_starts=10_000, train_freq=64,
               gradient_steps=64, policy_kwargs={"net_arch": [400, 300]}, seed=seed)


def bipedal_walker_td3(seed, num_envs=1):
    return TD3("MlpPolicy", make_vec_env("BipedalWalker-v3", num_envs, seed=seed),
               learning_rate=1e-3, gamma=0.98, buffer_size=200_000, learning_starts=10_000,
               train_freq=1, gradient_steps=num_envs, action_noise=normal_noise(4),
               policy_kwargs={"net_arch": [400, 300]}, seed=seed)


# As many environments as our config has; as many updates as env steps, as ever.
def bipedal_walker_td3_4_envs(seed):
    return bipedal_walker_td3(seed, num_envs=4)


# Task: (environment, model, env steps in all, env steps between evaluations, episodes).
TASKS = {
    "pendulum_sac": ("Pendulum-v1", pendulum_sac, 20_000, 2_000, 20),
    "pendulum_tqc": ("Pendulum-v1", pendulum_tqc, 20_000, 2_000, 20),
    "pendulum_td3": ("Pendulum-v1", pendulum_td3, 20_000, 2_000, 20),
    "pendulum_ddpg": ("Pendulum-v1", pendulum_ddpg, 20_000, 2_000, 20),
    "halfcheetah_sac": ("HalfCheetah-v5", halfcheetah_sac, 100_000, 10_000, 10),
    "ant_sac": ("Ant-v5", ant_sac, 100_000, 10_000, 10),
    "ant_ppo": ("Ant-v5", ant_ppo, 500_000, 50_000, 10),
    "bipedal_walker_sac": ("BipedalWalker-v3", bipedal_walker_sac, 100_000, 10_000, 10),
    "bipedal_walker_td3": ("BipedalWalker-v3", bipedal_walker_td3, 100_000, 10_000, 10),
    "bipedal_walker_td3_4_envs": ("BipedalWalker-v3", bipedal_walker_td3_4_envs, 100_000, 10_000,
                                  10),
    "cartpole_v1_ppo": ("CartPole-v1", cartpole_v1_ppo, 100_000, 10_000, 20),
}


class Evaluations(BaseCallback):
    """Evaluates every `every` env steps of one call of learn(); keeps the rows."""

    def __init__(self, env_id, seed, every, episodes):
        super().__init__()
        self.env = make_vec_env(env_id, 1, seed=EVALUATION_SEED + seed)
        self.seed, self.every, self.episodes = seed, every, episodes
        self.rows = []
        self.started = time.monotonic()

    def _on_training_start(self):
        training = self.model.get_vec_normalize_env()
        if training is not None:
            self.env = VecNormalize(self.env, training=False, norm_reward=False)
            self.env.obs_rms = training.obs_rms  # The same object, so always up to date.

    def _on_step(self):
        if self.num_timesteps >= self.every * (len(self.rows) + 1):
            returns, lengths = evaluate_policy(self.model, self.env, self.episodes,
                                               return_episode_rewards=True)
            self.rows.append({"seed": self.seed, "env_steps": self.num_timesteps,
                              "wall_s": round(time.monotonic() - self.started, 2),
                              "eval/ep_len_mean": float(np.mean(lengths)),
                              "eval/mean_reward": float(np.mean(returns))})
            print(self.rows[-1], flush=True)
        return True


def curve(task, seed, env_steps):
    env_id, make_model, total, every, episodes = TASKS[task]
    evaluations = Evaluations(env_id, seed, every, episodes)
    make_model(seed).learn(env_steps or total, callback=evaluations)
    return evaluations.rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--task", required=True, choices=TASKS)
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--env_steps", type=int, help="in all; default: the task's")
    parser.add_argument("--out", default="docs/benchmarks", type=pathlib.Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    gymnasium.logger.min_level = gymnasium.logger.ERROR
    rows = []
    for seed in map(int, args.seeds.split(",")):
        rows += curve(args.task, seed, args.env_steps)
        # After each seed: a run of hours that is cut short keeps those that ended.
        with open(args.out / f"sb3_{args.task}.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()

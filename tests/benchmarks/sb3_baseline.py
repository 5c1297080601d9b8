"""Stable-Baselines3 on this machine: the figures that ours stand beside.

usage: sb3_baseline.py [--threads N] [--seconds S] [--clock wall|cpu]

Prints one JSON object: SAC, TQC, TD3 and DDPG gradient steps per second with the settings of
`//learner/algorithms:update_benchmark` (batch 256; 256x256 and 64x64 networks,
24 observations, 4 actions), SAC end to end on a random-walk environment that costs
next to nothing, PPO's environment steps per second end to end on CartPole-v1 with
the settings of deploy/configs/cartpole_ppo.yaml, and steps per second of panda-gym
where it is installed.
"""

import argparse
import json
import time

import gymnasium
import numpy as np
import stable_baselines3
import torch
from sb3_contrib import TQC
from stable_baselines3 import DDPG, PPO, SAC, TD3


class Walk(gymnasium.Env):
    """Observations of 24 numbers, 4 actions, and no simulation to speak of."""

    observation_space = gymnasium.spaces.Box(-10, 10, (24,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (4,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._state = self.np_random.normal(size=24).astype(np.float32)
        self._steps = 0
        return self._state, {}

    def step(self, action):
        self._state[:4] += 0.1 * action
        self._steps += 1
        reward = -float(np.square(self._state[:4]).sum())
        return self._state.copy(), reward, False, self._steps == 50, {}


def updates_per_s(algorithm, hidden, seconds, clock):
    model = algorithm("MlpPolicy", Walk(), policy_kwargs={"net_arch": [hidden, hidden]}, seed=1,
                      learning_starts=1000, device="cpu")
    model.learn(1100)
    steps = 0
    begin = clock()
    while clock() - begin < seconds:
        model.train(gradient_steps=50, batch_size=256)
        steps += 50
    return steps / (clock() - begin)


def ppo_env_steps_per_s(seconds):
    from stable_baselines3.common.env_util import make_vec_env

    env = make_vec_env("CartPole-v1", n_envs=10, seed=1)
    model = PPO("MlpPolicy", env, n_steps=204, batch_size=640, n_epochs=10, seed=1, device="cpu",
                policy_kwargs={"net_arch": [64, 64, 64], "activation_fn": torch.nn.ReLU})
    model.learn(2040)
    begin = time.perf_counter()
    done_steps = 0
    while time.perf_counter() - begin < seconds:
        model.learn(10200, reset_num_timesteps=False)
        done_steps += 10200
    return done_steps / (time.perf_counter() - begin)


def env_steps_per_s(env, seconds):
    env.reset(seed=1)
    action = env.action_space.sample()
    steps = 0
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for _ in range(50):
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        steps += 50
    return steps / (time.perf_counter() - begin)


def matmul_gflops():
    a, b = torch.randn(256, 256), torch.randn(256, 256)
    for _ in range(100):
        a @ b
    begin = time.perf_counter()
    for _ in range(2000):
        a @ b
    return 2000 * 2 * 256**3 / (time.perf_counter() - begin) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--seconds", type=float, default=10, help="length of each measurement")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall",
                        help="of the gradient steps; cpu where others use the machine too")
    args = parser.parse_args()
    clock = time.perf_counter if args.clock == "wall" else time.process_time
    torch.set_num_threads(args.threads)
    figures = {
        "stable_baselines3": stable_baselines3.__version__,
        "torch": torch.__version__,
        "threads": args.threads,
        "matmul_256_gflops": matmul_gflops(),
        "ppo_env_steps_per_s_cartpole": ppo_env_steps_per_s(args.seconds),
    }
    for algorithm in (SAC, TQC, TD3, DDPG):
        for hidden in (256, 64):
            name = f"{algorithm.__name__.lower()}_updates_per_s_{hidden}x{hidden}"
            figures[name] = updates_per_s(algorithm, hidden, args.seconds, clock)
    try:
        import panda_gym  # noqa: F401  (registers its environments)

        env = gymnasium.make("PandaReachDense-v3")
        figures["panda_gym_reach_steps_per_s"] = env_steps_per_s(env, args.seconds)
    except ImportError:
        figures["panda_gym_reach_steps_per_s"] = None
    print(json.dumps({k: round(v, 1) if isinstance(v, float) else v for k, v in figures.items()},
                     indent=1))


if __name__ == "__main__":
    main()

"""Plays a trained policy: returns, successes and, if you like, an animation.

    python play.py RUN_DIR                                    # in its Gymnasium environment
    python play.py RUN_DIR --gym panda_gym:PandaReachDense-v3 # in another one
    python play.py RUN_DIR --server 127.0.0.1:5557            # on an env server
    python play.py RUN_DIR --gif pendulum.gif                 # pip install pillow

RUN_DIR is what training printed as its run directory, or one policy file. Episodes are
deterministic; episode i begins from seed SEED + i in Gymnasium, from (SEED, i) on a server.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from typing import Any

import gymnasium as gym
import numpy as np

import armature
from armature.serve.env_source import parse_config


def play(env: gym.Env[Any, Any], policy: Any, seed: int | None, frames: list[Any] | None) -> Any:
    """One episode: its return, its length and whether its last step was a success.

    Where `frames` is a list, each step's picture goes into it.
    """
    observation, info = env.reset(seed=seed)
    total = 0.0
    for length in itertools.count(1):
        observation, reward, terminated, truncated, info = env.step(policy(observation))
        total += float(reward)
        if frames is not None:
            frames.append(env.render())
        if terminated or truncated:
            return total, length, info.get("is_success")


def make_env(args: argparse.Namespace, policy: Any) -> gym.Env[Any, Any]:
    # Not every environment takes None.
    render: dict[str, Any] = {"render_mode": "rgb_array"} if args.gif else {}
    if args.server:
        env_id = args.env_id or policy.spec.id
        return armature.make(args.server, env_id, config=parse_config(dict(args.config)), **render)
    try:
        return gym.make(args.gym or policy.spec.id, **render, **parse_config(dict(args.config)))
    except gym.error.UnregisteredEnv as error:
        raise armature.ArmatureError(f"{error} Give --gym MODULE:ID, or --server.") from error


def save_gif(path: str, frames: list[Any], frames_per_s: float) -> None:
    from PIL import Image

    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=1000 / frames_per_s, loop=0
    )


def key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}': expected KEY=VALUE")
    return key, value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_dir")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--gym", help="as gymnasium.make takes it; default: the policy's own id")
    where.add_argument("--server", help="address of an env server")
    parser.add_argument("--env_id", help="on the server; default: the policy's own")
    parser.add_argument(
        "--config", nargs="*", type=key_value, default=[], metavar="KEY=VALUE", help="for the env"
    )
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--gif", help="where to write an animation of the first episode")
    args = parser.parse_args()

    policy = armature.load_policy(args.run_dir)
    print(f"{policy.path.name}: {policy.spec.id} after {policy.env_steps:,} env steps")
    with make_env(args, policy) as env:
        policy = armature.load_policy(policy.path, env)  # In env's own spaces.
        returns, successes = [], []
        for episode in range(args.episodes):
            seed = None if args.server and episode else args.seed + episode
            frames: list[Any] | None = [] if args.gif and episode == 0 else None
            result = play(env, policy, seed, frames)
            returns.append(result[0])
            successes.append(result[2])
            if args.episodes <= 20:
                print(f"episode {episode}: return {result[0]:.2f}, {result[1]} steps")
            if frames:
                save_gif(args.gif, frames, env.metadata.get("render_fps", 30))
    rated = [success for success in successes if success is not None]
    rate = f", success rate {np.mean(rated):.2f}" if rated else ""
    print(f"mean return {np.mean(returns):.2f} +- {np.std(returns):.2f}{rate}")


if __name__ == "__main__":
    try:
        main()
    except (armature.ArmatureError, gym.error.Error) as error:
        sys.exit(f"play.py: {error}")

"""Plays a trained policy: returns, successes and, if you like, an animation.

    python play.py RUN_DIR                                    # in its Gymnasium environment
    python play.py RUN_DIR --gym panda_gym:PandaReachDense-v3 # in another one
    python play.py RUN_DIR --server 127.0.0.1:5557            # on an env server
    python play.py RUN_DIR --gif pendulum.gif                 # pip install pillow

RUN_DIR is what training printed as its run directory, or one policy file. The environment is
made with the run's own environment.config, unless --config says otherwise. Episodes are
deterministic; episode i begins from seed SEED + i in Gymnasium, from (SEED, i) on a server.
"""

from __future__ import annotations

import argparse
import itertools
import json
import pathlib
import re
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
    chosen = args.env_id or args.gym or policy.spec.id
    config = run_config(policy.path) if chosen == policy.spec.id else {}
    keywords = parse_config({**config, **dict(args.config)})
    # Not every environment takes None.
    render: dict[str, Any] = {"render_mode": "rgb_array"} if args.gif else {}
    if args.server:
        spec = armature.describe(args.server, chosen, config=keywords).spec
        if args.gif and not (spec and spec.can_render):
            raise armature.ArmatureError(
                f"--gif: the server at {args.server} does not draw {chosen}; armature-serve draws "
                "with --render, Armature's own env server does not yet"
            )
        return armature.make(args.server, chosen, config=keywords, **render)
    try:
        return gym.make(chosen, **render, **keywords)
    except gym.error.UnregisteredEnv as error:
        raise armature.ArmatureError(
            f"Gymnasium does not know {chosen}: give --gym MODULE:ID, or --server ADDRESS of an "
            "env server that hosts it"
        ) from error
    except TypeError as error:
        if args.gif and "'render_mode'" in str(error):
            raise armature.ArmatureError(
                f"--gif: {chosen} takes no render_mode, so it draws nothing"
            ) from error
        raise armature.ArmatureError(f"{chosen} with {keywords}: {error}") from error


def run_config(policy: pathlib.Path) -> dict[str, str]:
    """environment.config of the run that the policy file is of; {}: it is of none."""
    path = policy.parent.parent / "config.yaml"
    text = path.read_text() if path.is_file() else ""
    section = re.search(
        r"^environment:\n(?:  .*\n)*?  config:\n((?:    .*\n)*)", text, re.MULTILINE
    )
    lines = section[1].splitlines() if section else []
    pairs = (line.strip().split(": ", 1) for line in lines)
    # As runs write them: a text is in quotes where YAML would take it for something else.
    return {key: json.loads(value) if value[0] == '"' else value for key, value in pairs}


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
        "--config",
        nargs="*",
        type=key_value,
        default=[],
        metavar="KEY=VALUE",
        help="for the environment, in place of the run's own",
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

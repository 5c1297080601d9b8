"""Records a trained policy's episodes for another run to learn from.

    python record_demonstrations.py RUN_DIR reach.safetensors --server 127.0.0.1:5557
    python record_demonstrations.py RUN_DIR pendulum.safetensors --gym Pendulum-v1

RUN_DIR is what training printed as its run directory, or one policy file. The run that
learns from the file names it as algorithm.demonstrations.path.
"""

from __future__ import annotations

import argparse
import sys

import gymnasium as gym

import armature


def key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}': expected KEY=VALUE")
    return key, value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_dir")
    parser.add_argument("file")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--gym", help="as gymnasium.make takes it")
    where.add_argument("--server", help="address of an env server")
    parser.add_argument(
        "--config", nargs="*", type=key_value, default=[], metavar="KEY=VALUE", help="for --server"
    )
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--only_successful", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    policy = armature.load_policy(args.run_dir)
    env: gym.Env
    if args.server:
        env = armature.make(args.server, policy.spec.id, dict(args.config))
    else:
        env = gym.make(args.gym)
    with env:
        recording = armature.record_demonstrations(
            args.file,
            env,
            policy,
            args.episodes,
            only_successful=args.only_successful,
            seed=args.seed,
        )
    print(
        f"{recording.path}: {recording.episodes} episodes, {recording.steps} steps, "
        f"mean return {recording.mean_return:.2f}"
    )


if __name__ == "__main__":
    try:
        main()
    except (armature.ArmatureError, gym.error.Error, OSError) as error:
        sys.exit(f"record_demonstrations.py: {error}")

"""Writes trajectories of panda-gym's Reach as a header, for panda_env_test to compare ours with.

usage: pip install pybullet==3.2.7 panda-gym==3.0.7 && python3 golden_reach.py golden_reach.h
"""

import math
import sys

import gymnasium
import numpy as np
import panda_gym  # noqa: F401 - registers the environments

STEPS = 50


def swinging(step: int, size: int) -> np.ndarray:
    """Actions that need no random numbers: the test computes the same ones."""
    return np.array([math.sin(0.7 * (i + 1) * step + i) for i in range(size)], dtype=np.float32)


def constant(*action: float):
    return lambda step, size: np.array(action, dtype=np.float32)


# Name, control type, what the action is at a step.
CASES = [
    ("EeForward", "ee", constant(1, 0, 0)),
    ("EeSwinging", "ee", swinging),
    ("EeIntoTable", "ee", constant(0.1, 0.2, -1)),
    ("JointsSwinging", "joints", swinging),
    ("JointsToLimits", "joints", constant(0.2, 0.9, 0, 1, 0, -1, 0.5)),
]


def score(policy, episodes: int) -> tuple[float, float]:
    """Mean return (dense reward, terminating) and success rate."""
    env = gymnasium.make("PandaReach-v3", reward_type="dense").unwrapped
    returns, successes = 0.0, 0
    for episode in range(episodes):
        observation, _ = env.reset(seed=episode)
        for _ in range(STEPS):
            observation, reward, terminated, _, _ = env.step(policy(observation))
            returns += reward
            if terminated:
                successes += 1
                break
    env.close()
    return returns / episodes, successes / episodes


def main() -> None:
    # A file of its own: pybullet itself prints to the standard output.
    with open(sys.argv[1], "w", encoding="utf-8") as header:
        write(lambda line: print(line, file=header))


def write(emit) -> None:
    emit("// Made by golden_reach.py from panda-gym 3.0.7 on pybullet 3.2.7; do not edit.")
    emit("// Rows: the observation (end effector's position, then velocity) after each step.")
    emit("// clang-format off")
    for name, control_type, action in CASES:
        env = gymnasium.make("PandaReach-v3", control_type=control_type).unwrapped
        env.reset(seed=0)
        size = env.action_space.shape[0]
        emit(f"constexpr double k{name}[{STEPS}][6] = {{")
        for step in range(STEPS):
            env.step(action(step, size))
            # Not the observation itself: that is rounded to float32.
            row = np.concatenate([env.robot.get_ee_position(), env.robot.get_ee_velocity()])
            emit("    {" + ", ".join(f"{x:.9f}" for x in row) + "},")
        emit("};")
        env.close()
    env = gymnasium.make("PandaReach-v3").unwrapped
    env.reset(seed=0)
    target = env.robot.ee_displacement_to_target_arm_angles(np.array([1.0, 0.0, 0.0]))
    emit(f"constexpr double kFirstTarget[7] = {{{', '.join(f'{x:.9f}' for x in target)}}};")
    emit("constexpr double kInertia[12][3] = {  // By link of the URDF, without the base.")
    for link in range(12):
        inertia = env.sim.physics_client.getDynamicsInfo(0, link)[2]
        emit("    {" + ", ".join(f"{x:.12f}" for x in inertia) + "},")
    emit("};")
    rng = np.random.default_rng(77)
    mean, rate = score(lambda _: rng.uniform(-1, 1, 3).astype(np.float32), 1200)
    emit(f"constexpr double kRandomReturn = {mean:.3f}, kRandomSuccessRate = {rate:.3f};")
    mean, _ = score(
        lambda o: np.clip((o["desired_goal"] - o["achieved_goal"]) / 0.05, -1, 1), 500
    )
    emit(f"constexpr double kStraightReturn = {mean:.3f};")
    emit("// clang-format on")


if __name__ == "__main__":
    main()

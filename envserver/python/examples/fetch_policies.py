"""Scripted policies for Gymnasium-Robotics' FetchPush and FetchPickAndPlace.

    python fetch_policies.py FetchPickAndPlace-v4
    python fetch_policies.py FetchPush-v4 --episodes 50 --record fetch_push.safetensors

plays episodes and prints how many end in success; with --record their steps become demonstrations
(algorithm.demonstrations.path). Each policy looks only at the observation, so it can begin in any
state. Needs gymnasium-robotics and mujoco.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np
from panda_policies import Policy, Vector, add_flags, play

_GAIN = 1 / 0.05  # An action of 1 aims 0.05 m away.
_ABOVE = 0.06  # From where the hand comes down, over the block's centre.
_OPEN, _CLOSE = 1.0, -1.0


def _to(hand: Vector, target: Vector, gripper: float, gain: float = _GAIN) -> Vector:
    return np.append(np.clip(gain * (target - hand), -1, 1), gripper)


def pick_and_place(observation: Mapping[str, Vector]) -> Vector:
    state, goal = observation["observation"], observation["desired_goal"]
    hand, block, width = state[:3], state[3:6], state[9] + state[10]
    offset = block - hand
    if np.abs(offset).max() < 0.02 and width < 0.053:  # The block is 0.05 wide.
        return _to(hand, hand + goal - block, _CLOSE, gain=0.3 * _GAIN)
    if np.abs(offset).max() < 0.01:
        return _to(hand, block, _CLOSE)
    if np.hypot(*offset[:2]) < 0.012:
        return _to(hand, block, _OPEN, gain=0.5 * _GAIN)
    return _to(hand, block + np.array([0, 0, _ABOVE]), _OPEN)


def push(observation: Mapping[str, Vector]) -> Vector:
    state, goal = observation["observation"], observation["desired_goal"]
    hand, block = state[:3], state[3:6]
    left = float(np.hypot(*(goal - block)[:2]))
    if left < 0.02:
        return _to(hand, hand, _CLOSE)
    way = (goal - block)[:2] / left
    side = np.array([-way[1], way[0]])
    offset = (hand - block)[:2]
    low = float(block[2])
    if hand[2] < low + 0.03 and way @ offset < -0.02 and abs(side @ offset) < 0.02:
        aim = hand[:2] + way * min(left, 0.03) - 0.8 * (side @ offset) * side
        return _to(hand, np.append(aim, low), _CLOSE, gain=0.5 * _GAIN)
    behind = block[:2] - 0.075 * way
    if np.hypot(*(hand[:2] - behind)) < 0.015:
        return _to(hand, np.append(behind, low), _CLOSE)
    if hand[2] < low + 0.05:
        return _to(hand, np.append(hand[:2], low + 0.1), _CLOSE)
    return _to(hand, np.append(behind, low + 0.1), _CLOSE)


POLICIES: dict[str, Policy] = {
    "FetchPush-v4": push,
    "FetchPickAndPlace-v4": pick_and_place,
}


def act(env_id: str, observation: Mapping[str, Vector]) -> Vector:
    """KeyError: there is no policy for this environment."""
    return POLICIES[env_id](observation).astype(np.float32)


def main() -> None:
    import gymnasium
    import gymnasium_robotics

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("env", choices=sorted(POLICIES))
    add_flags(parser)
    flags = parser.parse_args()
    gymnasium.register_envs(gymnasium_robotics)
    with gymnasium.make(flags.env) as env:
        play(env, flags.env, lambda observation: act(flags.env, observation), flags)


if __name__ == "__main__":
    main()

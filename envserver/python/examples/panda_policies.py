"""Scripted policies for the Panda tasks, ours and panda-gym's alike.

    python panda_policies.py 127.0.0.1:5557 pick_and_place
    python panda_policies.py 127.0.0.1:5557 stack --episodes 50 --record stack.safetensors

plays episodes of `panda_TASK` on an env server and prints how many succeed; with --record their
steps become demonstrations (algorithm.demonstrations.path). Each policy looks only at the
observation, so it can begin in any state. All are for `ee` control, but `flip`, which turns the
hand, for `joints`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import panda_arm

Vector = npt.NDArray[Any]

_GAIN = 1 / 0.05  # An action of 1 aims 0.05 m away; a higher gain overshoots.
_ABOVE = 0.06  # From where the hand comes down, over a cube's centre.
_NEAR = 0.012  # Sideways: the hand is over the cube.
_HELD = 0.0425  # Width of the fingers around a cube of 0.04.
_GENTLE = 0.5  # Actions with a cube in the hand; faster, it slips.
_LOW = 0.015  # Height of the hand beside a cube or puck.
_PUCK_RADIUS = 0.03
# Where the fingers' corner has to meet the puck, from the middle of the hand along y, over |y| of
# the puck's way: measured, with what the hand still lacks when it hits.
_CORNER = ([0.04, 0.15, 0.25, 0.4, 0.55], [0.0211, 0.024, 0.0248, 0.0238, 0.0221])
_OPEN, _CLOSE = 1.0, -1.0
_JOINT_STEP = 0.044  # rad that a joint moves at an action of 1, which aims for 0.05.


class _Hand:
    """Where the hand is, and the actions that bring it elsewhere."""

    def __init__(self, observation: Mapping[str, Vector]) -> None:
        state = observation["observation"]
        self.position: Vector = state[:3]
        self.width = float(state[6]) if state.size > 6 else 0.0  # Reach blocks the gripper.

    def to(self, target: Vector, most: float = 1.0) -> Vector:
        return np.clip(_GAIN * (target - self.position), -most, most)

    def carry(self, cube: Vector, goal: Vector, cruise: float) -> Vector:
        """Takes the cube and brings it to the goal; [4].

        On the way it is at least `cruise` high, until it is over the goal.
        """
        offset = cube - self.position
        if np.abs(offset).max() < 0.022 and self.width < _HELD:
            # The fingers give way together along y, where the cube swings about the hand.
            target = goal - np.array([offset[0], 0, offset[2]])
            apart = np.hypot(*(goal - cube)[:2])
            if apart > 0.025:
                target[2] = max(target[2], cruise - offset[2])
                if cube[2] < cruise - 0.02:  # Up first, so that nothing is swept away.
                    target[:2] = self.position[:2]
            return np.append(self.to(target, _GENTLE if apart > 0.05 else 0.25), _CLOSE)
        over = np.hypot(*offset[:2])
        if over < _NEAR and abs(offset[2]) < 0.01:
            return np.append(self.to(cube, _GENTLE), _CLOSE)
        if over < 2 * _NEAR:  # Down, slowly: the hand swings back when it stops.
            return np.append(self.to(cube, 0.4), _OPEN)
        target = cube + np.array([0, 0, _ABOVE])
        if self.position[2] < target[2] - 0.02:  # Rises before it crosses.
            target[:2] = self.position[:2]
        return np.append(self.to(target), _OPEN)


def reach(observation: Mapping[str, Vector]) -> Vector:
    return _Hand(observation).to(observation["desired_goal"])


def push(observation: Mapping[str, Vector]) -> Vector:
    hand = _Hand(observation)
    cube, goal = observation["observation"][6:9], observation["desired_goal"]
    left = float(np.hypot(*(goal - cube)[:2]))
    way = (goal - cube)[:2] / max(left, 1e-6)
    side = np.array([-way[1], way[0]])
    offset = (hand.position - cube)[:2]
    if hand.position[2] < 0.05 and way @ offset < -0.02 and abs(side @ offset) < 0.02:
        aim = hand.position[:2] + way * min(left, 0.02) - 0.8 * (side @ offset) * side
        return hand.to(np.append(aim, _LOW))
    behind = cube[:2] - 0.065 * way
    if np.hypot(*(hand.position[:2] - behind)) < 0.025:
        return hand.to(np.append(behind, _LOW))
    if hand.position[2] < 0.08:
        return hand.to(np.append(hand.position[:2], 0.1))
    return hand.to(np.append(behind, 0.1))


def slide(observation: Mapping[str, Vector]) -> Vector:
    """Hits the puck once, with a corner of the fingers; [3].

    The fingers' faces are flat and have little friction with the puck, so that they would push it
    along x or y whatever way the hand goes. A corner pushes it along the line between the two.
    """
    hand = _Hand(observation)
    velocity = observation["observation"][3:6]
    puck, goal = observation["observation"][6:9], observation["desired_goal"]
    way = (goal - puck)[:2] / max(float(np.hypot(*(goal - puck)[:2])), 1e-6)
    side = np.array([-way[1], way[0]])
    corner = np.array([0.01, np.interp(abs(way[1]), *_CORNER) * np.clip(25 * way[1], -1, 1)])
    touch = puck[:2] - _PUCK_RADIUS * way - corner
    behind = touch - 0.04 * way
    along, beside = way @ (hand.position[:2] - touch), side @ (hand.position[:2] - touch)
    apart = np.hypot(*(hand.position[:2] - behind))
    is_low = abs(hand.position[2] - _LOW) < 0.005 and abs(velocity[2]) < 0.1
    is_ready = along > -0.06 and abs(beside) < 0.003 and abs(side @ velocity[:2]) < 0.06
    is_hitting = along > -0.022 and abs(beside) < 0.012
    if hand.position[2] < 2 * _LOW and (is_hitting or (is_ready and is_low)):
        aside = 2 * beside + 0.02 * (side @ velocity[:2])
        return hand.to(np.append(hand.position[:2] + 0.04 * way - aside * side, _LOW))
    if apart < 0.025:  # Settles there: a millimetre aside turns the puck's way by two degrees.
        return hand.to(np.append(behind, _LOW), 0.6)
    if apart < 0.06 and along < -0.01:
        return hand.to(np.append(behind, hand.position[2]), 0.6)
    if hand.position[2] < 0.07:  # Rises before it crosses.
        return hand.to(np.append(hand.position[:2], 0.1))
    return hand.to(np.append(behind, 0.09))


def pick_and_place(observation: Mapping[str, Vector]) -> Vector:
    cube = observation["observation"][7:10]
    return _Hand(observation).carry(cube, observation["desired_goal"], cruise=0.0)


def stack(observation: Mapping[str, Vector]) -> Vector:
    hand = _Hand(observation)
    goal = observation["desired_goal"]
    lower, upper = observation["observation"][7:10], observation["observation"][19:22]
    if np.hypot(*(lower - goal[:3])[:2]) > 0.035 or lower[2] > 0.03:
        return hand.carry(lower, goal[:3], cruise=0.08)
    is_at_lower = np.hypot(*(hand.position - lower)[:2]) < 0.03
    if is_at_lower and hand.position[2] < lower[2] + 0.05 and np.hypot(*(upper - lower)[:2]) > 0.04:
        return np.array([0, 0, 0.5 if hand.width > 0.06 else 0, _OPEN])  # Lets go.
    return hand.carry(upper, goal[3:], cruise=0.11)


def flip(observation: Mapping[str, Vector]) -> Vector:
    """Takes the cube and turns the hand; [8] for `joints` control.

    The observation has no joint angles. They follow from where the hand is: it points down, or,
    holding the cube, is turned as the cube is.
    """
    hand = _Hand(observation)
    cube = observation["observation"][7:10]
    rotation = panda_arm.from_quaternion(observation["observation"][10:14])
    offset = cube - hand.position
    if np.abs(offset).max() < 0.03 and 0.03 < hand.width < _HELD:
        joints = panda_arm.joints_of(hand.position, rotation @ panda_arm.POINTS_DOWN)
        goal = panda_arm.from_quaternion(observation["desired_goal"])
        turn = panda_arm.rotation_vector(goal @ rotation.T)
        fast = 0.2 if hand.position[2] > 0.05 else 0.06  # Not against the table.
        lift = np.clip(0.16 - hand.position[2], -0.04, 0.04)
        twist = np.append([0, 0, lift], fast * turn / max(float(np.linalg.norm(turn)), 1e-6))
        weights, grip = np.array([0, 0, 3.0, 1, 1, 1]), _CLOSE
    else:
        joints = panda_arm.joints_of(hand.position, panda_arm.POINTS_DOWN)
        over = np.hypot(*offset[:2])
        is_around = over < _NEAR and abs(offset[2]) < _NEAR
        grip = _CLOSE if is_around else _OPEN
        if over > 2.5 * _NEAR:
            offset[2] += _ABOVE
        twist = np.append(np.clip(offset, -0.05, 0.05), np.zeros(3))
        weights = np.array([1.0, 1, 1, 0.1, 0.1, 0.1])
    steps = panda_arm.joint_steps(joints, twist, weights, _JOINT_STEP)
    return np.append(steps / _JOINT_STEP, grip)


Policy = Callable[[Mapping[str, Vector]], Vector]

POLICIES: dict[str, Policy] = {
    "reach": reach,
    "push": push,
    "slide": slide,
    "pick_and_place": pick_and_place,
    "stack": stack,
    "flip": flip,
}
CONTROL_TYPES = {"flip": "joints"}  # Else "ee".


def act(task: str, observation: Mapping[str, Vector]) -> Vector:
    """KeyError: there is no policy for this task."""
    return POLICIES[task](observation).astype(np.float32)


def success_rate(env: Any, policy: Policy, episodes: int) -> float:
    """Share of the episodes, of seeds 0, 1, .., that end in success."""
    successes = 0
    for seed in range(episodes):
        observation, info = env.reset(seed=seed)
        ended = False
        while not ended:
            observation, _, terminated, truncated, info = env.step(policy(observation))
            ended = terminated or truncated
        successes += bool(info["is_success"])
    return successes / episodes


def make(server: str, task: str, keys: Sequence[str] = ()) -> Any:
    """The task's environment on an env server, under the control that its policy is for.

    keys: more of environment.config, each KEY=VALUE.
    """
    import armature

    config = {"control_type": CONTROL_TYPES.get(task, "ee")}
    config.update(key.split("=", 1) for key in keys)
    return armature.make(server, f"panda_{task}", config)


def key_value(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return text


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What `play` needs to know."""
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--record", metavar="FILE", help="where the demonstrations go")


def play(env: Any, name: str, policy: Policy, flags: argparse.Namespace) -> None:
    """Prints how many episodes succeed, or records successful ones."""
    import armature

    if flags.record:
        recording = armature.record_demonstrations(
            flags.record, env, policy, flags.episodes, only_successful=True
        )
        print(f"{recording.path}: {recording.episodes} episodes, {recording.steps} steps")
    else:
        rate = success_rate(env, policy, flags.episodes)
        print(f"{name}: {rate:.2f} of {flags.episodes} episodes succeed")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("server", help="address of an env server")
    parser.add_argument("task", choices=sorted(POLICIES))
    parser.add_argument(
        "--config",
        metavar="KEY=VALUE",
        type=key_value,
        action="append",
        default=[],
        help="a key of environment.config, such as start=dropped for stack",
    )
    add_flags(parser)
    flags = parser.parse_args()
    with make(flags.server, flags.task, flags.config) as env:
        play(env, flags.task, lambda observation: act(flags.task, observation), flags)


if __name__ == "__main__":
    main()

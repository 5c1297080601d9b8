"""Kinematics of the Panda arm: where its hand is, and which steps of its joints move and turn it.

All in the frame of the Panda tasks, whose table has its top at z = 0: m, rad.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[Any]

NEUTRAL = np.array([0, 0.41, 0, -1.85, 0, 2.26, 0.79])  # How an episode begins.
LOW = np.array([-2.96, -1.83, -2.96, -3.14, -2.96, -0.08, -2.96])
HIGH = np.array([2.96, 1.83, 2.96, 0, 2.96, 3.82, 2.96])
POINTS_DOWN = np.diag([1.0, -1.0, -1.0])  # The hand's rotation.

_BASE = np.array([-0.6, 0, 0])
# From panda.urdf, for each joint: its frame in that of the joint before, place and turn about x.
_PLACES = np.array(
    [
        [0, 0, 0.333],
        [0, 0, 0],
        [0, -0.316, 0],
        [0.0825, 0, 0],
        [-0.0825, 0.384, 0],
        [0, 0, 0],
        [0.088, 0, 0],
    ]
)
_TURNS = np.array([0, -1, 1, 1, -1, 1, 1]) * np.pi / 2
_HAND_PLACE = np.array([0, 0, 0.212])  # Between the finger pads, in the last joint's frame,
_HAND_TURN = -np.pi / 4  # and the turn about its z.
_LIMIT_MARGIN = 0.05
_ROTATION_WEIGHT = 0.3  # m per rad: of a rotation beside a place.


def _about_x(angle: float) -> Vector:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_z(angle: float) -> Vector:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


_TURN_MATRICES = [_about_x(angle) for angle in _TURNS]


def from_quaternion(xyzw: Vector) -> Vector:
    """The rotation matrix; [3, 3]."""
    x, y, z, w = xyzw / np.linalg.norm(xyzw)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotation_vector(rotation: Vector) -> Vector:
    """The shortest way to turn so: axis times angle; [3]."""
    angle = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))
    axis = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    length = np.linalg.norm(axis)
    if length > 1e-6:
        return axis / length * angle
    if angle < 1:
        return np.zeros(3)
    return np.linalg.eigh(rotation)[1][:, 2] * angle  # Half a turn: either way.


def hand(joints: Vector) -> tuple[Vector, Vector, Vector]:
    """Place [3] and rotation [3, 3] of the hand, and its Jacobian, linear over angular [6, 7]."""
    place, rotation = _BASE, np.eye(3)
    places, axes = np.empty((7, 3)), np.empty((7, 3))
    for i in range(7):
        place = place + rotation @ _PLACES[i]
        rotation = rotation @ _TURN_MATRICES[i] @ _about_z(joints[i])
        places[i], axes[i] = place, rotation[:, 2]
    place = place + rotation @ _HAND_PLACE
    return (
        place,
        rotation @ _about_z(_HAND_TURN),
        np.vstack([np.cross(axes, place - places).T, axes.T]),
    )


def joints_of(place: Vector, rotation: Vector) -> Vector:
    """Joint angles [7] of a hand that is here, of all those the ones on the way from NEUTRAL."""
    joints = NEUTRAL.copy()
    for _ in range(15):
        now, turned, jacobian = hand(joints)
        turn = rotation_vector(rotation @ turned.T)
        error = np.concatenate([place - now, _ROTATION_WEIGHT * turn])
        size = np.linalg.norm(error)
        if size < 1e-3:
            break
        jacobian[3:] *= _ROTATION_WEIGHT
        square = jacobian @ jacobian.T + 1e-4 * np.eye(6)
        step = jacobian.T @ np.linalg.solve(square, error * min(1, 0.15 / size))
        joints = np.clip(joints + step, LOW, HIGH)
    return joints


def joint_steps(joints: Vector, twist: Vector, weights: Vector, step_max: float) -> Vector:
    """Steps [7] of at most step_max, within the limits, that come closest to a twist of the hand.

    They minimise sum_i weights_i (J steps - twist)_i^2 + 0.001 |steps|^2, joint by joint.
    """
    jacobian = hand(joints)[2]
    square = jacobian.T @ (weights[:, None] * jacobian) + 1e-3 * np.eye(7)
    aim = jacobian.T @ (weights * twist)
    low = np.clip(LOW + _LIMIT_MARGIN - joints, -step_max, 0)
    high = np.clip(HIGH - _LIMIT_MARGIN - joints, 0, step_max)
    steps = np.zeros(7)
    for _ in range(20):
        for i in range(7):
            free = steps[i] + (aim[i] - square[i] @ steps) / square[i, i]
            steps[i] = min(max(free, low[i]), high[i])
    return steps

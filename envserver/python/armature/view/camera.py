"""Where viewers look from at first: the scene's first camera, else one that has all bodies in view.

The latter is the renderer's own, envserver/render/framing.h.
Thread safety: free functions.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from armature.view.geometry import triangles_of
from armature.view.timeline import Moment

Vector = npt.NDArray[np.float64]

_DIRECTION = np.array([0.58, -0.70, 0.42])  # From the target to the camera.
_MARGIN = 1.05  # Room around the scene.
_FIELD_OF_VIEW_DEG = 45.0
_NOTHING_TO_SEE = np.array([2.0, -2.0, 1.5])
_UNBOUNDED = ("plane", "height_field")


class Camera(NamedTuple):
    """Of a tracked body, by index: position and target are from there."""

    position: Vector
    target: Vector
    vertical_field_of_view_rad: float
    tracked_body: int | None = None

    @property
    def distance_m(self) -> float:
        return float(np.linalg.norm(self.position - self.target))


def point(handle: Any, camera: Camera) -> None:
    """A viewer's camera, or that of viewers to come."""
    handle.position = camera.position
    handle.look_at = camera.target
    handle.fov = camera.vertical_field_of_view_rad


def camera_of(moment: Moment) -> Camera:
    """A scene's camera that cannot be one is passed over."""
    for camera in moment.stage.scene.camera[:1]:
        position, target = np.array(camera.position), np.array(camera.target)
        field_of_view_deg = camera.vertical_field_of_view_deg
        if position.shape != (3,) or target.shape != (3,) or not 0 < field_of_view_deg < 180:
            break
        if np.isfinite([position, target]).all() and (position != target).any():
            bodies = [body.name for body in moment.stage.scene.body]
            name = camera.tracked_body
            tracked = bodies.index(name) if name in bodies else None
            return Camera(position, target, math.radians(field_of_view_deg), tracked)
    return _frame(moment)


def _frame(moment: Moment) -> Camera:
    field_of_view_rad = math.radians(_FIELD_OF_VIEW_DEG)
    corners = [_corners(moment, shape) for shape in moment.shapes if _counts(moment, shape)]
    points = np.concatenate(corners) if corners else np.zeros((1, 3))
    low, high = points.min(axis=0), points.max(axis=0)
    radius = float(np.linalg.norm(high - low)) / 2
    if radius == 0:
        return Camera(_NOTHING_TO_SEE, np.zeros(3), field_of_view_rad)
    target = (low + high) / 2
    distance = _MARGIN * radius / math.sin(field_of_view_rad / 2)
    way = _DIRECTION / np.linalg.norm(_DIRECTION)
    return Camera(target + distance * way, target, field_of_view_rad)


def _counts(moment: Moment, shape: Any) -> bool:
    is_marker = moment.stage.scene.body[shape.body].is_marker
    return shape.WhichOneof("geometry") not in _UNBOUNDED and not is_marker


def _corners(moment: Moment, shape: Any) -> Vector:
    """Of the box around a shape, where its body is, [8, 3]."""
    vertices = triangles_of(shape, moment.stage.meshes).vertices
    if not len(vertices):
        return np.zeros((0, 3))
    bounds = np.stack([vertices.min(axis=0), vertices.max(axis=0)])
    corner = np.array([[i >> axis & 1 for axis in range(3)] for i in range(8)])
    box = bounds[corner, np.arange(3)].astype(np.float64)
    return _moved(moment.pose[shape.body], _moved(np.array(shape.pose), box))


def _moved(pose: npt.NDArray[Any], points: Vector) -> Vector:
    """Turned by the pose's quaternion, (x, y, z, w), and put to its position."""
    axis, w = pose[3:6].astype(np.float64), float(pose[6])
    twice = 2 * np.cross(axis, points)
    moved: Vector = points + w * twice + np.cross(axis, twice) + pose[:3]
    return moved

"""Shapes of proto/scene.proto as the primitives of Foxglove's SceneEntity.

Thread safety: free functions. Needs the extra `mcap`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from foxglove_schemas_protobuf.Pose_pb2 import Pose
from foxglove_schemas_protobuf.SceneEntity_pb2 import SceneEntity

from armature.episodes import Mesh
from armature.tensors import WIRE_DTYPES, get_tensor

# A plane has no edge; what is shown of it has one: full extent, m.
PLANE_EXTENT = 100.0
_FLOAT32 = WIRE_DTYPES[np.dtype("<f4")]

Array = npt.NDArray[Any]


def add_shape(entity: SceneEntity, shape: Any, meshes: Mapping[str, Mesh]) -> None:
    """Adds a v1.SceneShape to `entity`, in the frame of the shape's body.

    WireError: the heights of a height field are not what they should be.
    """
    kind = shape.WhichOneof("geometry")
    if kind == "box":
        _place(entity.cubes.add(), shape, (shape.box.x, shape.box.y, shape.box.z))
    elif kind == "sphere":
        _place(entity.spheres.add(), shape, (2 * shape.sphere.radius,) * 3)
    elif kind == "cylinder":
        _add_cylinder(entity, shape, shape.cylinder)
    elif kind == "capsule":
        _add_cylinder(entity, shape, shape.capsule)
        for sign in (-1, 1):
            cap = entity.spheres.add()
            _place(cap, shape, (2 * shape.capsule.radius,) * 3)
            _move(cap.pose, (0, 0, sign * shape.capsule.length / 2))
    elif kind == "plane":
        corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
        triangles = np.array([[0, 1, 2], [0, 2, 3]])
        _add_triangles(entity, shape, corners * PLANE_EXTENT / 2, triangles)
    elif kind == "mesh" and shape.mesh.name:
        mesh = meshes[shape.mesh.name]
        scale = np.array(shape.mesh.scale)
        # Mirrored triangles face the other way.
        order = (0, 1, 2) if scale.prod() > 0 else (0, 2, 1)
        _add_triangles(entity, shape, mesh.vertex * scale, mesh.triangle[:, order])
    elif kind == "height_field":
        _add_triangles(entity, shape, *_height_field(shape.height_field))


def set_pose(pose: Pose, values: Sequence[float]) -> None:
    """`values`: x, y, z, then the quaternion."""
    p, q = pose.position, pose.orientation
    p.x, p.y, p.z, q.x, q.y, q.z, q.w = values


def _place(primitive: Any, shape: Any, size: Sequence[float]) -> None:
    primitive.size.x, primitive.size.y, primitive.size.z = size
    _dress(primitive, shape)


def _dress(primitive: Any, shape: Any) -> None:
    set_pose(primitive.pose, shape.pose)
    color = primitive.color
    color.r, color.g, color.b, color.a = shape.colour


def _add_cylinder(entity: SceneEntity, shape: Any, geometry: Any) -> None:
    cylinder = entity.cylinders.add()
    diameter = 2 * geometry.radius
    _place(cylinder, shape, (diameter, diameter, geometry.length))
    cylinder.bottom_scale = cylinder.top_scale = 1


def _add_triangles(entity: SceneEntity, shape: Any, points: Array, triangles: Array) -> None:
    """`points` [v, 3], `triangles` [t, 3]: indices of points."""
    primitive = entity.triangles.add()
    _dress(primitive, shape)
    for x, y, z in points.tolist():
        primitive.points.add(x=x, y=y, z=z)
    primitive.indices.extend(triangles.ravel().tolist())


def _height_field(field: Any) -> tuple[Array, Array]:
    """Points [rows * columns, 3] and two triangles a cell, which face up."""
    height = get_tensor(field.height, _FLOAT32, (-1, -1), "height_field.height")
    rows, columns = height.shape
    y, x = np.mgrid[:rows, :columns]
    points = np.stack(
        [
            (x - (columns - 1) / 2) * field.cell_x,
            (y - (rows - 1) / 2) * field.cell_y,
            height,
        ],
        axis=-1,
    ).reshape(-1, 3)
    # The corner of each cell with the lowest x and y.
    corner = (y * columns + x)[:-1, :-1].ravel()
    right, above, across = corner + 1, corner + columns, corner + columns + 1
    triangles = np.stack([corner, right, across, corner, across, above], axis=-1)
    return points, triangles.reshape(-1, 3)


def _move(pose: Pose, offset: Sequence[float]) -> None:
    """Moves a pose by an offset in its own frame."""
    q = np.array([pose.orientation.x, pose.orientation.y, pose.orientation.z])
    v = np.array(offset)
    turned = v + 2 * np.cross(q, np.cross(q, v) + pose.orientation.w * v)
    pose.position.x += turned[0]
    pose.position.y += turned[1]
    pose.position.z += turned[2]

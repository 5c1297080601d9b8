"""Triangles of every kind of shape that proto/scene.proto has, in the shape's own frame.

Corners with a crease have a vertex for each side, so that what averages normals at vertices
shows edges as edges.
Thread safety: free functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from armature.errors import WireError
from armature.tensors import WIRE_DTYPES, get_tensor

# Of whatever is round: corners around an axis, and from a pole to the equator.
_AROUND = 32
_TO_EQUATOR = 8
# A plane has no end; what is drawn of it reaches this far.
PLANE_HALF_M = 50.0
# Triangles that meet at a larger angle have a crease between them.
_CREASE_RAD = math.radians(30)
_FLOAT32 = WIRE_DTYPES[np.dtype("<f4")]
_INT32 = WIRE_DTYPES[np.dtype("<i4")]


class Triangles(NamedTuple):
    """Counter-clockwise from outside."""

    vertices: npt.NDArray[np.float32]  # [v, 3]
    triangles: npt.NDArray[np.int32]  # [t, 3]


def triangles_of(shape: Any, meshes: Mapping[str, Triangles]) -> Triangles:
    """Of a SceneShape, in its own size. WireError: it names no mesh of `meshes`, or has no kind."""
    kind = shape.WhichOneof("geometry")
    if kind == "box":
        return _box(shape.box.x, shape.box.y, shape.box.z)
    if kind == "sphere":
        return _capsule(shape.sphere.radius, 0.0)
    if kind == "cylinder":
        return _cylinder(shape.cylinder.radius, shape.cylinder.length)
    if kind == "capsule":
        return _capsule(shape.capsule.radius, shape.capsule.length)
    if kind == "plane":
        return _plane()
    if kind == "height_field":
        return _height_field(shape.height_field)
    if kind == "mesh":
        if shape.mesh.name not in meshes:
            raise WireError(f"the scene names the mesh '{shape.mesh.name}', which was not sent")
        return _scaled(meshes[shape.mesh.name], list(shape.mesh.scale))
    raise WireError("a shape of the scene has no geometry that this version knows")


def mesh_of(message: Any) -> Triangles:
    """Of a Mesh, with its creases. WireError: breaks proto/scene.proto."""
    where = f"mesh '{message.name}'"
    vertices = get_tensor(
        message.vertex, _FLOAT32, [*message.vertex.shape[:1], 3], f"{where}.vertex"
    )
    triangles = get_tensor(
        message.triangle, _INT32, [*message.triangle.shape[:1], 3], f"{where}.triangle"
    )
    if len(triangles) and not 0 <= triangles.min() <= triangles.max() < len(vertices):
        raise WireError(f"{where}.triangle has an index outside 0..{len(vertices) - 1}")
    return _creased(vertices, triangles)


def _creased(vertices: npt.NDArray[np.float32], triangles: npt.NDArray[np.int32]) -> Triangles:
    """The same surface, where corners are shared by triangles of about one direction only.

    Files of triangles (STL) share no corners at all, which would make every edge a crease.
    """
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    lengths = np.linalg.norm(normals, axis=1)
    triangles, normals = triangles[lengths > 0], normals[lengths > 0]
    if not len(triangles):
        return Triangles(vertices, triangles)
    normals = np.repeat(normals / lengths[lengths > 0, None], 3, axis=0)  # [3t, 3]
    _, place = np.unique(vertices, axis=0, return_inverse=True)
    corner = place.reshape(-1)[triangles].reshape(-1)  # [3t]: a number for each place.
    # The corners of one place, one after the other: each joins the first group of about its
    # direction.
    order = np.argsort(corner, kind="stable")
    group = np.zeros(len(corner), np.int64)
    leaders: list[int] = []
    begun_at = -1
    first = 0
    least = math.cos(_CREASE_RAD)
    for each in order.tolist():
        if corner[each] != begun_at:
            begun_at, first = int(corner[each]), len(leaders)
        for number in range(first, len(leaders)):
            if float(normals[leaders[number]] @ normals[each]) >= least:
                group[each] = number
                break
        else:
            group[each] = len(leaders)
            leaders.append(each)
    return Triangles(
        vertices[triangles.reshape(-1)[leaders]].astype(np.float32),
        group.reshape(-1, 3).astype(np.int32),
    )


def _scaled(mesh: Triangles, scale: list[float]) -> Triangles:
    factors = np.asarray(scale or [1.0, 1.0, 1.0], np.float32)
    if factors.shape != (3,):
        raise WireError(f"mesh.scale has {len(factors)} numbers, expected 3")
    mirrors = np.prod(factors) < 0  # Then what was counter-clockwise is not any more.
    return Triangles(
        mesh.vertices * factors, mesh.triangles[:, ::-1] if mirrors else mesh.triangles
    )


def _box(x: float, y: float, z: float) -> Triangles:
    vertices: list[list[float]] = []
    triangles: list[list[int]] = []
    for axis in range(3):
        for side in (-1.0, 1.0):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            first = len(vertices)
            for along_u, along_v in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                corner = [0.0, 0.0, 0.0]
                corner[axis], corner[u], corner[v] = side, along_u, along_v
                vertices.append(corner)
            around = [0, 1, 2, 0, 2, 3] if side > 0 else [0, 2, 1, 0, 3, 2]
            triangles += [[first + i for i in around[:3]], [first + i for i in around[3:]]]
    half = np.asarray([x, y, z], np.float32) / 2
    corners = (np.asarray(vertices, np.float32) * half).astype(np.float32)
    return Triangles(corners, np.asarray(triangles, np.int32))


def _rings(radii: npt.NDArray[Any], heights: npt.NDArray[Any]) -> Triangles:
    """A surface around z, through rings from the top to the bottom."""
    angle = np.arange(_AROUND) * (2 * math.pi / _AROUND)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)  # [_AROUND, 2]
    vertices = np.concatenate(
        [
            (radii[:, None, None] * circle[None]),
            np.broadcast_to(heights[:, None, None], (len(radii), _AROUND, 1)),
        ],
        axis=2,
    ).reshape(-1, 3)
    here = np.arange(_AROUND)
    beside = (here + 1) % _AROUND
    triangles = []
    for ring in range(len(radii) - 1):
        upper, lower = ring * _AROUND, (ring + 1) * _AROUND
        triangles.append(np.stack([upper + here, lower + here, lower + beside], axis=1))
        triangles.append(np.stack([upper + here, lower + beside, upper + beside], axis=1))
    return Triangles(vertices.astype(np.float32), np.concatenate(triangles).astype(np.int32))


def _cylinder(radius: float, length: float) -> Triangles:
    # The rims are there twice: of the side and of the caps.
    half = length / 2
    parts = [
        _rings(np.array([0.0, radius]), np.array([half, half])),
        _rings(np.array([radius, radius]), np.array([half, -half])),
        _rings(np.array([radius, 0.0]), np.array([-half, -half])),
    ]
    starts = np.cumsum([0] + [len(part.vertices) for part in parts])
    return Triangles(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate(
            [part.triangles + np.int32(start) for part, start in zip(parts, starts)]
        ).astype(np.int32),
    )


def _capsule(radius: float, length: float) -> Triangles:
    """A sphere, cut at the equator and drawn apart by `length`."""
    angle = np.linspace(0, math.pi / 2, _TO_EQUATOR + 1)
    upper = np.stack([np.sin(angle), np.cos(angle)], axis=1) * radius
    lower = upper[::-1] * np.array([1, -1])
    if length == 0:
        lower = lower[1:]
    heights = np.concatenate([upper[:, 1] + length / 2, lower[:, 1] - length / 2])
    return _rings(np.concatenate([upper[:, 0], lower[:, 0]]), heights)


def _plane() -> Triangles:
    corners = [[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]
    return Triangles(
        np.asarray(corners, np.float32) * np.float32(PLANE_HALF_M),
        np.asarray([[0, 1, 2], [0, 2, 3]], np.int32),
    )


def _height_field(field: Any) -> Triangles:
    rows, columns = [*field.height.shape, 0, 0][:2]
    height = get_tensor(field.height, _FLOAT32, [rows, columns], "height_field.height")
    if rows < 2 or columns < 2:
        raise WireError(f"height_field.height is [{rows}, {columns}], expected [2+, 2+]")
    x = (np.arange(columns) - (columns - 1) / 2) * field.cell_x
    y = (np.arange(rows) - (rows - 1) / 2) * field.cell_y
    vertices = np.stack([*np.meshgrid(x, y), height], axis=2).reshape(-1, 3)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    right, above = corner + 1, corner + columns
    triangles = np.concatenate(
        [
            np.stack([corner, right, above + 1], axis=1),
            np.stack([corner, above + 1, above], axis=1),
        ]
    )
    return Triangles(vertices.astype(np.float32), triangles.astype(np.int32))

"""Triangles of the shapes of a scene: their sizes, places and outsides."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from view_scenes import mesh, shape

from armature.errors import WireError
from armature.tensors import set_tensor
from armature.view.geometry import Triangles, mesh_of, triangles_of

CUBE_CORNERS = [[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]
CUBE = [
    *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5]),
    *([0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6]),
    *([0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
]


def volume(surface: Triangles) -> float:
    """By the divergence theorem: negative where the triangles face inwards."""
    a, b, c = (surface.vertices[surface.triangles[:, i]].astype(float) for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def extents(surface: Triangles) -> list[float]:
    used = surface.vertices[np.unique(surface.triangles)]
    return np.concatenate([used.min(axis=0), used.max(axis=0)]).tolist()


@pytest.mark.parametrize(
    ("geometry", "size", "content"),
    [
        ({"box": {"x": 1, "y": 2, "z": 3}}, (1, 2, 3), 6),
        ({"sphere": {"radius": 0.5}}, (1, 1, 1), math.pi / 6),
        ({"cylinder": {"radius": 0.5, "length": 3}}, (1, 1, 3), 3 * math.pi / 4),
        ({"capsule": {"radius": 0.5, "length": 3}}, (1, 1, 4), 3 * math.pi / 4 + math.pi / 6),
    ],
)
def test_a_solid_has_its_size_around_its_origin_and_faces_outwards(
    geometry: dict[str, Any], size: tuple[float, ...], content: float
) -> None:
    surface = triangles_of(shape(**geometry), {})
    half = np.array(size) / 2
    np.testing.assert_allclose(extents(surface), [*-half, *half], atol=1e-6)
    # Round ones are polygons within what they stand for.
    assert 0.96 * content < volume(surface) < 1.0001 * content


def test_a_plane_faces_up_at_zero() -> None:
    surface = triangles_of(shape(plane={}), {})
    assert (surface.vertices[:, 2] == 0).all()
    a, b, c = surface.vertices[surface.triangles[0]]
    assert np.cross(b - a, c - a)[2] > 0


def test_a_height_field_has_rows_along_y_around_its_origin_and_faces_up() -> None:
    field = shape(height_field={"cell_x": 2, "cell_y": 3})
    heights = np.array([[0, 1, 2], [10, 11, 12]], np.float32)
    set_tensor(field.height_field.height, heights)
    surface = triangles_of(field, {})
    at = {(x, y): z for x, y, z in surface.vertices.tolist()}
    assert at == {
        **{(-2, -1.5): 0, (0, -1.5): 1, (2, -1.5): 2},
        **{(-2, 1.5): 10, (0, 1.5): 11, (2, 1.5): 12},
    }
    a, b, c = (surface.vertices[surface.triangles[:, i]] for i in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all() and len(surface.triangles) == 4


@pytest.mark.parametrize("scale", [(2, 3, 4), (2, -3, 4)])
def test_a_scaled_mesh_faces_outwards_also_mirrored(scale: tuple[float, ...]) -> None:
    surface = triangles_of(
        shape(mesh={"name": "cube", "scale": scale}),
        {"cube": mesh_of(mesh("cube", CUBE_CORNERS, CUBE).mesh)},
    )
    assert volume(surface) == pytest.approx(24)


def test_edges_of_a_mesh_are_creases_however_its_corners_are_stored() -> None:
    shared = mesh_of(mesh("cube", CUBE_CORNERS, CUBE).mesh)
    corners = np.array(CUBE_CORNERS)[np.array(CUBE)].reshape(-1, 3)
    apart = mesh_of(mesh("cube", corners, np.arange(36).reshape(-1, 3)).mesh)
    for surface in (shared, apart):
        assert len(surface.vertices) == 24  # Of each corner one for each of its three sides.
        assert volume(surface) == pytest.approx(1)


def test_a_round_mesh_stays_round() -> None:
    ball = triangles_of(shape(sphere={"radius": 1}), {})
    places = np.unique(ball.vertices, axis=0)
    read = mesh_of(mesh("ball", ball.vertices, ball.triangles).mesh)
    assert len(read.vertices) == len(places)


def test_what_breaks_the_protocol_is_named() -> None:
    with pytest.raises(WireError, match=r"mesh 'x'\.triangle has an index outside 0\.\.7"):
        mesh_of(mesh("x", CUBE_CORNERS, [[0, 1, 8]]).mesh)
    with pytest.raises(WireError, match="names the mesh 'other', which was not sent"):
        triangles_of(shape(mesh={"name": "other"}), {})
    with pytest.raises(WireError, match="no geometry"):
        triangles_of(shape(), {})

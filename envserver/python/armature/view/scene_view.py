"""Draws moments into viser's scene: a frame for each body, a mesh for each shape.

What has not changed since the moment before is not sent again.
Thread safety: one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import viser

from armature.view.camera import camera_of
from armature.view.geometry import triangles_of
from armature.view.timeline import Moment, Stage

_BODIES = "/bodies"
_CONTACTS = "/contacts"
# Cells of a floor, in m: each, and those with a thicker line.
_FLOOR_CELL_M = 0.1
_FLOOR_SECTION_M = 1.0
_CONTACT_COLOUR = (235, 60, 40)
# As parts of the camera's distance from its target: the thickness of arrows, the size of points,
# the length of an arrow for 1 N, and the shortest and longest.
_ARROW_RADIUS = 0.005
_POINT_SIZE = 0.008
_LENGTH_PER_NEWTON = 0.005
_LENGTH_MIN, _LENGTH_MAX = 0.002, 0.3
_SKY_TOP, _SKY_BOTTOM = (158, 180, 205), (232, 237, 242)
_SKY_ROWS = 256


class SceneView:
    """The scene of one server, which all its viewers see."""

    def __init__(self, server: viser.ViserServer) -> None:
        self._server = server
        self._looks: tuple[bytes, ...] | None = None
        self._bodies: list[Any] = []
        self._shapes: list[Any] = []  # Handles, by index in the scene.
        self._shown: Sequence[Any] = ()  # SceneShapes as they were drawn.
        self._pose: npt.NDArray[np.float32] = np.zeros((0, 7), np.float32)
        self._contacts: list[Any] = []
        self._distance_m = 1.0  # Of a viewer's first camera from its target.
        self._tracked: int | None = None  # The body that it follows.
        self._markers_visible = True
        self._contacts_visible = True
        self._stage: Stage | None = None
        server.scene.set_up_direction("+z")
        server.scene.world_axes.visible = False
        self._roots = [server.scene.add_frame(_CONTACTS, show_axes=False)]
        _light(server)

    def show(self, moment: Moment) -> bool:
        """Returns whether it has another scene than the one before."""
        is_new = self._looks != moment.stage.looks
        if is_new:
            self._build(moment)
        self._stage = moment.stage
        if moment.shapes is not self._shown:
            self._change_shapes(moment)
        self._move(moment.pose)
        self._follow(moment.pose)
        self._show_contacts(moment.contact)
        return is_new

    def show_markers(self, visible: bool) -> None:
        self._markers_visible = visible
        if self._stage is not None:
            for body, handle in zip(self._stage.scene.body, self._bodies):
                handle.visible = visible or not body.is_marker

    def show_contacts(self, visible: bool) -> None:
        """From the next moment on."""
        self._contacts_visible = visible

    def _build(self, moment: Moment) -> None:
        stage = moment.stage
        self._server.scene.remove_by_name(_BODIES)
        self._looks, self._stage = stage.looks, stage
        scene = self._server.scene
        self._roots[1:] = [scene.add_frame(_BODIES, show_axes=False)]
        self._bodies = [
            scene.add_frame(
                f"{_BODIES}/{i}",
                show_axes=False,
                visible=self._markers_visible or not body.is_marker,
            )
            for i, body in enumerate(stage.scene.body)
        ]
        self._pose = np.full((len(self._bodies), 7), np.nan, np.float32)
        self._shapes = [self._add_shape(stage, i, each) for i, each in enumerate(moment.shapes)]
        self._shown = moment.shapes
        camera = camera_of(moment)
        self._distance_m, self._tracked = camera.distance_m, camera.tracked_body

    def _add_shape(self, stage: Stage, index: int, shape: Any) -> Any:
        name = f"{_BODIES}/{shape.body}/{index}"
        wxyz, position = _placed(shape.pose)
        if shape.WhichOneof("geometry") == "plane":
            return self._add_floor(name, shape, wxyz, position)
        vertices, triangles = triangles_of(shape, stage.meshes)
        colour, opacity = _paint(shape)
        is_marker = stage.scene.body[shape.body].is_marker
        return self._server.scene.add_mesh_simple(
            name,
            vertices,
            triangles,
            color=colour,
            opacity=opacity,
            side="double" if opacity is None else "front",
            cast_shadow=not is_marker,
            receive_shadow=not is_marker,
            wxyz=wxyz,
            position=position,
        )

    def _add_floor(self, name: str, shape: Any, wxyz: Any, position: Any) -> Any:
        colour, opacity = _paint(shape)
        red, green, blue = colour
        line = (red * 4 // 5, green * 4 // 5, blue * 4 // 5)
        return self._server.scene.add_grid(
            name,
            infinite_grid=True,
            plane="xy",
            cell_size=_FLOOR_CELL_M,
            section_size=_FLOOR_SECTION_M,
            cell_color=line,
            section_color=line,
            fade_distance=30.0,
            shadow_opacity=0.3,
            plane_color=colour,
            plane_opacity=1.0 if opacity is None else opacity,
            wxyz=wxyz,
            position=position,
        )

    def _change_shapes(self, moment: Moment) -> None:
        for i, (before, after) in enumerate(zip(self._shown, moment.shapes)):
            if before is after or before == after:
                continue
            handle = self._shapes[i]
            if before.body != after.body:
                handle.remove()
                self._shapes[i] = self._add_shape(moment.stage, i, after)
            elif _form(before) != _form(after) or after.WhichOneof("geometry") == "plane":
                self._shapes[i] = self._add_shape(moment.stage, i, after)  # In its place.
            else:
                handle.color, handle.opacity = _paint(after)
                handle.wxyz, handle.position = _placed(after.pose)
        self._shown = moment.shapes

    def _move(self, pose: npt.NDArray[np.float32]) -> None:
        moved = np.flatnonzero((pose != self._pose).any(axis=1))
        for i in moved.tolist():
            handle = self._bodies[i]
            handle.wxyz, handle.position = _placed(pose[i])
        self._pose = pose

    def _follow(self, pose: npt.NDArray[np.float32]) -> None:
        """Moves the world, not the cameras, so that viewers may turn theirs meanwhile."""
        position = np.zeros(3) if self._tracked is None else -pose[self._tracked, :3]
        for root in self._roots:
            root.position = tuple(position.astype(float).tolist())

    def _show_contacts(self, contact: npt.NDArray[np.float32]) -> None:
        """Points, and from each the forces on both bodies, as arrows as long as they are large."""
        if not len(contact) or not self._contacts_visible:
            for handle in self._contacts:
                handle.visible = False
            return
        points = contact[:, :3]
        length = np.minimum(contact[:, 6:] * _LENGTH_PER_NEWTON, _LENGTH_MAX)
        pushes = length[:, 0] > _LENGTH_MIN
        way = (contact[:, 3:6] * length * self._distance_m)[pushes]
        ends = np.stack([points[pushes] + way, points[pushes] - way])
        starts = np.broadcast_to(points[pushes], ends.shape)
        arrows = np.stack([starts, ends], axis=2).reshape(-1, 2, 3)
        radius = _ARROW_RADIUS * self._distance_m
        self._contacts = [
            self._server.scene.add_point_cloud(
                f"{_CONTACTS}/points",
                points,
                _CONTACT_COLOUR,
                point_size=_POINT_SIZE * self._distance_m,
                point_shape="circle",
                precision="float32",
            ),
            self._server.scene.add_arrows(
                f"{_CONTACTS}/forces",
                arrows,
                _CONTACT_COLOUR,
                shaft_radius=radius,
                head_radius=2.5 * radius,
                head_length=5 * radius,
                visible=len(arrows) > 0,
            ),
        ]


def _light(server: viser.ViserServer) -> None:
    """Lamps, and a sky behind everything."""
    scene = server.scene
    scene.configure_default_lights(cast_shadow=True)
    steps = np.linspace(0, 1, _SKY_ROWS)[:, None, None]
    top, bottom = np.array(_SKY_TOP), np.array(_SKY_BOTTOM)
    rows = (top * (1 - steps) + bottom * steps).round().astype(np.uint8)
    scene.set_background_image(np.repeat(rows, 2, axis=1), format="png")


def _placed(
    pose: Sequence[float] | npt.NDArray[np.float32],
) -> tuple[tuple[float, float, float, float], tuple[float, float, float]]:
    """Quaternion with w first, as viser has it, and position."""
    x, y, z, qx, qy, qz, qw = (float(number) for number in pose)
    return (qw, qx, qy, qz), (x, y, z)


def _paint(shape: Any) -> tuple[tuple[int, int, int], float | None]:
    """Colour and opacity; None: opaque."""
    red, green, blue, alpha = (min(max(part, 0.0), 1.0) for part in shape.colour)
    colour = (round(red * 255), round(green * 255), round(blue * 255))
    return colour, None if alpha >= 1 else alpha


def _form(shape: Any) -> Any:
    return getattr(shape, shape.WhichOneof("geometry"))

"""What is handed to viser, without a browser; tests/integration/view_test.py has one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from program import DEADLINE_S
from view_scenes import NOWHERE, RED, frame, mesh, opened, shape

pytest.importorskip("viser", reason="armature[view] is not installed")

import viser
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from armature.view.plots import Plots
from armature.view.scene_view import SceneView
from armature.view.timeline import Timeline
from armature.view.viewer_server import ViewerServer

BLUE = (0.0, 0.0, 1.0, 0.5)
BOX = {"x": 1.0, "y": 1.0, "z": 1.0}
TURNED = (1.0, 2.0, 3.0, 0.0, 0.0, 0.6, 0.8)
ROOTS = ("/bodies", "/contacts", "/bodies/0", "/bodies/1")
TRIANGLE = mesh("triangle", [[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])


@pytest.fixture
def server() -> Iterator[ViewerServer]:
    running = ViewerServer("127.0.0.1", 0)
    yield running
    running.stop()


def test_each_body_moves_and_each_shape_has_its_form_and_paint(server: ViewerServer) -> None:
    timeline = Timeline()
    timeline.add(opened([shape(0, box=BOX), shape(1, BLUE, mesh={"name": "triangle"})], [0, 1]))
    timeline.add(TRIANGLE)
    timeline.add(frame(0, 0, [NOWHERE, TURNED]))
    view = SceneView(server)
    assert view.show(timeline.at(0))
    body = server.scene.get_handle_by_name("/bodies/1")
    np.testing.assert_allclose(body.position, TURNED[:3])
    np.testing.assert_allclose(body.wxyz, [0.8, 0, 0, 0.6], rtol=1e-6)
    box = server.scene.get_handle_by_name("/bodies/0/0")
    drawn = server.scene.get_handle_by_name("/bodies/1/1")
    assert tuple(box.color) == (255, 0, 0) and box.opacity is None
    assert tuple(drawn.color) == (0, 0, 255) and drawn.opacity == 0.5
    assert len(drawn.vertices) == 3
    timeline.add(frame(0, 1, [TURNED, TURNED]))
    assert not view.show(timeline.at(1))
    np.testing.assert_allclose(server.scene.get_handle_by_name("/bodies/0").position, TURNED[:3])


@pytest.mark.parametrize("tracked", [True, False])
def test_the_body_that_the_camera_tracks_stays_and_the_world_moves(
    server: ViewerServer, tracked: bool
) -> None:
    timeline = Timeline()
    body = "body_1" if tracked else ""
    timeline.add(opened([shape(0, plane={}), shape(1, box=BOX)], [0, 0], tracked_body=body))
    view = SceneView(server)
    for step, x in enumerate((1.0, 10.0)):
        pose = (x, 2.0, 3.0, *NOWHERE[3:])
        contact = (x, 2.0, 0.0, 0.0, 0.0, 1.0, 10.0)
        timeline.add(frame(0, step, [NOWHERE, pose], contacts=[contact]))
        view.show(timeline.at(step))
        expected = np.zeros(3) if tracked else pose[:3]
        at = {name: server.scene.get_handle_by_name(name).position for name in ROOTS}
        np.testing.assert_allclose(at["/bodies"], at["/contacts"])
        np.testing.assert_allclose(at["/bodies"] + at["/bodies/1"], expected)
        np.testing.assert_allclose(at["/bodies/0"], 0)


def test_changed_sizes_and_colours_are_drawn_and_taken_back(server: ViewerServer) -> None:
    timeline = Timeline()
    timeline.add(opened([shape(box=BOX)]))
    timeline.add(frame(0, 0))
    timeline.add(frame(0, 1, changed={0: shape(colour=BLUE, box={**BOX, "z": 3.0})}))
    view = SceneView(server)

    def drawn() -> tuple[float, tuple[int, ...]]:
        handle = server.scene.get_handle_by_name("/bodies/0/0")
        return float(np.ptp(handle.vertices[:, 2])), tuple(handle.color)

    for number, expected in ((0, (1, (255, 0, 0))), (1, (3, (0, 0, 255))), (0, (1, (255, 0, 0)))):
        view.show(timeline.at(number))
        assert drawn() == expected


def test_another_scene_takes_the_place_of_the_first(server: ViewerServer) -> None:
    timeline = Timeline()
    timeline.add(opened([shape(0, box=BOX), shape(1, box=BOX)], [0, 0]))
    timeline.add(frame(0, 0, [NOWHERE, NOWHERE]))
    timeline.add(opened([shape(sphere={"radius": 1})]))
    timeline.add(frame(0, 0))
    timeline.add(opened([shape(sphere={"radius": 1})], session_id=2))
    timeline.add(frame(0, 0))
    view = SceneView(server)
    assert [view.show(timeline.at(i)) for i in range(3)] == [True, True, False]
    assert server.scene.get_handle_by_name("/bodies/1") is None


def test_goals_and_contacts_can_be_left_out(server: ViewerServer) -> None:
    timeline = Timeline()
    timeline.add(opened([shape(0, box=BOX), shape(1, BLUE, sphere={"radius": 1})], [0, 1]))
    contact = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 10.0)
    timeline.add(frame(0, 0, [NOWHERE, NOWHERE], contacts=[contact, (*contact[:6], 0.0)]))
    view = SceneView(server)
    view.show(timeline.at(0))
    points = server.scene.get_handle_by_name("/contacts/points")
    arrows = server.scene.get_handle_by_name("/contacts/forces")
    assert points.points.shape == (2, 3)
    assert arrows.points.shape == (2, 2, 3)  # Of the one that pushes, on both bodies.
    np.testing.assert_allclose(arrows.points[0] + arrows.points[1], 0, atol=1e-6)
    view.show_contacts(False)
    view.show_markers(False)
    view.show(timeline.at(0))
    assert not server.scene.get_handle_by_name("/contacts/points").visible
    assert not server.scene.get_handle_by_name("/bodies/1").visible
    assert server.scene.get_handle_by_name("/bodies/0").visible


def test_curves_are_those_of_the_reward_and_of_every_metric(server: ViewerServer) -> None:
    timeline = Timeline()
    timeline.add(opened([shape(colour=RED, box=BOX)]))
    for step in range(3):
        timeline.add(frame(0, step, reward=step, return_sum=2.0 * step))
    plots = Plots(server)
    plots.show(timeline.between(0, 2))
    curves = {chart.title: [each.tolist() for each in chart.data] for chart, _ in plots._charts}
    assert list(curves) == ["reward", "return", "terms of the reward", "distance_m"]
    clock_s, reward = curves["reward"]
    assert clock_s == pytest.approx([0, 0.1, 0.2]) and reward == [0, 1, 2]
    assert curves["return"][1] == [0, 2, 4] and curves["distance_m"][1] == [0.5] * 3


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        (None, True),
        ("http://127.0.0.1:1234", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("https://somewhere.example", False),
        ("http://127.0.0.1.somewhere.example", False),
        ("null", False),
    ],
)
def test_pages_of_other_sites_cannot_connect(
    server: ViewerServer, origin: str | None, is_let_in: bool
) -> None:
    with connect(
        f"ws://127.0.0.1:{server.get_port()}",
        origin=origin,  # type: ignore[arg-type]
        subprotocols=[f"viser-v{viser.__version__}"],  # type: ignore[list-item]
    ) as viewer:
        if is_let_in:
            assert viewer.recv(timeout=DEADLINE_S)
        else:
            with pytest.raises(ConnectionClosed, match="a page of another site"):
                viewer.recv(timeout=DEADLINE_S)


def test_nobody_can_make_the_page_public(server: ViewerServer) -> None:
    assert server.request_share_url() is None and server._share_tunnel is None

"""Where viewers look from at first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from view_scenes import NOWHERE, frame, opened, shape

from armature.view.camera import camera_of
from armature.view.timeline import Moment, Timeline

BALL = {"sphere": {"radius": 0.5}}


def moment_of(scene: Any, *poses: Any) -> Moment:
    timeline = Timeline()
    timeline.add(scene)
    timeline.add(frame(0, 0, poses))
    return timeline.at(0)


def without_camera(*arguments: Any) -> Any:
    scene = opened(*arguments)
    del scene.opened.scene.camera[:]
    return scene


def test_the_first_camera_of_the_scene_is_taken() -> None:
    camera = camera_of(moment_of(opened([shape(**BALL)]), NOWHERE))
    np.testing.assert_array_equal(camera.position, [0, -2, 1])
    np.testing.assert_array_equal(camera.target, [0, 0, 0.5])
    assert camera.vertical_field_of_view_rad == pytest.approx(math.pi / 3)
    assert camera.tracked_body is None


def test_the_body_that_it_tracks_is_found_by_name() -> None:
    two = [shape(0, **BALL), shape(1, **BALL)]
    for name, expected in (("body_1", 1), ("body_7", None)):
        scene = opened(two, [False, False], tracked_body=name)
        assert camera_of(moment_of(scene, NOWHERE, NOWHERE)).tracked_body == expected


def test_without_a_camera_all_bodies_are_in_view_but_floors_and_markers() -> None:
    shapes = [shape(0, **BALL), shape(1, plane={}), shape(2, **BALL), shape(3, **BALL)]
    turned_around_z = (3.0, 0, 0, 0, 0, math.sin(1), math.cos(1))
    far_away = (100.0, 0, 0, 0, 0, 0, 1)
    moment = moment_of(
        without_camera(shapes, [False, False, False, True]),
        *(NOWHERE, NOWHERE, turned_around_z, far_away),
    )
    camera = camera_of(moment)
    assert 1.4 < camera.target[0] < 1.7 and abs(camera.target[1]) < 0.2
    way = (camera.target - camera.position) / camera.distance_m
    for centre in ([0, 0, 0], [3, 0, 0]):
        seen = np.array(centre) - camera.position
        along = float(seen @ way)
        aside = float(np.linalg.norm(seen - along * way)) + 0.5
        assert aside / along < math.tan(camera.vertical_field_of_view_rad / 2)


@pytest.mark.parametrize("shapes", [[], [shape(plane={})]])
def test_where_there_is_nothing_to_see_the_renderers_default_is_taken(shapes: list[Any]) -> None:
    camera = camera_of(moment_of(without_camera(shapes), NOWHERE))
    np.testing.assert_array_equal(camera.position, [2, -2, 1.5])


def test_a_camera_that_cannot_be_one_is_passed_over() -> None:
    scene = opened([shape(**BALL)])
    scene.opened.scene.camera[0].target[:] = [0, -2, 1]
    assert camera_of(moment_of(scene, NOWHERE)).distance_m > 1

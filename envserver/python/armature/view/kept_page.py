"""A recording as one HTML file that plays it, without this program and without a network.

Data flow: Timeline -> SceneView -> viser's messages, and how long each picture stands -> HTML with
viser's own page, whose controls play, pause, seek and set the speed.
Thread safety: free functions.
Bounds: PICTURES_MAX.
"""

from __future__ import annotations

from typing import NamedTuple

from armature.view.camera import camera_of, point
from armature.view.scene_view import SceneView
from armature.view.timeline import Moment, Timeline
from armature.view.viewer_server import running_server

# The most that a page plays: 100 s. Seeking backwards plays from the beginning.
PICTURES_MAX = 3000
_PICTURES_PER_S = 30.0
# Times of steps are sums, so that 1/30 s may be a little less.
_ROUNDING_S = 1e-6
# How long the end stands before it all begins again.
_END_S = 1.0


class KeptPage(NamedTuple):
    html: str
    frames: int  # Of the recording, from its beginning, that the page plays.


def kept_page(timeline: Timeline) -> KeptPage:
    """Of a timeline with a moment at least. ArmatureError: one of them cannot be drawn."""
    pictures = _pictures(timeline)
    first = timeline.at(pictures[0])
    with running_server("127.0.0.1", 0) as server:
        view = SceneView(server)
        view.show(first)
        point(server.initial_camera, camera_of(first))
        recorder = server.get_scene_serializer()
        before_s = first.clock_s
        for number in pictures[1:]:
            moment = timeline.at(number)
            recorder.insert_sleep(moment.clock_s - before_s)
            before_s = moment.clock_s
            if view.show(moment):
                point(server.initial_camera, camera_of(moment))
        recorder.insert_sleep(_END_S)
        return KeptPage(recorder.as_html(), pictures[-1] + 1)


def _pictures(timeline: Timeline) -> list[int]:
    """The numbers of the moments to show: so many a second, and how each episode ends."""
    numbers = timeline.bounds()
    chosen: list[int] = []
    due_s = 0.0
    for number in numbers:
        moment = timeline.at(number)
        if moment.clock_s >= due_s or _is_end(moment) or number == numbers[-1]:
            chosen.append(number)
            due_s = moment.clock_s + 1 / _PICTURES_PER_S - _ROUNDING_S
        if len(chosen) == PICTURES_MAX:
            break
    return chosen


def _is_end(moment: Moment) -> bool:
    return bool(moment.frame.terminated or moment.frame.truncated)

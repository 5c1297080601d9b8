"""What has been seen, and which moment of it is shown."""

from __future__ import annotations

import pytest
from view_scenes import NOWHERE, frame, opened, shape

from armature.errors import WireError
from armature.view.playback import Playback
from armature.view.timeline import Timeline

BOX = shape(box={"x": 1, "y": 1, "z": 1})
FLAT = shape(box={"x": 1, "y": 1, "z": 0.1})


def seen(steps: list[tuple[int, int]], capacity: int | None = None) -> Timeline:
    """Frames of (episode, step)."""
    timeline = Timeline(capacity)
    timeline.add(opened([BOX]))
    for episode, step in steps:
        timeline.add(frame(episode, step))
    return timeline


def test_the_clock_goes_on_over_episodes_and_lost_frames() -> None:
    timeline = seen([(0, 0), (0, 1), (0, 4), (1, 0), (1, 1), (3, 2)])
    clock_s = [timeline.at(i).clock_s for i in timeline.bounds()]
    assert clock_s == pytest.approx([0, 0.1, 0.4, 0.5, 0.6, 0.8])


def test_a_reopened_stream_goes_on_where_the_last_one_ended() -> None:
    timeline = seen([(5, 7), (5, 8)])
    timeline.add(opened([BOX]))
    timeline.add(frame(0, 3))
    assert [timeline.at(i).clock_s for i in timeline.bounds()] == pytest.approx([0, 0.1, 0.2])


def test_only_the_last_moments_are_kept_and_keep_their_numbers() -> None:
    timeline = seen([(0, step) for step in range(10)], capacity=4)
    assert timeline.bounds() == range(6, 10)
    assert [timeline.at(i).frame.episode_step for i in (0, 6, 9, 99)] == [6, 6, 9, 9]
    assert [m.frame.episode_step for m in timeline.between(4, 7)] == [6, 7]
    assert timeline.number_at(0.75) == 7 and timeline.number_at(0.1) == 6


def test_a_changed_shape_stays_so_and_earlier_moments_keep_theirs() -> None:
    timeline = seen([(0, 0)])
    timeline.add(frame(0, 1, changed={0: FLAT}))
    timeline.add(frame(0, 2))
    before, changed, after = (timeline.at(i).shapes for i in range(3))
    assert before[0].box.z == 1 and changed[0].box.z == pytest.approx(0.1)
    assert after is changed
    timeline.add(opened([BOX]))
    timeline.add(frame(0, 0))
    assert timeline.at(3).shapes[0].box.z == 1


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (frame(0, 0, [NOWHERE, NOWHERE]), r"frame\.pose: shape is \[2,7\]"),
        (frame(0, 0, [[float("nan")] * 7]), "expected a finite value"),
        (frame(0, 0, contacts=[[0.0] * 6]), r"frame\.contact: shape"),
        (frame(0, 0, changed={1: FLAT}), "changed_index is 1, the scene has 1"),
        (opened([shape(body=1, box={"x": 1})]), r"scene\.shape\[0\]\.body is 1, expected 0\.\.0"),
    ],
)
def test_a_message_that_breaks_the_protocol_adds_nothing(message: object, why: str) -> None:
    timeline = seen([(0, 0)])
    with pytest.raises(WireError, match=why):
        timeline.add(message)
    assert len(timeline.bounds()) == 1


def test_a_stream_begins_with_its_scene() -> None:
    with pytest.raises(WireError, match="the first message is 'frame', expected 'opened'"):
        Timeline().add(frame(0, 0))


def test_live_shows_what_came_last_until_it_is_paused() -> None:
    timeline = seen([(0, 0), (0, 1)])
    playback = Playback(timeline, live=True)
    assert playback.number() == 1
    timeline.add(frame(0, 2))
    assert playback.number() == 2
    playback.pause(True)
    timeline.add(frame(0, 3))
    playback.advance(10)
    assert playback.number() == 2 and playback.is_still and not playback.plays
    playback.pause(False)
    playback.advance(0.05)
    assert playback.number() == 2 and not playback.is_still
    playback.advance(0.1)
    timeline.add(frame(0, 4))
    assert playback.number() == 4  # It has caught up.


def test_a_recording_plays_once_at_its_speed() -> None:
    timeline = seen([(0, step) for step in range(10)])
    playback = Playback(timeline, live=False)
    assert playback.number() == 0 and playback.plays
    playback.speed = 2
    playback.advance(0.151)
    assert playback.number() == 3
    playback.advance(100)
    assert playback.number() == 9 and playback.is_still and not playback.plays
    playback.follow()
    assert playback.number() == 0 and playback.plays


def test_what_is_sought_and_no_longer_kept_is_the_oldest() -> None:
    timeline = seen([(0, step) for step in range(5)], capacity=3)
    playback = Playback(timeline, live=True)
    playback.pause(True)
    playback.seek(2)
    for step in range(5, 9):
        timeline.add(frame(0, step))
    assert playback.number() == timeline.bounds()[0] == 6
    assert timeline.at(playback.number()).frame.episode_step == 6

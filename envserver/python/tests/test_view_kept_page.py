"""Pages that play a recording by themselves; tests/integration/view_test.py opens one."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from view_scenes import NOWHERE, frame, opened, shape

pytest.importorskip("viser", reason="armature[view] is not installed")

import msgspec
import zstandard

from armature.view import kept_page
from armature.view.timeline import Timeline

BOX = {"x": 1, "y": 1, "z": 1}


def seen(times_s: list[float], ends: tuple[int, ...] = ()) -> Timeline:
    """Of a body that moves by 1 m from each moment to the next."""
    timeline = Timeline()
    timeline.add(opened([shape(box=BOX)]))
    for step, time_s in enumerate(times_s):
        pose = (1.0 + step, *NOWHERE[1:])
        timeline.add(frame(0, step, [pose], time_s=time_s, truncated=step in ends))
    return timeline


def played(page: str) -> Any:
    """What viser's client reads: durationSeconds, messages (when and what) ..."""
    found = re.search(r'__VISER_EMBED_DATA__="([^"]*)"', page)
    assert found
    packed = zstandard.ZstdDecompressor().decompressobj().decompress(base64.b64decode(found[1])[8:])
    size = int.from_bytes(packed[:8], "little")
    return msgspec.msgpack.decode(packed[8 : 8 + size])


def test_a_page_has_its_scene_first_and_then_moves_it_in_real_time() -> None:
    page = kept_page.kept_page(seen([0.0, 0.1, 0.2]))
    assert page.frames == 3
    content = played(page.html)
    moved = {
        round(when_s, 6): message["position"][0]
        for when_s, message in content["messages"]
        if message["type"] == "SetPositionMessage" and message.get("name") == "/bodies/0"
    }
    assert moved == {0.0: 1.0, 0.1: 2.0, 0.2: 3.0}
    assert {when_s for when_s, message in content["messages"] if "Mesh" in message["type"]} == {0.0}
    assert "SetCameraLookAtMessage" in {message["type"] for _, message in content["messages"]}
    assert content["durationSeconds"] == pytest.approx(0.2 + 1.0)


def test_pictures_are_at_most_thirty_a_second_with_every_end_of_an_episode() -> None:
    chosen = kept_page._pictures(seen([0.01 * i for i in range(101)], ends=(50,)))
    assert 24 <= len(chosen) <= 31
    assert {0, 50, 100} <= set(chosen)
    each = list(range(20))
    assert kept_page._pictures(seen([i / 30 for i in each])) == each


def test_a_long_recording_is_played_from_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_page, "PICTURES_MAX", 5)
    assert kept_page.kept_page(seen([0.1 * i for i in range(9)])).frames == 5

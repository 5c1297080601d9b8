"""Following a slot of an env server through everything that can become of it."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from conftest import EnvServer
from program import DEADLINE_S

import armature
from armature.errors import ServerError
from armature.transport import TransportOptions
from armature.view.timeline import Timeline
from armature.view.watcher import Place, Watcher


class Seen:
    """What a watcher tells."""

    def __init__(self, place: Place) -> None:
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.timeline = Timeline()
        self.watcher = Watcher(place, TransportOptions(), 1000.0, self._on_message, self.told.put)

    def _on_message(self, message: Any) -> None:
        self.timeline.add(message)
        self.told.put(message)

    def next(self, kind: str) -> Any:
        """The next message of that kind; what else is told is passed over."""
        while True:
            told = self.told.get(timeout=DEADLINE_S)
            if not isinstance(told, str) and told.HasField(kind):
                return getattr(told, kind)

    def next_opened_while(self, envs: Any) -> Any:
        """Steps until the slot is seen: a server sends its first messages with a step."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            step(envs)
            with contextlib.suppress(queue.Empty):
                while isinstance(told := self.told.get(timeout=0.1), str) or not told.HasField(
                    "opened"
                ):
                    pass
                return told.opened
        raise TimeoutError(f"nothing was opened within {DEADLINE_S:g} s")

    def wait_for_status(self, words: str) -> str:
        while not isinstance(told := self.told.get(timeout=DEADLINE_S), str) or words not in told:
            pass
        return told


@pytest.fixture
def watch() -> Iterator[Callable[[Place], Seen]]:
    """Begins to watch."""
    all_seen: list[Seen] = []

    def begin(place: Place) -> Seen:
        all_seen.append(Seen(place))
        all_seen[-1].watcher.open()
        all_seen[-1].watcher.start()
        return all_seen[-1]

    yield begin
    for seen in all_seen:
        seen.watcher.close()


def play(address: str, env_id: str = "cartpole", num_envs: int = 2) -> Any:
    envs = armature.make_vec(address, num_envs=num_envs, env_id=env_id, seed=1)
    envs.reset()
    return envs


def step(envs: Any) -> None:
    envs.step(np.zeros(envs.action_space.shape, np.float32))


def test_the_steps_of_one_slot_are_seen(server: str, watch: Callable[[Place], Seen]) -> None:
    envs = play(server)
    seen = watch(Place(server, slot=1))
    for number in range(1, 4):
        step(envs)
        assert seen.next("frame").episode_step == number
    moment = seen.timeline.at(2)
    assert moment.stage.spec.id == "cartpole" and moment.stage.num_envs == 2
    envs.close()


def test_a_session_that_ends_is_followed_by_the_newest(
    server: str, watch: Callable[[Place], Seen]
) -> None:
    first = play(server)
    seen = watch(Place(server))
    step(first)
    session_id = seen.next("opened").session_id
    first.close()
    seen.wait_for_status("waiting for the next one")
    second = play(server, "box_flip_up")
    opened = seen.next_opened_while(second)
    assert opened.session_id != session_id and opened.spec.id == "box_flip_up"
    second.close()


def test_a_slot_that_the_next_session_lacks_becomes_slot_0(
    server: str, watch: Callable[[Place], Seen]
) -> None:
    first = play(server, num_envs=3)
    seen = watch(Place(server, slot=2))
    first.close()
    second = play(server, num_envs=1)
    seen.wait_for_status("showing slot 0")
    assert seen.next_opened_while(second).num_envs == 1 and seen.watcher.place.slot == 0
    second.close()


def test_a_server_that_comes_back_is_watched_again(
    start_server: Callable[..., EnvServer], watch: Callable[[Place], Seen]
) -> None:
    server = start_server()
    envs = play(server.address)
    seen = watch(Place(server.address))
    step(envs)
    seen.next("frame")
    server.kill()
    seen.wait_for_status("is away; waiting for it")
    envs.close()
    again = play(start_server(listen=server.address).address)
    assert seen.next_opened_while(again).spec.id == "cartpole"
    again.close()


def test_another_slot_and_another_server_may_be_asked_for(
    server: str, start_server: Callable[..., EnvServer], watch: Callable[[Place], Seen]
) -> None:
    envs = play(server)
    seen = watch(Place(server))
    step(envs)
    seen.next("frame")
    seen.watcher.follow(Place(server, slot=1))
    assert seen.next_opened_while(envs).spec.id == "cartpole"
    other = start_server().address
    others = play(other, "box_flip_up")
    seen.watcher.follow(Place(other))
    assert seen.next_opened_while(others).spec.id == "box_flip_up"
    for each in (envs, others):
        each.close()


@pytest.mark.parametrize(
    ("place", "code", "words"),
    [
        (Place("", slot=5), "NOT_FOUND", r"WatchRequest\.slot is 5, session \d+ has 0\.\.1"),
        (Place("", 9999), "NOT_FOUND", r"session 9999 is not open; open: .*cartpole"),
    ],
)
def test_what_is_not_there_is_told_with_what_there_is(
    server: str, place: Place, code: str, words: str
) -> None:
    envs = play(server)
    watcher = Seen(Place(server, place.session_id, place.slot)).watcher
    with pytest.raises(ServerError, match=words) as refusal:
        watcher.open()
    assert refusal.value.code == code
    watcher.close()
    envs.close()


def test_a_server_without_a_session_or_a_scene_says_so(
    start_server: Callable[..., EnvServer], python_server: str
) -> None:
    watcher = Seen(Place(start_server().address)).watcher
    with pytest.raises(ServerError, match="no session is open"):
        watcher.open()
    watcher.close()
    envs = armature.make(python_server, "point_mass")
    watcher = Seen(Place(python_server)).watcher
    with pytest.raises(ServerError, match="has no scene to watch"):
        watcher.open()
    watcher.close()
    envs.close()

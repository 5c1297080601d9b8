"""What a player sees of its own environment through Watch."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

import armature


def next_frame(watch: Any) -> Any:
    while (message := watch.receive()).WhichOneof("kind") != "frame":
        pass
    return message.frame


def test_a_player_that_takes_each_steps_frame_misses_none(server: str) -> None:
    env = armature.make(server, "cartpole")
    watch = env.watch()
    env.reset(seed=5)
    assert watch.receive().WhichOneof("kind") == "opened"
    assert next_frame(watch).episode_step == 0
    for _ in range(3):
        ended, step = False, 0
        while not ended:
            _, reward, terminated, truncated, _ = env.step(np.ones(1, np.float32))
            ended, step = terminated or truncated, step + 1
            frame = next_frame(watch)
            assert (frame.episode_step, frame.reward, list(frame.action)) == (step, reward, [1])
            assert (frame.terminated, frame.truncated) == (terminated, truncated)
        env.reset()
        assert next_frame(watch).episode_step == 0
    watch.close()
    env.close()


def test_what_ends_a_watch_is_told_and_told_again(server: str) -> None:
    env = armature.make(server, "cartpole")
    watch = env.watch()
    env.close()
    for _ in range(2):
        with pytest.raises(armature.ServerError, match="CANCELLED: Watch of slot 0 of session"):
            watch.receive()
    watch.close()
    watch.close()


def test_a_viewer_too_many_hears_how_many_are_allowed(server: str) -> None:
    env = armature.make(server, "cartpole")
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(contextlib.closing(env.watch()))
        late = stack.enter_context(contextlib.closing(env.watch()))
        with pytest.raises(armature.ServerError, match=r"RESOURCE_EXHAUSTED.*16 viewers"):
            late.receive()
    env.close()


def test_a_watch_waits_no_longer_than_the_timeout(server: str) -> None:
    env = armature.make(server, "cartpole", timeout_s=0.5)
    watch = env.watch()  # No step follows.
    with pytest.raises(armature.ServerError, match=r"nothing came for 0\.5 s \(timeout_s\)"):
        watch.receive()
    watch.close()
    env.close()

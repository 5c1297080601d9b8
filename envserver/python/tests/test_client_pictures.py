"""Pictures of the C++ env server's own tasks, as Gymnasium and Stable-Baselines3 ask for them."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import armature
from armature.errors import ServerError


def test_the_last_picture_of_an_episode_shows_its_last_state(server: str) -> None:
    def make(time_limit_s: float) -> Any:
        return armature.make(
            server, "cartpole", {"time_limit_s": time_limit_s}, render_mode="rgb_array"
        )

    # The same episode twice, one of which goes on where the other one ends.
    short, long = make(0.15), make(5)
    short.reset(seed=3)
    long.reset(seed=3)
    np.testing.assert_array_equal(short.render(), long.render())
    ended = False
    while not ended:
        before = short.render()
        _, _, _, ended, _ = short.step(np.array([0], np.float32))
        assert not any(long.step(np.array([0], np.float32))[2:4])
    last = short.render()
    assert last.shape == (480, 640, 3) and last.dtype == np.uint8
    assert (last != before).any()
    np.testing.assert_array_equal(last, long.render())
    short.reset()
    assert (short.render() != last).any()
    short.close()
    long.close()


def test_gymnasiums_wrappers_collect_a_picture_a_step_and_one_of_the_reset(server: str) -> None:
    env = gym.wrappers.RenderCollection(
        armature.make(server, "cartpole", {"time_limit_s": 0.3}, render_mode="rgb_array")
    )
    env.reset(seed=0)
    steps, ended = 0, False
    while not ended:
        _, _, _, ended, _ = env.step(np.array([0], np.float32))
        steps += 1
    frames: Any = env.render()
    assert len(frames) == steps + 1
    assert env.metadata["render_fps"] > 0
    env.close()


def test_each_slot_of_a_vector_is_drawn_in_its_own_state(server: str) -> None:
    env = armature.make_vec(server, 2, "cartpole", render_mode="rgb_array")
    env.reset(seed=1)
    one, other = env.render()
    assert one.shape == other.shape == (480, 640, 3)
    assert (one != other).any()
    env.close()


def test_without_an_egl_library_training_goes_on_and_a_picture_says_why(
    start_server: Callable[..., Any], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "libEGL.so.1").write_text("of another machine")
    server = start_server(environ={"LD_LIBRARY_PATH": str(tmp_path)}).address
    env = armature.make(server, "cartpole", render_mode="rgb_array")
    env.reset(seed=0)
    env.step(np.array([0], np.float32))
    with pytest.raises(ServerError, match=r"no EGL: .*libEGL.so.1.*apt-get install libegl1"):
        env.render()
    env.reset(seed=0)  # In a session of its own.
    env.close()

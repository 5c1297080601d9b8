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

CARTPOLE_IS_OVER = {"time_limit_s": 0.3}
PUSH = np.array([10], np.float32)  # The strongest there is: every picture is another one.


def video(path: pathlib.Path) -> tuple[float, list[Any]]:
    """Pictures a second, and all pictures, [height, width, 3] each, as ffmpeg reads them."""
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    stream = imageio_ffmpeg.read_frames(str(path))
    facts = next(stream)
    width, height = facts["size"]
    return facts["fps"], [np.frombuffer(raw, np.uint8).reshape(height, width, 3) for raw in stream]


def assert_show(frames: list[Any], pictures: list[Any], others: list[Any]) -> None:
    """A video's frames are those pictures in that order, and none is one of the others."""
    assert len(frames) == len(pictures)
    for i, frame in enumerate(frames):
        # Videos lose some detail: which one of all is it most like?
        errors = [np.abs(frame - one.astype(float)).mean() for one in [*pictures, *others]]
        assert int(np.argmin(errors)) == i


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


def test_gymnasiums_recorder_films_each_episode_from_its_first_state_to_its_last(
    server: str, tmp_path: pathlib.Path
) -> None:
    pytest.importorskip("moviepy")
    env = gym.wrappers.RecordVideo(
        armature.make(server, "cartpole", CARTPOLE_IS_OVER, render_mode="rgb_array"),
        str(tmp_path / "videos"),
        episode_trigger=lambda _: True,
    )
    episodes: list[list[Any]] = []
    for episode in range(2):
        env.reset(seed=episode)
        episodes.append([env.render()])
        ended = False
        while not ended:
            _, _, terminated, truncated, _ = env.step(PUSH)
            ended = terminated or truncated
            episodes[-1].append(env.render())
    env.close()
    names = [f"rl-video-episode-{episode}.mp4" for episode in range(2)]
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == names
    for episode in range(2):
        fps, frames = video(tmp_path / "videos" / names[episode])
        assert fps == pytest.approx(env.metadata["render_fps"], rel=1e-3)
        assert_show(frames, episodes[episode], episodes[1 - episode])


def test_stable_baselines_recorder_films_an_episode_to_its_last_state(
    server: str, tmp_path: pathlib.Path
) -> None:
    pytest.importorskip("moviepy")
    vec_env = pytest.importorskip("stable_baselines3.common.vec_env")
    sb3 = pytest.importorskip("armature.sb3")
    env = sb3.make_vec_env(server, 2, "cartpole", CARTPOLE_IS_OVER, render_mode="rgb_array")
    # The same episode as slot 0's, which goes on where that one ends.
    alone = armature.make(server, "cartpole", {"time_limit_s": 5}, render_mode="rgb_array")
    alone.reset(seed=7)
    expected = [alone.render()]
    length = round(CARTPOLE_IS_OVER["time_limit_s"] * alone.metadata["render_fps"])
    for _ in range(length):
        alone.step(PUSH)
        expected.append(alone.render())
    alone.close()
    recorder = vec_env.VecVideoRecorder(
        env, str(tmp_path / "videos"), lambda step: step == 0, video_length=length
    )
    recorder.seed(7)
    recorder.reset()
    for _ in range(length):
        _, _, ended, _ = recorder.step(np.stack([PUSH, PUSH]))
    assert ended[0]
    begun = env.env_method("render")  # Slot 0 is in its next episode by now.
    recorder.close()
    (path,) = (tmp_path / "videos").iterdir()
    fps, frames = video(path)
    assert fps == pytest.approx(env.metadata["render_fps"], rel=1e-3)
    assert frames[0].shape == (2 * 480, 640, 3)  # Slot 1 is below slot 0.
    assert_show([frame[:480] for frame in frames], expected, begun[:1])


def test_each_slot_of_a_vector_is_drawn_in_its_own_state(server: str) -> None:
    env = armature.make_vec(server, 2, "cartpole", render_mode="rgb_array")
    env.reset(seed=1)
    one, other = env.render()
    assert one.shape == other.shape == (480, 640, 3)
    assert (one != other).any()
    env.close()


def test_a_camera_is_observed_as_gymnasiums_own_pictures_are(server: str) -> None:
    config = {"wrappers": "[camera]", "camera": "{width_px: 48, height_px: 32}"}
    env = armature.make(server, "cartpole", config)
    space = env.observation_space
    assert isinstance(space, gym.spaces.Dict)
    assert space["camera"] == gym.spaces.Box(0, 255, (32, 48, 3), np.uint8)
    first, _ = env.reset(seed=3)
    assert space.contains(first)
    pushed, *_ = env.step(np.array([10], np.float32))
    assert space.contains(pushed)
    assert (pushed["camera"] != first["camera"]).any()
    again, _ = env.reset(seed=3)
    np.testing.assert_array_equal(again["camera"], first["camera"])
    env.close()

    slots = armature.make_vec(server, 2, "cartpole", config)
    pictures = slots.reset(seed=3)[0]["camera"]
    assert pictures.shape == (2, 32, 48, 3) and pictures.dtype == np.uint8
    np.testing.assert_array_equal(pictures[0], first["camera"])
    assert (pictures[0] != pictures[1]).any()
    slots.close()


def test_stable_baselines3_sees_a_camera_through_its_own_encoder(server: str) -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    from armature.sb3 import make_vec_env

    env = make_vec_env(server, 2, "cartpole", {"wrappers": "[camera]"})
    model = sb3.PPO("MultiInputPolicy", env, n_steps=4, batch_size=8, n_epochs=1, seed=1)
    assert "NatureCNN" in repr(model.policy.features_extractor)
    model.learn(8)
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

"""Recorded episodes: played on an env server, written, read back, cut off and damaged."""

from __future__ import annotations

import dataclasses
import gzip
import pathlib
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from episode_messages import (
    SEED,
    box_shape,
    frame_message,
    record_reach,
    scene_message,
    towards_goal,
    write,
)
from safetensors.numpy import load_file

import armature
from armature import episodes
from armature.episode_file import MESSAGE_BYTES_MAX, Writer
from armature.recorder import _Recorder


@pytest.fixture(scope="module")
def reach(server: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Two episodes of Panda Reach: a field for each of three, meshes, success."""
    return record_reach(server, tmp_path_factory.mktemp("episodes"))


@pytest.fixture(scope="module")
def pole(server: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Four episodes of the cart-pole, which terminate: one plain field, metrics."""
    path = tmp_path_factory.mktemp("episodes") / "pole.episodes"
    env = armature.make(server, "cartpole")
    armature.record_episodes(path, env, lambda _: np.ones(1, np.float32), 4, seed=SEED)
    env.close()
    return path


def assert_equal(one: episodes.Episode, other: episodes.Episode) -> None:
    for field in dataclasses.fields(one):
        if field.name != "setting":
            np.testing.assert_equal(getattr(one, field.name), getattr(other, field.name))
    assert one.setting.scene == other.setting.scene
    np.testing.assert_equal(
        {name: dataclasses.asdict(mesh) for name, mesh in one.setting.meshes.items()},
        {name: dataclasses.asdict(mesh) for name, mesh in other.setting.meshes.items()},
    )


def test_a_recorded_episode_is_the_one_that_the_same_seed_gives(
    server: str, reach: pathlib.Path
) -> None:
    recording = episodes.load(reach)
    env = armature.make(server, "panda_reach")
    assert recording.spec.observation_space() == env.observation_space
    for number, episode in enumerate(recording.episodes):
        observation, _ = env.reset(seed=SEED if number == 0 else None)
        assert isinstance(episode.observation, dict)
        for step in range(episode.steps + 1):
            for name, rows in episode.observation.items():
                np.testing.assert_array_equal(rows[step], observation[name])
                assert rows.dtype == observation[name].dtype
            if step == episode.steps:
                break
            action = towards_goal(observation)
            observation, reward, terminated, truncated, info = env.step(action)
            np.testing.assert_array_equal(episode.action[step], action.astype(np.float32))
            assert episode.reward[step] == reward
            assert episode.step_success[step] == info["is_success"]
        assert (episode.terminated, episode.truncated) == (terminated, truncated)
        assert episode.is_finished and episode.is_success == info["is_success"]
    env.close()


def test_arrays_have_the_shapes_and_times_that_are_promised(pole: pathlib.Path) -> None:
    recording = episodes.load(pole)
    assert recording.spec.id == "cartpole" and not recording.is_cut_off
    assert len(recording.episodes) == 4
    bodies = len(recording.scene.body)
    assert bodies > 0
    for episode in recording.episodes:
        steps = episode.steps
        assert steps > 0 and episode.terminated and not episode.truncated
        assert episode.poses.shape == (steps + 1, bodies, 7)
        np.testing.assert_allclose(np.linalg.norm(episode.poses[..., 3:], axis=-1), 1, rtol=1e-5)
        period = recording.spec.control_period_s
        np.testing.assert_allclose(episode.time_s[:-1], period * np.arange(steps), atol=1e-9)
        assert 0 < episode.time_s[-1] - episode.time_s[-2] <= period + 1e-9  # It fell within it.
        assert isinstance(episode.observation, np.ndarray)
        assert episode.observation.shape == (steps + 1, 4)
        assert episode.observation.dtype == recording.spec.observation[0].dtype
        assert episode.action.shape == (steps, 1) and (episode.action == 1).all()
        assert set(episode.metrics) == {metric.name for metric in recording.spec.metrics}
        np.testing.assert_array_equal(episode.metrics["reward/alive"], episode.reward)
        assert episode.return_sum == episode.reward.sum()
        assert len(episode.contacts) == steps + 1


def test_meshes_are_those_that_the_scene_names(reach: pathlib.Path) -> None:
    recording = episodes.load(reach)
    named = {shape.mesh.name for shape in recording.scene.shape if shape.mesh.name}
    assert named and set(recording.meshes) == named
    for mesh in recording.meshes.values():
        assert mesh.vertex.shape[1:] == (3,) and mesh.triangle.shape[1:] == (3,)
        assert mesh.triangle.max() < len(mesh.vertex)


def test_the_same_episodes_give_the_same_bytes(
    server: str, pole: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    env = armature.make(server, "cartpole")
    env.reset(seed=99)
    env.step(np.zeros(1, np.float32))  # An episode under way is dropped.
    again = tmp_path / "again"
    armature.record_episodes(again, env, lambda _: np.ones(1, np.float32), 4, seed=SEED)
    env.close()
    assert gzip.decompress(again.read_bytes()) == gzip.decompress(pole.read_bytes())


def test_what_is_saved_is_what_was_read(
    reach: pathlib.Path, pole: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    for path in (reach, pole):
        read = episodes.load(path)
        episodes.save(tmp_path / "again", read.spec, read.episodes)
        assert gzip.decompress((tmp_path / "again").read_bytes()) == gzip.decompress(
            path.read_bytes()
        )


def test_episodes_that_are_kept_are_numbered_anew(
    pole: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    read = episodes.load(pole)
    kept = read.episodes[1::2]
    episodes.save(tmp_path / "kept", read.spec, kept)
    again = episodes.load(tmp_path / "kept")
    assert len(again.episodes) == len(kept) == 2
    for one, other in zip(kept, again.episodes):
        assert_equal(one, other)
    numbers = [
        message.frame.episode
        for message in episodes.messages(tmp_path / "kept")
        if message.WhichOneof("kind") == "frame"
    ]
    assert sorted(set(numbers)) == [0, 1] and numbers == sorted(numbers)


def test_an_episode_keeps_its_colours_when_those_before_it_are_left_out(
    tmp_path: pathlib.Path,
) -> None:
    red = [frame_message(0), frame_message(1, last=True)]
    red[1].frame.changed_index.append(0)
    red[1].frame.changed_shape.add().CopyFrom(box_shape(0, 1.0))
    after = [frame_message(0, episode=1), frame_message(1, episode=1, last=True)]
    path = write(tmp_path / "file", scene_message("box"), *red, *after)
    read = episodes.load(path)
    assert [list(episode.changed_shapes) for episode in read.episodes] == [[1], [0]]
    assert read.episodes[1].changed_shapes[0][0].colour[0] == 1.0

    episodes.save(tmp_path / "second", read.spec, read.episodes[1:])
    (second,) = episodes.load(tmp_path / "second").episodes
    assert_equal(second, read.episodes[1])
    episodes.save(tmp_path / "swapped", read.spec, read.episodes[::-1])
    swapped = episodes.load(tmp_path / "swapped").episodes
    assert swapped[1].changed_shapes[0][0].colour[0] == 0.5  # As it was before the first change.
    assert swapped[1].changed_shapes[1][0].colour[0] == 1.0


def test_a_file_of_several_scenes_says_which_is_whose(tmp_path: pathlib.Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    red = frame_message(1, last=True)
    red.frame.changed_index.append(0)
    red.frame.changed_shape.add().CopyFrom(box_shape(0, 1.0))
    write(one, scene_message("box"), frame_message(0), red)
    write(two, scene_message("a", "b"), frame_message(0, 2), frame_message(1, 2, last=True))
    both = tmp_path / "both"
    both.write_bytes(one.read_bytes() + two.read_bytes())  # gzip files may be joined.
    read = episodes.load(both)
    assert [episode.setting.bodies for episode in read.episodes] == [["box"], ["a", "b"]]
    assert [episode.poses.shape for episode in read.episodes] == [(2, 1, 7), (2, 2, 7)]
    assert [list(episode.changed_shapes) for episode in read.episodes] == [[1], []]
    episodes.save(tmp_path / "again", read.spec, read.episodes)
    for saved, episode in zip(episodes.load(tmp_path / "again").episodes, read.episodes):
        assert_equal(saved, episode)


def test_a_file_that_breaks_off_gives_its_whole_messages(tmp_path: pathlib.Path) -> None:
    sent = [
        scene_message("box"),
        frame_message(0),
        frame_message(1, last=True),
        frame_message(0, episode=1),
        frame_message(1, episode=1),
    ]
    ends, content = [0], b""
    for message in sent:
        body = message.SerializeToString()
        assert len(body) < 0x4000
        length = [len(body)] if len(body) < 0x80 else [len(body) & 0x7F | 0x80, len(body) >> 7]
        content += bytes(length) + body
        ends.append(len(content))
    for cut in range(len(content) + 1):
        path = tmp_path / "cut"
        path.write_bytes(gzip.compress(content[:cut], 0))
        source = episodes.messages(path)
        whole = sum(end <= cut for end in ends) - 1
        assert list(source) == sent[:whole]
        assert source.is_cut_off == (cut not in ends)


def test_a_file_without_its_gzips_end_is_cut_off(
    pole: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    whole = list(episodes.messages(pole))
    content = pole.read_bytes()
    counts = []
    for cut in range(0, len(content), 7):
        (tmp_path / "cut").write_bytes(content[:cut])
        source = episodes.messages(tmp_path / "cut")
        came = list(source)
        assert came == whole[: len(came)]
        assert source.is_cut_off or cut == 0
        counts.append(len(came))
    assert counts == sorted(counts) and counts[-1] == len(whole)
    (tmp_path / "cut").write_bytes(content[: len(content) * 2 // 3])
    cut_off = episodes.load(tmp_path / "cut")
    assert cut_off.is_cut_off and not cut_off.episodes[-1].is_finished
    with pytest.raises(armature.ArmatureError, match="ends before it says what environment"):
        (tmp_path / "cut").write_bytes(content[:20])
        episodes.load(tmp_path / "cut")


def test_what_has_been_flushed_can_be_read_while_it_is_written(tmp_path: pathlib.Path) -> None:
    with Writer(tmp_path / "file") as writer:
        for message in (scene_message("box"), frame_message(0), frame_message(1, last=True)):
            writer.write(message)
        writer.flush()
        recording = episodes.load(tmp_path / "file")
    assert recording.is_cut_off and recording.episodes[0].is_finished
    assert not episodes.load(tmp_path / "file").is_cut_off


def refusal(path: pathlib.Path) -> str:
    with pytest.raises(armature.ArmatureError) as caught:
        episodes.load(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_that_is_no_recording_is_refused_in_one_sentence(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    assert "cannot be read: No such file" in refusal(path)
    assert "cannot be read: Is a directory" in refusal(tmp_path)
    path.write_bytes(b"episode,reward\n0,1\n")
    assert "no recording of episodes: is not a gzip file" in refusal(path)
    path.write_bytes(gzip.compress(b"episode,reward\n0,1\n" * 9))
    assert "message 0 is no WatchResponse" in refusal(path)
    path.write_bytes(gzip.compress(b"\xff" * 20))
    assert "message 0 has a length of more than 10 bytes" in refusal(path)
    path.write_bytes(gzip.compress(b"\xff\xff\xff\xff\x7f" + b"x"))
    assert f"{MESSAGE_BYTES_MAX} are allowed" in refusal(path)
    path.write_bytes(gzip.compress(b"\0\0\0"))
    assert "message 0 is of a kind that this version does not know" in refusal(path)
    assert "message 0 is a frame, expected `opened`" in refusal(write(path, frame_message(0)))


def test_a_damaged_file_is_refused_and_says_where(
    pole: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    content = bytearray(pole.read_bytes())
    content[-5] ^= 1  # Of the checksum.
    path = tmp_path / "damaged"
    path.write_bytes(content)
    count = sum(1 for _ in episodes.messages(pole))
    assert "is damaged: CRC check failed" in refusal(path)
    assert f"after {count} messages" in refusal(path)


def test_contradictions_are_named(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    opened = scene_message("box")

    def said(*messages: Any) -> str:
        return refusal(write(path, *messages))

    assert "frame 1 is of step 2, expected 1: frames are missing" in said(
        opened, frame_message(0), frame_message(2)
    )
    assert "frame 0.pose: shape is [2,7], expected [1,7]" in said(opened, frame_message(0, 2))
    bare = frame_message(0)
    del bare.frame.observation[:]
    assert "frame 0.observation has 0 values, expected 2" in said(opened, bare)
    idle = frame_message(1)
    del idle.frame.action[:]
    assert "frame 1.action has 0 values, expected 1" in said(opened, frame_message(0), idle)
    other = scene_message("box")
    other.opened.spec.control_period_s = 1
    assert "expected one" in said(opened, frame_message(0), other)
    meshed = scene_message("box")
    meshed.opened.scene.shape[0].mesh.name = "cup"
    assert "mesh 'cup' of the scene is missing" in said(meshed, frame_message(0))
    changed = frame_message(0)
    changed.frame.changed_index.append(7)
    changed.frame.changed_shape.add()
    assert "changes shape 7, the scene has 1" in said(opened, changed)


def test_what_cannot_be_recorded_or_saved_is_named(
    server: str, python_server: str, pole: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "none"
    with pytest.raises(armature.ArmatureError, match="without wrappers"):
        armature.record_episodes(path, gym.make("CartPole-v1"), lambda _: 0, 1)  # type: ignore[arg-type]
    env = armature.make(python_server, "point_mass")
    with pytest.raises(armature.ArmatureError, match=r"point_mass on .* has no scene to watch"):
        armature.record_episodes(path, env, towards_goal, 1)
    env.close()
    env = armature.make(server, "cartpole")
    with pytest.raises(armature.ArmatureError, match="episodes is 0, expected at least 1"):
        armature.record_episodes(path, env, towards_goal, 0)
    env.close()
    with pytest.raises(armature.ArmatureError, match="there is no episode to write"):
        episodes.save(path, episodes.load(pole).spec, [])
    with pytest.raises(armature.ArmatureError, match="cannot be written: No such file"):
        Writer(tmp_path / "no" / "folder")
    assert not path.exists()


class Scripted:
    """An environment and what Watch shows of it: a fault cuts the first episodes short."""

    def __init__(self, faulty: int = 1) -> None:
        self.faulty = faulty
        self.shown = [scene_message("box")]
        self.episode = -1

    def reset(self, *, seed: int | None = None) -> Any:
        self.episode += 1
        if self.episode == 0:
            self._show(0)
        self.step_number = 0
        return np.zeros(2), {}

    def step(self, _: Any) -> Any:
        self.step_number += 1
        if self.episode < self.faulty and self.step_number == 2:
            self._show(0)  # The new simulator's.
            return np.zeros(2), np.nan, False, True, {"restarted": True, "fault": "it threw"}
        self._show(self.step_number)
        ends = self.step_number == 2
        if ends:
            self._show(0)
        return np.array([self.step_number, 0]), 1.0, ends, False, {}

    def receive(self) -> Any:
        return self.shown.pop(0)

    def _show(self, step: int) -> None:
        message = frame_message(step, episode=self.episode)
        message.frame.ClearField("observation")
        if self.episode == 0 and step == 1:
            message.frame.changed_index.append(0)
            message.frame.changed_shape.add().CopyFrom(box_shape(0, 1.0))
        self.shown.append(message)


def test_an_episode_that_a_fault_cut_short_is_left_out_and_its_colours_stay() -> None:
    scripted = Scripted()
    recorder = _Recorder(scripted, lambda _: 0, scripted)  # type: ignore[arg-type]
    opened, *messages = recorder.whole_episode(0, seed=SEED)
    assert opened.WhichOneof("kind") == "opened" and scripted.episode == 1
    frames = [message.frame for message in messages]
    assert [frame.episode for frame in frames] == [0, 0, 0]
    assert [frame.episode_step for frame in frames] == [0, 1, 2]
    assert [frame.observation[0] for frame in frames] == [0, 1, 2]
    assert list(frames[0].changed_index) == [0]
    assert frames[0].changed_shape[0].colour[0] == 1.0
    assert not frames[1].changed_index


def test_an_environment_that_only_fails_is_given_up_with_its_fault() -> None:
    scripted = Scripted(faulty=99)
    recorder = _Recorder(scripted, lambda _: 0, scripted)  # type: ignore[arg-type]
    with pytest.raises(armature.ArmatureError, match=r"10 episodes in a row .* by: it threw"):
        recorder.whole_episode(0, seed=SEED)
    assert scripted.episode == 9


def test_demonstrations_from_episodes_are_those_that_would_have_been_recorded(
    server: str, reach: pathlib.Path, pole: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    for path, env_id, policy, count in (
        (reach, "panda_reach", towards_goal, 2),
        (pole, "cartpole", lambda _: np.ones(1, np.float32), 4),
    ):
        env = armature.make(server, env_id)
        recorded, taken = tmp_path / "recorded", tmp_path / "taken"
        expected = armature.record_demonstrations(recorded, env, policy, count, seed=SEED)
        env.close()
        written = armature.demonstrations_from_episodes(path, taken)
        assert dataclasses.replace(written, path=recorded) == expected
        one, other = load_file(recorded), load_file(taken)
        assert one.keys() == other.keys()
        for name, tensor in one.items():
            np.testing.assert_array_equal(other[name], tensor)
            assert other[name].dtype == tensor.dtype


def test_only_finished_and_if_asked_successful_episodes_become_demonstrations(
    tmp_path: pathlib.Path,
) -> None:
    success = [frame_message(0, episode=1), frame_message(1, episode=1, last=True)]
    success[1].frame.is_success = True
    success[1].frame.action[0] = 2  # Servers clip it.
    path = write(
        tmp_path / "file",
        scene_message("box"),
        *(frame_message(step, last=step == 2) for step in range(3)),
        *success,
        *(frame_message(step, episode=2) for step in range(2)),
    )
    out = tmp_path / "out"
    assert armature.demonstrations_from_episodes(path, out).steps == 3
    np.testing.assert_array_equal(load_file(out)["terminated"], [0, 1, 1])
    assert armature.demonstrations_from_episodes(path, out, only_successful=True).steps == 1
    np.testing.assert_array_equal(load_file(out)["action"], [[1.0]])

    write(path, scene_message("box"), frame_message(0), frame_message(1, last=True))
    out.unlink()
    with pytest.raises(armature.ArmatureError, match="none of 1 episodes is successful"):
        armature.demonstrations_from_episodes(path, out, only_successful=True)
    choices = scene_message("box")
    choices.opened.spec.action.discrete.count = 2
    write(path, choices, frame_message(0), frame_message(1, last=True))
    with pytest.raises(armature.ArmatureError, match="demonstrations need a bounded Box"):
        armature.demonstrations_from_episodes(path, out)
    assert not out.exists()

"""Demonstrations recorded in Gymnasium and on an env server, and read back."""

from __future__ import annotations

import json
import pathlib
import struct
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from safetensors.numpy import load_file

import armature
from armature.checksum import crc32c


def towards_goal(observation: Any) -> Any:
    return np.clip(observation["desired_goal"] - observation["achieved_goal"], -1, 1)


def away_from_goal(observation: Any) -> Any:
    return -towards_goal(observation)


class Countdown(gym.Env[Any, Any]):
    """Three steps; succeeds in the last one in every second episode."""

    observation_space = gym.spaces.Dict(
        {
            "left": gym.spaces.Discrete(4),
            "camera": gym.spaces.Box(0, 255, (2, 2), np.uint8),
        }
    )
    action_space = gym.spaces.Box(np.array([-1, 0]), np.array([1, 4]), dtype=np.float64)

    def __init__(self) -> None:
        self.episode = 0
        self.left = 3

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.left = 3
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        self.left -= 1
        ended = self.left == 0
        self.episode += int(ended)
        success = ended and self.episode % 2 == 0
        return self._observation(), float(action[1]), ended, False, {"is_success": success}

    def _observation(self) -> Any:
        return {"left": self.left, "camera": np.full((2, 2), 50 * self.left, np.uint8)}


def read_parts(path: pathlib.Path) -> tuple[dict[str, Any], bytes]:
    """A file's header, in which safetensors orders the metadata at random, and its data."""
    content = path.read_bytes()
    end = 8 + struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8:end]), content[end:]


def test_a_files_metadata_and_checksum_are_those_of_its_format(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    armature.record_demonstrations(path, Countdown(), lambda _: np.array([0.5, 3.0]), 1)
    header, data = read_parts(path)
    assert header["__metadata__"] == {
        "kind": "armature demonstrations",
        "format_version": "1",
        "crc32c": f"{crc32c(data):08x}",
    }
    assert crc32c(b"123456789") == 0xE3069283  # The check value of RFC 3720's CRC.


def test_fields_are_those_that_the_learner_sees(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    recording = armature.record_demonstrations(path, Countdown(), lambda _: np.array([0.5, 3.0]), 2)
    tensors = load_file(path)
    assert (recording.episodes, recording.steps, recording.mean_return) == (2, 6, 9.0)
    assert {name: (array.dtype.str, array.shape) for name, array in tensors.items()} == {
        "observation.left": ("<f4", (6, 4)),
        "observation.camera": ("<f4", (6, 2, 2)),
        "next_observation.left": ("<f4", (6, 4)),
        "next_observation.camera": ("<f4", (6, 2, 2)),
        "action": ("<f4", (6, 2)),
        "reward": ("<f4", (6,)),
        "terminated": ("|u1", (6,)),
        "truncated": ("|u1", (6,)),
    }
    np.testing.assert_array_equal(tensors["observation.left"].argmax(1), [3, 2, 1, 3, 2, 1])
    np.testing.assert_array_equal(tensors["next_observation.left"].argmax(1), [2, 1, 0, 2, 1, 0])
    np.testing.assert_array_equal(tensors["observation.camera"][4], np.full((2, 2), 100))
    np.testing.assert_array_equal(tensors["action"], np.tile([0.5, 3.0], (6, 1)))
    np.testing.assert_array_equal(tensors["terminated"], [0, 0, 1, 0, 0, 1])


class Halved(gym.Wrapper[Any, Any, Any, Any]):
    """Says that half of each action was executed."""

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated, truncated, {**info, "executed_action": action / 2}


def test_executed_actions_are_written_where_there_are_any(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    armature.record_demonstrations(path, Halved(Countdown()), lambda _: np.array([0.5, 3.0]), 1)
    tensors = load_file(path)
    np.testing.assert_array_equal(tensors["action"], np.tile([0.5, 3.0], (3, 1)))
    np.testing.assert_array_equal(tensors["executed_action"], np.tile([0.25, 1.5], (3, 1)))


def test_only_successful_episodes_are_kept_where_asked(tmp_path: pathlib.Path) -> None:
    env = Countdown()
    armature.record_demonstrations(
        tmp_path / "file",
        env,
        lambda _: np.array([0.0, float(env.episode)]),
        2,
        only_successful=True,
    )
    np.testing.assert_array_equal(load_file(tmp_path / "file")["reward"], [1, 1, 1, 3, 3, 3])


def test_steps_of_an_env_server_are_linked_and_end_with_their_episodes(
    python_server: str, tmp_path: pathlib.Path
) -> None:
    env = armature.make(python_server, "point_mass")
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        armature.record_demonstrations(path, env, towards_goal, 3, seed=5)
    env.close()
    tensors = load_file(paths[0])
    ends = np.flatnonzero(tensors["terminated"] | tensors["truncated"])
    assert len(ends) == 3 and ends[-1] == len(tensors["reward"]) - 1
    goes_on = np.setdiff1d(np.arange(len(tensors["reward"])), ends)
    np.testing.assert_array_equal(
        tensors["next_observation.achieved_goal"][goes_on],
        tensors["observation.achieved_goal"][goes_on + 1],
    )
    assert read_parts(paths[0]) == read_parts(paths[1])


def test_what_cannot_be_recorded_is_named_and_nothing_is_written(
    python_server: str, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "none"
    with pytest.raises(armature.ArmatureError, match="demonstrations need a bounded Box"):
        armature.record_demonstrations(path, gym.make("CartPole-v1"), lambda _: 0, 1)
    with pytest.raises(armature.ArmatureError, match=r"action \[2\. 0\.\] is not within"):
        armature.record_demonstrations(path, Countdown(), lambda _: np.array([2.0, 0]), 1)
    with pytest.raises(armature.ArmatureError, match="action has 1 values, not 2"):
        armature.record_demonstrations(path, Countdown(), lambda _: np.array([0.0]), 1)
    env = armature.make(python_server, "point_mass")
    with pytest.raises(armature.ArmatureError, match="0 successful episodes among 2, expected 1"):
        armature.record_demonstrations(
            path, env, away_from_goal, 1, only_successful=True, episodes_max=2
        )
    env.close()
    assert not path.exists()


def test_episodes_that_a_fault_cut_short_do_not_count(
    python_server: str, tmp_path: pathlib.Path
) -> None:
    class CutShort(Countdown):
        def step(self, action: Any) -> Any:
            observation, reward, ended, _, info = super().step(action)
            cut = self.episode == 0 and self.left == 1
            self.episode += int(cut)
            return observation, reward, ended, cut, {**info, "restarted": cut}

    recording = armature.record_demonstrations(
        tmp_path / "file", CutShort(), lambda _: np.zeros(2), 1
    )
    assert recording.steps == 3

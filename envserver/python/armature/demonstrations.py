"""Demonstrations: a policy's episodes in a file that a run learns from.

The file's format is docs/demonstrations.md.
"""

from __future__ import annotations

import pathlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from armature.action_spec import ActionSpec
from armature.checksum import crc32c
from armature.episodes import Episode, load
from armature.errors import ArmatureError
from armature.serve.spaces import ActionReader, Field, observation_fields, write_observation
from armature.spec import EnvSpec

_KIND = "armature demonstrations"
_FORMAT_VERSION = "1"
_TRIES_AN_EPISODE = 10

Array = npt.NDArray[Any]
_Step = dict[str, Array]


@dataclass(frozen=True)
class Recording:
    """What was written."""

    path: pathlib.Path
    episodes: int
    steps: int
    mean_return: float


def record_demonstrations(
    path: str | pathlib.Path,
    env: gym.Env[Any, Any],
    policy: Callable[[Any], Any],
    episodes: int,
    *,
    only_successful: bool = False,
    episodes_max: int | None = None,
    seed: int = 0,
) -> Recording:
    """Plays `episodes` episodes of `policy` in `env` and writes their steps to `path`.

    `env` is a `gymnasium.Env`, an env server's (`armature.make`) included; it ends its episodes
    itself. `policy(observation)` gives an action within the bounds of the action space, as
    `load_policy`'s policies do; it may be a person. With `only_successful` an episode counts if
    `info` has a true `is_success` in its last step. Episodes that a fault cut short do not count.
    Executed actions are written too, if every step's `info` has `executed_action`.
    ArmatureError: actions are not a bounded Box, an action is not within it, an observation is
    not what its space says, or fewer episodes counted than were asked for among `episodes_max`
    (10 for each). Nothing is written then.
    """
    recorder = _Recorder(env, policy)
    tries = _TRIES_AN_EPISODE * episodes if episodes_max is None else episodes_max
    kept: list[_Step] = []
    returns: list[float] = []
    for tried in range(tries):
        if len(returns) == episodes:
            break
        steps, is_success = recorder.episode(seed if tried == 0 else None)
        if steps and (is_success or not only_successful):
            kept += steps
            returns.append(float(sum(step["reward"] for step in steps)))
    if len(returns) < episodes or episodes < 1:
        which = "successful episodes" if only_successful else "episodes"
        raise ArmatureError(f"{len(returns)} {which} among {tries}, expected {max(1, episodes)}")
    path = pathlib.Path(path)
    names = [name for name in kept[0] if all(name in step for step in kept)]
    _write(path, {name: np.stack([step[name] for step in kept]) for name in names})
    return Recording(path, episodes, len(kept), float(np.mean(returns)))


def demonstrations_from_episodes(
    path_in: str | pathlib.Path, path_out: str | pathlib.Path, *, only_successful: bool = False
) -> Recording:
    """Writes the steps of recorded episodes (docs/episodes.md) to `path_out`.

    Episodes without an end are left out, and with `only_successful` those whose last step did not
    reach the goal. Actions beyond the bounds become what env servers make of them: the bounds.
    ArmatureError: actions are not a bounded Box, no episode is left, or as `episodes.load`.
    Nothing is written then.
    """
    recorded = load(path_in)
    _check_box(recorded.spec.action, recorded.spec.action.space())
    kept = [
        episode
        for episode in recorded.episodes
        if episode.is_finished and (episode.is_success or not only_successful)
    ]
    if not kept:
        which = "successful" if only_successful else "finished"
        raise ArmatureError(
            f"{path_in}: none of {len(recorded.episodes)} episodes is {which}; expected at least 1"
        )
    parts = [_steps_of(recorded.spec, episode) for episode in kept]
    path_out = pathlib.Path(path_out)
    _write(path_out, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    returns = [float(sum(episode.reward)) for episode in kept]
    steps = sum(episode.steps for episode in kept)
    return Recording(path_out, len(kept), steps, float(np.mean(returns)))


def _steps_of(spec: EnvSpec, episode: Episode) -> dict[str, Array]:
    """The tensors of an episode's steps, [T, ...] each."""
    fields = episode.observation
    if not isinstance(fields, dict):
        fields = {"observation": fields}
    ended = np.zeros(episode.steps, np.uint8)
    ended[-1] = 1
    return {
        **{f"observation.{name}": rows[:-1].astype(np.float32) for name, rows in fields.items()},
        **{
            f"next_observation.{name}": rows[1:].astype(np.float32) for name, rows in fields.items()
        },
        "action": np.clip(
            episode.action,
            np.array(spec.action.low, np.float32),
            np.array(spec.action.high, np.float32),
        ),
        "reward": episode.reward,
        "terminated": ended * np.uint8(episode.terminated),
        "truncated": ended * np.uint8(episode.truncated),
    }


def _check_box(actions: ActionSpec, space: gym.Space[Any]) -> None:
    if actions.is_discrete:
        raise ArmatureError(f"action space {space}: demonstrations need a bounded Box")


class _Recorder:
    def __init__(self, env: gym.Env[Any, Any], policy: Callable[[Any], Any]) -> None:
        self._env = env
        self._policy = policy
        self._fields = observation_fields(env.observation_space)
        actions = ActionReader(env.action_space).spec
        _check_box(actions, env.action_space)
        self._low, self._high = np.array(actions.low), np.array(actions.high)

    def episode(self, seed: int | None) -> tuple[list[_Step], bool]:
        """The steps, none if a fault cut them short, and whether the last is a success."""
        steps: list[_Step] = []
        observation, _ = self._env.reset(seed=seed)
        while True:
            action = self._policy(observation)
            row = self._checked(action, "the policy's")
            after, reward, terminated, truncated, info = self._env.step(action)
            if info.get("restarted"):
                return [], False
            step = {
                **_named("observation", self._fields, observation),
                **_named("next_observation", self._fields, after),
                "action": row,
                "reward": np.float32(reward),
                "terminated": np.uint8(terminated),
                "truncated": np.uint8(truncated),
            }
            if "executed_action" in info:
                step["executed_action"] = self._checked(info["executed_action"], "the executed")
            steps.append(step)
            if terminated or truncated:
                return steps, bool(info.get("is_success", False))
            observation = after

    def _checked(self, action: Any, whose: str) -> Array:
        """float32 [A]. ArmatureError: not of that size or not within the bounds."""
        row = np.array(action, np.float32).reshape(-1)
        if row.shape != self._low.shape:
            raise ArmatureError(f"{whose} action has {row.size} values, not {self._low.size}")
        slack = 1e-5 * (self._high - self._low)  # float32 rounds bounds and actions.
        if not ((self._low - slack <= row) & (row <= self._high + slack)).all():
            raise ArmatureError(f"{whose} action {row} is not within [{self._low}, {self._high}]")
        return row


def _named(prefix: str, fields: tuple[Field, ...], observation: Any) -> _Step:
    """{"<prefix>.<field>": float32 [shape...]}."""
    rows = [np.zeros(field.spec.shape, field.spec.dtype) for field in fields]
    write_observation(fields, observation, rows)
    return {
        f"{prefix}.{field.spec.name}": row.astype(np.float32) for field, row in zip(fields, rows)
    }


def _write(path: pathlib.Path, tensors: dict[str, Array]) -> None:
    metadata = {"kind": _KIND, "format_version": _FORMAT_VERSION}
    content = save(tensors, metadata=metadata)
    # What follows the header does not depend on the metadata.
    begin = 8 + struct.unpack("<Q", content[:8])[0]
    metadata["crc32c"] = f"{crc32c(content[begin:]):08x}"
    path.write_bytes(save(tensors, metadata=metadata))

"""Recorded episodes as NumPy arrays: of evaluations, of `record_episodes`, of programs of yours.

``load`` reads a whole file, ``messages`` message by message; ``save`` writes episodes, for
example those of a file that are worth keeping. The file's format is docs/episodes.md.

Units: m, s, z up; quaternions are (x, y, z, w); observations, actions, rewards and metrics have
the environment's own. T is the number of an episode's steps. What is known of a step has T rows:
row t is of the step from state t to state t + 1. What is known of a state has T + 1.
Thread safety: free functions; what they return is the caller's.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from armature import wire
from armature.episode_file import Messages, Writer
from armature.errors import ArmatureError, WireError
from armature.spec import EnvSpec
from armature.tensors import WIRE_DTYPES, get_tensor, set_tensor

Array = npt.NDArray[Any]
# Of an environment with one field "observation" an array, else one for each field, by name.
Observation = Union[Array, "dict[str, Array]"]

POSE_SIZE = 7  # x, y, z, then the quaternion.
_CONTACT_SIZE = 7
_FLOAT32 = WIRE_DTYPES[np.dtype("<f4")]
_INT32 = WIRE_DTYPES[np.dtype("<i4")]


@dataclasses.dataclass(frozen=True)
class Mesh:
    """Triangles that shapes of a scene name, before their scale."""

    vertex: Array  # float32 [v, 3]
    triangle: Array  # int32 [t, 3], indices of vertices, counter-clockwise from outside.


@dataclasses.dataclass(frozen=True)
class Setting:
    """What the episodes play in, as it was when the recording began."""

    scene: Any  # v1.Scene (proto/scene.proto): bodies, shapes, cameras.
    meshes: Mapping[str, Mesh]  # Those that the scene names.

    @property
    def bodies(self) -> list[str]:
        """Their names, in the order of `Episode.poses`."""
        return [body.name for body in self.scene.body]


@dataclasses.dataclass(frozen=True, eq=False)
class Episode:
    """One episode. Without steps (T = 0) it was cut off after its first state."""

    setting: Setting
    poses: Array  # float32 [T + 1, bodies, 7]
    time_s: Array  # float64 [T + 1], simulated, from 0.
    observation: Observation  # [T + 1, field shape...], in the field's dtype.
    action: Array  # float32 [T, A], as on the wire: flat, choices counted from 0.
    reward: Array  # float32 [T]
    metrics: Mapping[str, Array]  # float32 [T] each.
    step_success: npt.NDArray[np.bool_]  # [T]
    terminated: bool
    truncated: bool
    # float32 [k, 7] of each state: position, normal (towards the first body), force in N.
    contacts: tuple[Array, ...]
    # State -> {index in the scene's shapes: v1.SceneShape}: sizes and colours that are others than
    # before. Those of state 0 are against the scene, so that every episode stands for itself.
    changed_shapes: Mapping[int, Mapping[int, Any]]

    @property
    def steps(self) -> int:
        return len(self.reward)

    @property
    def is_finished(self) -> bool:
        """False: the recording, or the episode, was broken off."""
        return self.terminated or self.truncated

    @property
    def is_success(self) -> bool:
        """Whether the last step reached the goal."""
        return bool(self.steps and self.step_success[-1])

    @property
    def return_sum(self) -> float:
        """The undiscounted return."""
        return float(_return_sums(self.reward)[-1]) if self.steps else 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
    """What `load` has read."""

    path: pathlib.Path
    spec: EnvSpec
    setting: Setting  # The first episode's; a file that was put together may have several.
    episodes: tuple[Episode, ...]
    is_cut_off: bool  # The file has no proper end: what wrote it was killed, or is still writing.

    @property
    def scene(self) -> Any:
        """v1.Scene: bodies, shapes, cameras."""
        return self.setting.scene

    @property
    def meshes(self) -> Mapping[str, Mesh]:
        return self.setting.meshes


def messages(path: str | pathlib.Path) -> Messages:
    """Every v1.WatchResponse of a file, one after another: an iterator.

    `opened`, a `mesh` for each name in the scene, then frames; again from `opened` where the
    scene becomes another one. A file that breaks off gives its whole messages, and the iterator's
    `is_cut_off` is true then.
    ArmatureError: the file cannot be read, is no recording, or is damaged.
    """
    return Messages(path)


def load(path: str | pathlib.Path) -> Recording:
    """All episodes of a file. ArmatureError: as `messages`, and what contradicts itself."""
    source = messages(path)
    reader = _Reader(source)
    episodes = tuple(reader.episodes())
    if reader.spec is None or reader.setting is None:
        raise ArmatureError(f"{path}: ends before it says what environment it is of")
    setting = episodes[0].setting if episodes else reader.setting
    return Recording(source.path, reader.spec, setting, episodes, source.is_cut_off)


def save(path: str | pathlib.Path, spec: EnvSpec, episodes: Iterable[Episode]) -> None:
    """Writes episodes of one environment; their numbers count from 0 in the new file.

    ArmatureError: there is none, or the file cannot be written.
    """
    kept = list(episodes)
    if not kept:
        raise ArmatureError(f"{path}: there is no episode to write")
    setting: Setting | None = None
    shapes: list[Any] = []  # As whoever reads has them by now.
    with Writer(path) as writer:
        for number, episode in enumerate(kept):
            if setting is None or not _same(setting, episode.setting):
                setting = episode.setting
                shapes = list(setting.scene.shape)
                for message in opening(spec, setting.scene, setting.meshes):
                    writer.write(message)
            for message in _frames(spec, number, episode, shapes):
                writer.write(message)


def export_mcap(path_in: str | pathlib.Path, path_out: str | pathlib.Path) -> int:
    """Writes a recording as MCAP, for Foxglove and Rerun; returns the number of frames.

    ArmatureError: as `messages`; `path_out` cannot be written; or the extra `mcap` is not
    installed.
    """
    try:
        from armature import mcap_export
    except ImportError as error:
        raise ArmatureError(
            f"MCAP needs more packages ({error}): pip install './envserver/python[mcap]'"
        ) from error
    return mcap_export.export(messages(path_in), pathlib.Path(path_out))


def opening(spec: EnvSpec, scene: Any, meshes: Mapping[str, Mesh]) -> Iterator[Any]:
    """The messages that come before frames: `opened` and the meshes."""
    opened = wire.WatchResponse()
    opened.opened.spec.CopyFrom(spec.to_wire())
    opened.opened.scene.CopyFrom(scene)
    yield opened
    for name, mesh in meshes.items():
        message = wire.WatchResponse()
        message.mesh.name = name
        set_tensor(message.mesh.vertex, mesh.vertex)
        set_tensor(message.mesh.triangle, mesh.triangle)
        yield message


def flat_observation(spec: EnvSpec, observation: Any) -> Array:
    """float32 [size]: the spec's fields, flattened and joined in order."""
    fields = [observation] if spec.is_plain else [observation[f.name] for f in spec.observation]
    return np.concatenate([np.asarray(field, np.float32).ravel() for field in fields])


class _Reader:
    """Puts a file's messages together to episodes."""

    def __init__(self, source: Messages) -> None:
        self.spec: EnvSpec | None = None
        self.setting: Setting | None = None
        self._source = source
        self._meshes: dict[str, Mesh] = {}
        self._frame = 0  # Number of frames so far, for messages.
        # Of the episode that is being read.
        self._frames: list[Any] = []
        self._shapes: dict[int, Any] = {}  # Those that differ from the scene's by now.
        self._changed: dict[int, Mapping[int, Any]] = {}

    def episodes(self) -> Iterator[Episode]:
        for message in self._source:
            kind = message.WhichOneof("kind")
            begins = kind != "frame" or message.frame.episode_step == 0
            if self._frames and begins:
                yield self._episode()
            if kind == "opened":
                self._open(message.opened)
            elif kind == "mesh":
                mesh = message.mesh
                self._meshes[mesh.name] = self._mesh(mesh)
            else:
                self._add(message.frame)
        if self._frames:
            yield self._episode()

    def _open(self, opened: Any) -> None:
        try:
            spec = EnvSpec.from_wire(opened.spec)
        except WireError as error:
            raise self._refusal(str(error)) from None
        if self.spec is not None and spec.hash() != self.spec.hash():
            raise self._refusal(
                f"episodes of {self.spec.id} and of another environment, {spec.id}; expected one"
            )
        self.spec = spec
        self._meshes = {}
        self._shapes = {}
        self.setting = Setting(opened.scene, self._meshes)

    def _mesh(self, mesh: Any) -> Mesh:
        where = f"{self._source.path}: mesh '{mesh.name}'"
        vertex = get_tensor(mesh.vertex, _FLOAT32, (-1, 3), f"{where}.vertex")
        triangle = get_tensor(mesh.triangle, _INT32, (-1, 3), f"{where}.triangle")
        if triangle.size and not 0 <= triangle.min() <= triangle.max() < len(vertex):
            raise WireError(f"{where}.triangle names a vertex that is not there")
        return Mesh(vertex, triangle)

    def _add(self, frame: Any) -> None:
        assert self.setting is not None
        state = len(self._frames)
        if state == 0:
            self._check_meshes()
        if frame.episode_step != state:
            raise self._refusal(
                f"frame {self._frame} is of step {frame.episode_step}, expected {state}: "
                "frames are missing"
            )
        changed = dict(zip(frame.changed_index, frame.changed_shape))
        if changed and not max(changed) < len(self.setting.scene.shape):
            raise self._refusal(
                f"frame {self._frame} changes shape {max(changed)}, the scene has "
                f"{len(self.setting.scene.shape)}"
            )
        self._shapes.update(changed)
        shown = dict(self._shapes) if state == 0 else changed
        if shown:
            self._changed[state] = shown
        self._frames.append(frame)
        self._frame += 1

    def _check_meshes(self) -> None:
        assert self.setting is not None
        for shape in self.setting.scene.shape:
            name = shape.mesh.name
            if shape.WhichOneof("geometry") == "mesh" and name and name not in self._meshes:
                raise self._refusal(f"mesh '{name}' of the scene is missing")

    def _episode(self) -> Episode:
        assert self.spec is not None and self.setting is not None
        frames, changed = self._frames, self._changed
        self._frames, self._changed = [], {}
        bodies = len(self.setting.scene.body)
        first = self._frame - len(frames)
        where = [f"{self._source.path}: frame {first + i}" for i in range(len(frames))]
        steps = list(zip(frames, where))[1:]
        metric = self._rows([(f.metric, f"{at}.metric") for f, at in steps], len(self.spec.metrics))
        return Episode(
            setting=self.setting,
            poses=np.stack(
                [
                    get_tensor(frame.pose, _FLOAT32, (bodies, POSE_SIZE), f"{at}.pose")
                    for frame, at in zip(frames, where)
                ]
            ),
            time_s=np.array([frame.time_s for frame in frames]),
            observation=self._observation(
                self._rows(
                    [(f.observation, f"{at}.observation") for f, at in zip(frames, where)],
                    sum(field.size for field in self.spec.observation),
                )
            ),
            action=self._rows(
                [(f.action, f"{at}.action") for f, at in steps], self.spec.action.size
            ),
            reward=np.array([frame.reward for frame, _ in steps], np.float32),
            metrics={spec.name: metric[:, i] for i, spec in enumerate(self.spec.metrics)},
            step_success=np.array([frame.is_success for frame, _ in steps], np.bool_),
            terminated=frames[-1].terminated,
            truncated=frames[-1].truncated,
            contacts=tuple(self._contacts(frame, at) for frame, at in zip(frames, where)),
            changed_shapes=changed,
        )

    def _rows(self, rows: Sequence[tuple[Any, str]], size: int) -> Array:
        """float32 [n, size] of n rows, each with its name."""
        out = np.empty((len(rows), size), np.float32)
        for i, (row, name) in enumerate(rows):
            if len(row) != size:
                raise ArmatureError(f"{name} has {len(row)} values, expected {size}")
            out[i] = row
        return out

    def _observation(self, rows: Array) -> Observation:
        """As users see it: [n, shape...] of each field, of [n, size] rows."""
        assert self.spec is not None
        fields: dict[str, Array] = {}
        begin = 0
        for field in self.spec.observation:
            values = rows[:, begin : begin + field.size]
            fields[field.name] = values.reshape(-1, *field.shape).astype(field.dtype)
            begin += field.size
        return fields["observation"] if self.spec.is_plain else fields

    def _contacts(self, frame: Any, where: str) -> Array:
        if not frame.HasField("contact"):
            return np.zeros((0, _CONTACT_SIZE), np.float32)
        return get_tensor(frame.contact, _FLOAT32, (-1, _CONTACT_SIZE), f"{where}.contact")

    def _refusal(self, what: str) -> ArmatureError:
        return ArmatureError(f"{self._source.path}: {what}")


def _same(one: Setting, other: Setting) -> bool:
    return one is other or (
        one.scene == other.scene
        and one.meshes.keys() == other.meshes.keys()
        and all(
            np.array_equal(mesh.vertex, other.meshes[name].vertex)
            and np.array_equal(mesh.triangle, other.meshes[name].triangle)
            for name, mesh in one.meshes.items()
        )
    )


def _frames(spec: EnvSpec, number: int, episode: Episode, shapes: list[Any]) -> Iterator[Any]:
    """An episode's messages. `shapes`: as the reader has them; brought to the episode's end."""
    return_sums = _return_sums(episode.reward)
    for state in range(episode.steps + 1):
        message = wire.WatchResponse()
        frame = message.frame
        set_tensor(frame.pose, episode.poses[state])
        set_tensor(frame.contact, episode.contacts[state])
        frame.episode = number
        frame.episode_step = state
        frame.time_s = episode.time_s[state]
        frame.observation.extend(flat_observation(spec, _state(episode.observation, state)))
        if state > 0:
            frame.action.extend(episode.action[state - 1])
            frame.reward = episode.reward[state - 1]
            frame.return_sum = return_sums[state - 1]
            frame.metric.extend(values[state - 1] for values in episode.metrics.values())
            frame.is_success = episode.step_success[state - 1]
        wanted = episode.changed_shapes.get(state, {})
        if state == 0:
            wanted = {**dict(enumerate(episode.setting.scene.shape)), **wanted}
        for i, shape in wanted.items():
            if shape != shapes[i]:
                shapes[i] = shape
                frame.changed_index.append(i)
                frame.changed_shape.append(shape)
        if state == episode.steps:
            frame.terminated = episode.terminated
            frame.truncated = episode.truncated
        yield message


def _return_sums(reward: Array) -> Array:
    """float64 [T]: of the episode so far, added up as env servers do."""
    return np.cumsum(reward, dtype=np.float64)


def _state(observation: Observation, state: int) -> Any:
    if isinstance(observation, dict):
        return {name: values[state] for name, values in observation.items()}
    return observation[state]

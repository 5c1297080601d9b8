"""What has been seen: scenes, and moments of them, in the order they came.

Data flow: WatchResponse messages -> Timeline.add -> moments, each complete in itself.
Thread safety: all methods; one thread adds.
Bounds: the last `capacity` moments; without one, all of them.
"""

from __future__ import annotations

import collections
import hashlib
import itertools
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from armature.errors import WireError
from armature.spec import EnvSpec
from armature.tensors import WIRE_DTYPES, get_tensor
from armature.view.geometry import Triangles, mesh_of

_FLOAT32 = WIRE_DTYPES[np.dtype("<f4")]
_POSE_SIZE = 7


class Stage:
    """What a WatchOpened and its meshes say: it is the same for many moments."""

    def __init__(self, opened: Any, before: Stage | None = None) -> None:
        """Equal meshes are taken from the stage `before`.

        WireError: breaks proto/env_service.proto.
        """
        self.spec = EnvSpec.from_wire(opened.spec)
        self.session_id = int(opened.session_id)
        self.client = str(opened.client)
        self.num_envs = int(opened.num_envs)
        self.scene = opened.scene
        self.meshes: dict[str, Triangles] = {}
        self._known = before._by_digest if before else {}
        self._by_digest: dict[bytes, Triangles] = {}
        # Equal for scenes that look the same.
        self.looks: tuple[bytes, ...] = (_digest(opened.scene),)
        for i, shape in enumerate(self.scene.shape):
            check_shape(shape, f"scene.shape[{i}]", len(self.scene.body))

    def add_mesh(self, message: Any) -> None:
        """WireError: breaks proto/scene.proto."""
        digest = _digest(message)
        self.meshes[message.name] = self._known.get(digest) or mesh_of(message)
        self._by_digest[digest] = self.meshes[message.name]
        self.looks += (digest,)


def _digest(message: Any) -> bytes:
    return hashlib.sha256(message.SerializeToString(deterministic=True)).digest()


def check_shape(shape: Any, name: str, bodies: int) -> None:
    """WireError: its body, pose or colour cannot be used."""
    if not shape.body < bodies:
        raise WireError(f"{name}.body is {shape.body}, expected 0..{bodies - 1}")
    if len(shape.pose) != _POSE_SIZE:
        raise WireError(f"{name}.pose has {len(shape.pose)} numbers, expected {_POSE_SIZE}")
    if len(shape.colour) != 4:
        raise WireError(f"{name}.colour has {len(shape.colour)} numbers, expected 4")


class Moment(NamedTuple):
    """One frame, with the shapes as they then were."""

    stage: Stage
    shapes: Sequence[Any]  # SceneShape; the same object as before where nothing has changed.
    pose: npt.NDArray[np.float32]  # [bodies, 7]
    contact: npt.NDArray[np.float32]  # [k, 7]
    clock_s: float  # Simulated time since the first moment, over all episodes.
    frame: Any  # PoseFrame


class Timeline:
    """Moments are numbered from 0 on, also those that are no longer kept."""

    def __init__(self, capacity: int | None = None) -> None:
        self._lock = threading.Condition()
        self._moments: collections.deque[Moment] = collections.deque(maxlen=capacity)
        self._dropped = 0
        self._stage: Stage | None = None
        self._shapes: Sequence[Any] = ()
        self._clock_s = 0.0
        self._before: tuple[int, float] | None = None  # Episode and time_s of the last frame.

    def add(self, response: Any) -> None:
        """WireError: breaks proto/, or comes out of turn; nothing is added."""
        kind = response.WhichOneof("kind")
        if kind == "opened":
            self._stage = Stage(response.opened, self._stage)
            self._shapes = tuple(self._stage.scene.shape)
            self._before = None
        elif self._stage is None:
            raise WireError(f"the first message is '{kind}', expected 'opened'")
        elif kind == "mesh":
            self._stage.add_mesh(response.mesh)
        elif kind == "frame":
            self._add_frame(self._stage, response.frame)

    def bounds(self) -> range:
        """The numbers of the moments that are kept."""
        with self._lock:
            return range(self._dropped, self._dropped + len(self._moments))

    def at(self, number: int) -> Moment:
        """The moment of that number, or the nearest that is kept. IndexError: there is none."""
        with self._lock:
            return self._moments[min(max(number - self._dropped, 0), len(self._moments) - 1)]

    def between(self, first: int, last: int) -> list[Moment]:
        """Those of first..last that are kept."""
        with self._lock:
            low = max(first - self._dropped, 0)
            return list(itertools.islice(self._moments, low, max(last + 1 - self._dropped, low)))

    def number_at(self, clock_s: float) -> int:
        """The last moment not after `clock_s`, or the first one that is kept."""
        with self._lock:
            low, high = 0, len(self._moments)
            while low < high:
                middle = (low + high) // 2
                if self._moments[middle].clock_s <= clock_s:
                    low = middle + 1
                else:
                    high = middle
            return self._dropped + max(low - 1, 0)

    def _add_frame(self, stage: Stage, frame: Any) -> None:
        pose = get_tensor(frame.pose, _FLOAT32, [len(stage.scene.body), _POSE_SIZE], "frame.pose")
        contact = np.zeros((0, 7), np.float32)
        if frame.contact.dtype:
            contact = get_tensor(frame.contact, _FLOAT32, [-1, 7], "frame.contact")
        self._change_shapes(stage, frame)
        if self._before is None:  # What comes after a break follows at once.
            self._clock_s += stage.spec.control_period_s if self.bounds() else 0.0
        elif self._before[0] == frame.episode and frame.time_s >= self._before[1]:
            self._clock_s += frame.time_s - self._before[1]
        else:
            self._clock_s += max(frame.time_s, stage.spec.control_period_s)
        self._before = (frame.episode, frame.time_s)
        moment = Moment(stage, self._shapes, pose, contact, self._clock_s, frame)
        with self._lock:
            if len(self._moments) == self._moments.maxlen:
                self._dropped += 1
            self._moments.append(moment)

    def _change_shapes(self, stage: Stage, frame: Any) -> None:
        if len(frame.changed_shape) != len(frame.changed_index):
            raise WireError(
                f"frame has {len(frame.changed_shape)} changed_shape and "
                f"{len(frame.changed_index)} changed_index, expected as many"
            )
        if not frame.changed_index:
            return
        shapes = list(self._shapes)
        for index, shape in zip(frame.changed_index, frame.changed_shape):
            if index >= len(shapes):
                raise WireError(f"frame.changed_index is {index}, the scene has {len(shapes)}")
            check_shape(shape, "frame.changed_shape", len(stage.scene.body))
            shapes[index] = shape
        self._shapes = tuple(shapes)

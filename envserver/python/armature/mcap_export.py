"""Recorded episodes as MCAP, which Foxglove and Rerun open (docs/episodes.md).

Data flow: messages of a file, one by one -> McapExport -> messages of its topics.
Needs the extra `mcap`. Thread safety: none.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from foxglove_schemas_protobuf.FrameTransforms_pb2 import FrameTransforms
from foxglove_schemas_protobuf.SceneEntityDeletion_pb2 import SceneEntityDeletion
from foxglove_schemas_protobuf.SceneUpdate_pb2 import SceneUpdate
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.timestamp_pb2 import Timestamp
from mcap.writer import Writer

import armature
from armature.episode_file import Messages
from armature.episodes import POSE_SIZE, Mesh
from armature.errors import ArmatureError
from armature.foxglove_shapes import add_shape
from armature.spec import EnvSpec
from armature.tensors import WIRE_DTYPES, get_tensor

WORLD = "world"  # The frame that bodies have their poses in.
_FLOAT32 = WIRE_DTYPES[np.dtype("<f4")]
_INT32 = WIRE_DTYPES[np.dtype("<i4")]
_NS = 1_000_000_000


def _number_messages() -> tuple[Any, Any]:
    """Classes armature.Number {double value} and armature.Numbers {repeated double value}."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="armature/numbers.proto", package="armature", syntax="proto3"
    )
    for name, label in (("Number", field.LABEL_OPTIONAL), ("Numbers", field.LABEL_REPEATED)):
        file.message_type.add(name=name).field.add(
            name="value", number=1, type=field.TYPE_DOUBLE, label=label
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    number, numbers = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"armature.{name}"))
        for name in ("Number", "Numbers")
    )
    return number, numbers


Number, Numbers = _number_messages()


def export(source: Messages, path: pathlib.Path) -> int:
    """Writes all messages of `source` to `path`; returns the number of frames.

    ArmatureError: as `Messages`, what contradicts itself, or `path` cannot be written.
    """
    try:
        out = path.open("wb")
    except OSError as error:
        raise ArmatureError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        with out:
            writer: Any = Writer(out)
            writer.start(profile="", library=f"armature {armature.__version__}")
            exporter = McapExport(writer, source.path)
            for message in source:
                exporter.add(message)
            writer.finish()
    except BaseException:
        path.unlink()  # No half a file.
        raise
    return exporter.frames


class McapExport:
    """Writes messages of a recording to an MCAP writer, which is the caller's to finish.

    Time is simulated time, from 0; each episode begins a control period after the one before.
    """

    def __init__(self, writer: Writer, path: pathlib.Path) -> None:
        """`path` is named in errors."""
        self.frames = 0
        self._topics = _Topics(writer)
        self._path = path
        self._spec: EnvSpec | None = None
        self._bodies: list[str] = []
        self._meshes: dict[str, Mesh] = {}
        self._shapes: list[Any] = []  # v1.SceneShape, as they are by now.
        self._topic_bodies: dict[str, list[int]] = {}
        self._scene_is_new = False
        self._begin_ns = 0  # Of the episode.
        self._now_ns = 0

    def add(self, message: Any) -> None:
        """The next v1.WatchResponse."""
        kind = message.WhichOneof("kind")
        if kind == "opened":
            self._spec = EnvSpec.from_wire(message.opened.spec)
            self._bodies = [body.name for body in message.opened.scene.body]
            self._shapes = list(message.opened.scene.shape)
            self._topic_bodies = _topic_bodies(self._shapes)
            self._meshes = {}
            self._scene_is_new = True
        elif kind == "mesh":
            where = f"{self._path}: mesh '{message.mesh.name}'"
            self._meshes[message.mesh.name] = Mesh(
                get_tensor(message.mesh.vertex, _FLOAT32, (-1, 3), f"{where}.vertex"),
                get_tensor(message.mesh.triangle, _INT32, (-1, 3), f"{where}.triangle"),
            )
        else:
            self._add_frame(message.frame)
            self.frames += 1

    def _add_frame(self, frame: Any) -> None:
        assert self._spec is not None
        if frame.episode_step == 0 and self.frames > 0:
            self._begin_ns = self._now_ns + round(self._spec.control_period_s * _NS)
        self._now_ns = self._begin_ns + round(frame.time_s * _NS)
        self._add_transforms(frame)
        self._add_scene(frame)
        self._add_numbers(frame)

    def _add_transforms(self, frame: Any) -> None:
        where = f"{self._path}: frame {self.frames}.pose"
        poses = get_tensor(frame.pose, _FLOAT32, (len(self._bodies), POSE_SIZE), where)
        message = FrameTransforms()
        for name, pose in zip(self._bodies, poses.tolist()):
            transform = message.transforms.add(
                timestamp=self._stamp(), parent_frame_id=WORLD, child_frame_id=name
            )
            to, turn = transform.translation, transform.rotation
            to.x, to.y, to.z, turn.x, turn.y, turn.z, turn.w = pose
        self._topics.write("/tf", message, self._now_ns)

    def _add_scene(self, frame: Any) -> None:
        changed = dict(zip(frame.changed_index, frame.changed_shape))
        for i, shape in changed.items():
            if i >= len(self._shapes):
                raise ArmatureError(
                    f"{self._path}: frame {self.frames} changes shape {i}, the scene has "
                    f"{len(self._shapes)}"
                )
            self._shapes[i] = shape
        for topic, bodies in self._topic_bodies.items():
            if self._scene_is_new or any(shape.body in bodies for shape in changed.values()):
                self._add_entities(topic, bodies)
        self._scene_is_new = False

    def _add_entities(self, topic: str, bodies: list[int]) -> None:
        """All of a topic's, in place of those before: whoever seeks gets only the last message."""
        if not bodies and not self._topics.has(topic):
            return
        message = SceneUpdate()
        message.deletions.add(timestamp=self._stamp(), type=SceneEntityDeletion.ALL)
        for body in bodies:
            self._add_entity(message, body)
        self._topics.write(topic, message, self._now_ns)

    def _add_entity(self, message: SceneUpdate, body: int) -> None:
        if body >= len(self._bodies):
            raise ArmatureError(
                f"{self._path}: a shape is of body {body}, the scene has {len(self._bodies)}"
            )
        name = self._bodies[body]
        entity = message.entities.add(
            timestamp=self._stamp(), frame_id=name, id=name, frame_locked=True
        )
        for shape in self._shapes:
            if shape.body != body:
                continue
            if shape.mesh.name and shape.mesh.name not in self._meshes:
                raise ArmatureError(f"{self._path}: mesh '{shape.mesh.name}' is missing")
            add_shape(entity, shape, self._meshes)

    def _add_numbers(self, frame: Any) -> None:
        assert self._spec is not None
        self._number("/episode", frame.episode)
        self._number("/return", frame.return_sum)
        begin = 0
        for field in self._spec.observation if frame.observation else ():
            self._numbers(
                f"/observation/{field.name}", frame.observation[begin : begin + field.size]
            )
            begin += field.size
        if frame.episode_step == 0:
            return  # No step led here.
        self._number("/reward", frame.reward)
        self._number("/success", frame.is_success)
        self._number("/terminated", frame.terminated)
        self._number("/truncated", frame.truncated)
        self._numbers("/action", frame.action)
        for metric, value in zip(self._spec.metrics, frame.metric):
            self._number(f"/metrics/{metric.name}", value)

    def _number(self, topic: str, value: float) -> None:
        self._topics.write(topic, Number(value=value), self._now_ns)

    def _numbers(self, topic: str, values: Sequence[float]) -> None:
        self._topics.write(topic, Numbers(value=values), self._now_ns)

    def _stamp(self) -> Timestamp:
        return Timestamp(seconds=self._now_ns // _NS, nanos=self._now_ns % _NS)


def _topic_bodies(shapes: Sequence[Any]) -> dict[str, list[int]]:
    """The bodies on each topic: those of many triangles are not sent again with the others."""
    bodies = {shape.body for shape in shapes}
    heavy = {
        shape.body for shape in shapes if shape.WhichOneof("geometry") in ("mesh", "height_field")
    }
    return {"/scene": sorted(bodies - heavy), "/meshes": sorted(heavy)}


class _Topics:
    """The channels of an MCAP file, each with the schema of its first message."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._count: dict[str, int] = {}

    def has(self, topic: str) -> bool:
        return topic in self._channels

    def write(self, topic: str, message: Any, time_ns: int) -> None:
        if topic not in self._channels:
            self._channels[topic] = self._writer.register_channel(
                topic=topic, message_encoding="protobuf", schema_id=self._schema(message.DESCRIPTOR)
            )
        self._count[topic] = self._count.get(topic, -1) + 1
        self._writer.add_message(
            channel_id=self._channels[topic],
            log_time=time_ns,
            publish_time=time_ns,
            sequence=self._count[topic],
            data=message.SerializeToString(),
        )

    def _schema(self, descriptor: Any) -> int:
        name: str = descriptor.full_name
        if name not in self._schemas:
            files = descriptor_pb2.FileDescriptorSet()
            _add_file(files, descriptor.file)
            self._schemas[name] = self._writer.register_schema(
                name=name, encoding="protobuf", data=files.SerializeToString()
            )
        return self._schemas[name]


def _add_file(files: Any, file: Any) -> None:
    """Adds a file and those that it imports, each once, imported ones first."""
    for imported in file.dependencies:
        _add_file(files, imported)
    if all(each.name != file.name for each in files.file):
        file.CopyToProto(files.file.add())

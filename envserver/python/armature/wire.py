"""The messages of ``proto/``, made at import time from their descriptors.

Nothing here is generated code, so the package works with every protobuf of its range:
``wire.OpenSession(num_envs=4)`` is an ordinary protobuf message. They live in a pool of
their own and so never clash with another package's ``proto/spec.proto``.
"""

from __future__ import annotations

import importlib.resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_pool = descriptor_pool.DescriptorPool()


def _load() -> None:
    path = importlib.resources.files(__package__) / "wire.descriptors"
    files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    for file in files.file:  # Imported files come before those that import them.
        _pool.AddSerializedFile(file.SerializeToString())


def _message(name: str) -> Any:
    descriptor = _pool.FindMessageTypeByName(f"armature.v1.{name}")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_pool).GetPrototype(descriptor)  # protobuf 3


_load()

Tensor = _message("Tensor")
FieldSpec = _message("FieldSpec")
ActionSpec = _message("ActionSpec")
EnvSpec = _message("EnvSpec")
Handshake = _message("Handshake")
PolicySpec = _message("PolicySpec")
DescribeRequest = _message("DescribeRequest")
DescribeResponse = _message("DescribeResponse")
OpenSession = _message("OpenSession")
ActionBatch = _message("ActionBatch")
ResetGroup = _message("ResetGroup")
RenderRequest = _message("RenderRequest")
SaveState = _message("SaveState")
RestoreState = _message("RestoreState")
SetParameters = _message("SetParameters")
Heartbeat = _message("Heartbeat")
RolloutRequest = _message("RolloutRequest")
RolloutResponse = _message("RolloutResponse")
SessionOpened = _message("SessionOpened")
StepBatch = _message("StepBatch")
Frame = _message("Frame")
SlotState = _message("SlotState")
SlotRestored = _message("SlotRestored")
SceneShape = _message("SceneShape")
WatchRequest = _message("WatchRequest")
WatchResponse = _message("WatchResponse")
WatchOpened = _message("WatchOpened")
Mesh = _message("Mesh")
PoseFrame = _message("PoseFrame")
SceneShape = _message("SceneShape")
ComputeRewardRequest = _message("ComputeRewardRequest")
ComputeRewardResponse = _message("ComputeRewardResponse")

DTYPE_NAMES = {
    value.number: value.name for value in _pool.FindEnumTypeByName("armature.v1.DType").values
}

# Seconds within which a server answers whatever makes it make an environment.
START_LIMIT_S = float(
    _pool.FindEnumTypeByName("armature.v1.EnvLimit").values_by_name["ENV_LIMIT_START_S"].number
)

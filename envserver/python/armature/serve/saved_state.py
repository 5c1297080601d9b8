"""Saved states: the bytes that a client keeps, and how an environment gives and takes its own.

An environment saves states if it has two methods:
``save_state() -> bytes``: all that the rest of its episode depends on, its generator too;
``restore_state(state)``: goes back there. ValueError: `state` is not its own; nothing has
changed then. The observation there was made before, and is kept beside the environment's
bytes: to make it again might draw other noise.
They may be the environment's or a wrapper's. Wrappers around it may be those of Gymnasium
that hold nothing (or a count of steps, which is restored).
The bytes come back from the network: nothing in them is ever executed, and what is damaged
or of another environment is refused before the environment sees it.

Layout, little-endian: magic (8 bytes), CRC-32C of all that follows (u32), spec hash (u64),
steps since the reset (u64), number of parameters (u32), length of the environment's part
(u64); the parameters of the episode (f64 each); the observation's fields, as in the batch;
the environment's part.
Thread safety: immutable values and free functions; a StateKeeper is used by one thread.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from armature.checksum import crc32c
from armature.errors import ArmatureError
from armature.serve.spaces import MalformedError
from armature.spec import EnvSpec

_MAGIC = b"ARMPYST1"
_START = struct.Struct("<8sI")
_HEADER = struct.Struct("<QQIQ")
_PARAMETER = struct.Struct("<d")

# Gymnasium's own wrappers, but not what others have derived from them.
_HOLD_NOTHING = (
    gym.wrappers.TransformAction,
    gym.wrappers.TransformObservation,
    gym.wrappers.TransformReward,
    gym.wrappers.OrderEnforcing,
    gym.wrappers.PassiveEnvChecker,
    gym.wrappers.TimeLimit,
)


class StateError(ArmatureError):
    """Bytes that are no state of this environment; nothing has changed."""


@dataclasses.dataclass(frozen=True)
class SavedState:
    steps: int  # Since the episode's reset.
    parameters: tuple[float, ...]  # Of the episode.
    observation: tuple[npt.NDArray[Any], ...]  # The spec's fields, [field shape...] each.
    content: bytes  # The environment's own part.


def pack_state(spec: EnvSpec, state: SavedState) -> bytes:
    header = _HEADER.pack(spec.hash(), state.steps, len(state.parameters), len(state.content))
    rest = header + b"".join(map(_PARAMETER.pack, state.parameters))
    rest += b"".join(field.tobytes() for field in state.observation) + state.content
    return _START.pack(_MAGIC, crc32c(rest)) + rest


def unpack_state(spec: EnvSpec, packed: bytes) -> SavedState:
    """StateError: not bytes of `pack_state` with this spec."""
    if packed[: len(_MAGIC)] != _MAGIC or len(packed) < _START.size + _HEADER.size:
        raise StateError(f"the {len(packed)} bytes are no state that armature-serve has saved")
    rest = packed[_START.size :]
    if crc32c(rest) != _START.unpack_from(packed)[1]:
        raise StateError(f"the state is damaged: the checksum of its {len(packed)} bytes differs")
    spec_hash, steps, count, length = _HEADER.unpack_from(rest)
    if spec_hash != spec.hash():
        raise StateError(
            f"the state is of another environment: its spec hash is {spec_hash:016x}, that of "
            f"{spec.id} is {spec.hash():016x}"
        )
    place = _HEADER.size + count * _PARAMETER.size
    size = place + sum(field.size * field.dtype.itemsize for field in spec.observation) + length
    if count != len(spec.parameters) or len(rest) != size:
        raise StateError(f"the state holds {len(rest)} bytes, expected {size}")
    parameters = struct.unpack_from(f"<{count}d", rest, _HEADER.size)
    for parameter, value in zip(spec.parameters, parameters):
        if not parameter.low <= value <= parameter.high:
            raise StateError(f"the state has the parameter '{parameter.name}' at {value:g}")
    if 0 < spec.horizon <= steps:
        raise StateError(f"the state is of step {steps}, the horizon is {spec.horizon}")
    observation = []
    for field in spec.observation:
        values = np.frombuffer(rest, field.dtype, field.size, place).reshape(field.shape)
        if field.dtype.kind == "f" and not np.isfinite(values).all():
            raise StateError(f"the state has an observation '{field.name}' that is not finite")
        observation.append(values)
        place += values.nbytes
    return SavedState(steps, tuple(parameters), tuple(observation), rest[place:])


class StateKeeper:
    """Saves and restores one environment, through its wrappers."""

    def __init__(self, inner: Any, outer: list[Any]) -> None:
        """`inner` has the methods; `outer`: the wrappers around it."""
        self._inner = inner
        self._outer = outer

    @staticmethod
    def of(env: gym.Env[Any, Any]) -> StateKeeper | None:
        """None: it cannot save states."""
        inner, outer = _split(env)
        if inner is None or any(not _holds_nothing(layer) for layer in outer):
            return None
        return StateKeeper(inner, outer)

    def save(self) -> bytes:
        """MalformedError: not bytes; whatever the environment raises."""
        content = self._inner.save_state()
        if not isinstance(content, (bytes, bytearray, memoryview)):
            raise MalformedError(f"save_state gave a {type(content).__name__}, expected bytes")
        return bytes(content)

    def restore(self, content: bytes, steps: int) -> None:
        """To `steps` after the reset. StateError: refused; whatever the environment raises."""
        try:
            self._inner.restore_state(content)
        except ValueError as error:
            raise StateError(f"restore_state refuses the state: {error}") from error
        for layer in self._outer:
            if isinstance(layer, gym.wrappers.TimeLimit):
                layer._elapsed_steps = steps  # type: ignore[assignment]


def state_hindrance(env: gym.Env[Any, Any]) -> str:
    """Why states are not saved although the environment has the methods; "": they are, or
    it has none."""
    inner, outer = _split(env)
    for layer in outer:
        if inner is not None and not _holds_nothing(layer):
            return (
                f"{type(inner).__name__} has save_state, but {type(layer).__name__} around it may "
                "hold more: states are not saved; give that wrapper save_state and restore_state"
            )
    return ""


def _split(env: gym.Env[Any, Any]) -> tuple[Any, list[Any]]:
    """The outermost layer with both methods (None: no layer has), and those around it."""
    outer: list[Any] = []
    layer: Any = env
    while not _has_methods(layer):
        if not isinstance(layer, gym.Wrapper):
            return None, outer
        outer.append(layer)
        layer = layer.env
    return layer, outer


def _has_methods(layer: Any) -> bool:
    names = ("save_state", "restore_state")
    return all(callable(getattr(type(layer), name, None)) for name in names)


def _holds_nothing(layer: Any) -> bool:
    is_gymnasiums = type(layer).__module__.startswith("gymnasium.")
    return is_gymnasiums and isinstance(layer, _HOLD_NOTHING)

"""A worker process: reads its job from the socket to the server, then does what comes.

Frames (armature.serve.frames), the first byte says which:
- ``J`` and JSON, the job, comes first: ``{"source": .., "config": .., "options": ..}`` and,
  where it is to host slots, "slots": what SlotWorker takes.
- Slots: ``S`` step, ``B`` begin episodes; of one slot, with its row (4 bytes): ``R``
  render, ``F`` its episode's last state; ``V`` save the state, ``L`` and a state, restore
  it. Answers: ``D``, it is done; ``V`` and the state. Of one slot only: ``X`` and JSON, the
  state is refused; ``E`` and JSON, an error. Before an answer perhaps ``N`` and JSON, notices.
- A probe: ``P`` probe; ``C`` and a compute-reward request's tensors (ComputeRewardRequest
  on the wire). Answers: ``A`` and what was asked for (JSON; a ComputeRewardResponse);
  ``E`` and JSON: ``{"kind": .., "text": .., "traceback": ..}``.
It ends when the server's end of the socket closes.
Thread safety: one thread a process.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import random
import socket
import struct
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np

from armature import wire
from armature.errors import ArmatureError
from armature.serve.calls import CallLimits
from armature.serve.env_source import EnvSource, HostOptions, RefusedConfigError
from armature.serve.frames import FrameReader, pack
from armature.serve.probe_worker import ProbeWorker
from armature.serve.saved_state import StateError
from armature.serve.shared_batch import SharedBatch
from armature.serve.slot_worker import FaultError, SlotWorker
from armature.serve.user_errors import describe_error, describe_traceback
from armature.spec import EnvSpec
from armature.tensors import get_tensor, set_tensor

_CHUNK_BYTES = 1 << 14
_ROW = struct.Struct("<I")
_ERROR_CHARACTERS = 2000  # Statuses travel in metadata, which is capped at 16 KiB.
_TRACEBACK_CHARACTERS = 4000


def run(connection: int, batch: int = -1) -> int:
    """Serves on the socket `connection`; `batch`: descriptor of a SharedBatch. Exit status."""
    # Environments that use these generators against all advice shall not be twins.
    np.random.seed(int.from_bytes(os.urandom(4), "little"))
    random.seed(os.urandom(16))
    with socket.socket(fileno=connection) as server:
        try:
            _serve(server, batch)
        except (BrokenPipeError, ConnectionResetError):
            return 0  # The server has closed its end in the middle of a call.
    return 0


def _serve(server: socket.socket, batch: int) -> None:
    frames = _frames(server)
    job = next(frames, None)
    if job is None:
        return
    plan = json.loads(job[1:])
    source = EnvSource(**plan["source"])
    options = HostOptions(**plan["options"])
    if "slots" in plan:
        _host(server, frames, source, plan["config"], options, plan["slots"], batch)
    else:
        _answer(server, frames, source, plan["config"], options)


def _frames(server: socket.socket) -> Iterator[bytes]:
    reader = FrameReader()
    while True:
        chunk = server.recv(_CHUNK_BYTES)
        if not chunk:
            return
        yield from reader.feed(chunk)


def _host(
    server: socket.socket,
    frames: Iterator[bytes],
    source: EnvSource,
    config: dict[str, str],
    options: HostOptions,
    slots: dict[str, Any],
    batch_descriptor: int,
) -> None:
    gym.logger.min_level = gym.logger.ERROR  # The probe has shown the warnings.
    spec = EnvSpec.from_wire(wire.EnvSpec.FromString(base64.b64decode(slots["spec"])))
    batch = SharedBatch(spec, slots["group_size"], slots["workers"], batch_descriptor)
    batch.close_fd()
    worker = SlotWorker(
        source,
        config,
        options,
        spec,
        batch,
        slots["worker"],
        (slots["rows"][0], slots["rows"][1]),
        CallLimits(**slots["limits"]),
        renders=slots["renders"],
    )
    try:
        _run_slots(server, frames, worker)
    finally:
        worker.close()


def _run_slots(server: socket.socket, frames: Iterator[bytes], worker: SlotWorker) -> None:
    is_done = pack(b"D")
    for frame in frames:
        answer = is_done
        if frame == b"S":
            worker.step()
        elif frame == b"B":
            worker.begin()
        else:
            answer = pack(_ask_slot(worker, frame))
        notices = worker.take_notices()
        server.sendall(pack(b"N" + json.dumps(notices).encode()) + answer if notices else answer)


def slot_frame(opcode: bytes, row: int, content: bytes = b"") -> bytes:
    """What is asked of one slot: ``R``, ``F``, ``V`` or ``L``."""
    return opcode + _ROW.pack(row) + content


def _ask_slot(worker: SlotWorker, frame: bytes) -> bytes:
    (row,) = _ROW.unpack_from(frame, 1)
    try:
        if frame[:1] == b"V":
            return b"V" + worker.save_state(row)
        if frame[:1] == b"L":
            worker.restore_state(row, frame[1 + _ROW.size :])
        else:
            worker.render(row, last_state=frame[:1] == b"F")
        return b"D"
    except StateError as error:
        return b"X" + json.dumps(str(error)[:_ERROR_CHARACTERS]).encode()
    except FaultError as error:
        return _error("fault", str(error))
    except Exception as error:
        return _error("threw", describe_error(error), describe_traceback(error))


def _answer(
    server: socket.socket,
    frames: Iterator[bytes],
    source: EnvSource,
    config: dict[str, str],
    options: HostOptions,
) -> None:
    probe: ProbeWorker | None = None
    for frame in frames:
        try:
            if probe is None:
                probe = ProbeWorker(source, config, options)
            answer = b"A" + (_description(probe) if frame == b"P" else _rewards(probe, frame[1:]))
        except RefusedConfigError as error:
            answer = _error("config", str(error), describe_traceback(error.__cause__ or error))
        except ArmatureError as error:
            answer = _error("refused", str(error))
        except Exception as error:
            answer = _error("threw", describe_error(error), describe_traceback(error))
        server.sendall(pack(answer))
    if probe is not None:
        probe.close()


def _description(probe: ProbeWorker) -> bytes:
    spec = probe.spec.to_wire().SerializeToString()
    description = {
        "spec": base64.b64encode(spec).decode(),
        "step_s": probe.step_s,
        "modules": probe.modules(),
        "warnings": probe.warnings,
        "goal_refusal": probe.goal_refusal,
    }
    return json.dumps(description).encode()


def _rewards(probe: ProbeWorker, request_bytes: bytes) -> bytes:
    # The server has checked the tensors.
    request = wire.ComputeRewardRequest.FromString(request_bytes)
    field = probe.spec.field(probe.spec.achieved_field)
    goals = []
    for tensor in (request.achieved_goal, request.desired_goal):
        goals.append(get_tensor(tensor, tensor.dtype, (-1, *field.shape), "goal"))
    extra = [
        get_tensor(tensor, tensor.dtype, (-1, *field.shape), field.name)
        for tensor, field in zip(request.extra, probe.spec.goal_extra)
    ]
    reward, terminated = probe.compute_reward(goals[0], goals[1], extra)
    response = wire.ComputeRewardResponse()
    set_tensor(response.reward, reward)
    set_tensor(response.terminated, terminated)
    return bytes(response.SerializeToString())


def _error(kind: str, text: str, traceback: str = "") -> bytes:
    error = {
        "kind": kind,
        "text": text[:_ERROR_CHARACTERS],
        "traceback": traceback[-_TRACEBACK_CHARACTERS:],
    }
    return b"E" + json.dumps(error).encode()


def job_frame(
    source: EnvSource,
    config: dict[str, str],
    options: HostOptions,
    slots: dict[str, Any] | None = None,
) -> bytes:
    """What a worker has to be sent first."""
    job: dict[str, Any] = {
        "source": dataclasses.asdict(source),
        "config": config,
        "options": dataclasses.asdict(options),
    }
    if slots is not None:
        job["slots"] = slots
    return b"J" + json.dumps(job).encode()

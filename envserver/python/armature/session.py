"""One session on one env server: the client's end of ``proto/env_service.proto``.

Data flow: send_actions | send_reset -> stream -> receive -> Step.
Call order: RemoteSession (send_actions receive | send_reset receive | render | save_state |
restore_state)* close; set_parameters at any time before close.
Thread safety: one thread at a time; the session's own thread only renews its lease and
cuts off a wait that lasts longer than `timeout_s`. A session belongs to the process that
opened it: gRPC does not survive a fork, so a forked child's calls are refused.
Bounds: one message is outstanding at most.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import re
import socket
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt

from armature import wire
from armature.connection import SERVICE, Array, Connection
from armature.errors import ArmatureError, ServerError, WireError
from armature.spec import EnvSpec, FieldSpec
from armature.stream import RolloutStream, open_stream
from armature.tensors import NUMPY_DTYPES, WIRE_DTYPES, get_flags, get_tensor
from armature.transport import check_handshake, make_handshake, new_incarnation
from armature.watch import Watch

_FLOAT32 = WIRE_DTYPES[np.dtype("<f4")]
_FLOAT64 = WIRE_DTYPES[np.dtype("<f8")]
_UINT8 = WIRE_DTYPES[np.dtype("u1")]
# How long a clean end may take before the stream is cut.
_CLOSE_TIMEOUT_S = 2.0
# Heartbeats in one lease: two may be late or lost.
_HEARTBEATS_PER_LEASE = 3.0


@dataclasses.dataclass(frozen=True)
class Step:
    """What came of one step, or of a reset, of `n` slots. The arrays are read-only.

    Where an episode ended, `observation` is already the next episode's first, and
    `final_observation` the one in which it ended: row k belongs to slot `final_slot[k]`.
    `restarted`: the slot's simulator failed and was replaced; the step is void.
    """

    observation: tuple[Array, ...]  # One array a field of the spec, [n, field shape...].
    reward: Array  # float32 [n]
    terminated: npt.NDArray[np.bool_]  # [n], as the next three.
    truncated: npt.NDArray[np.bool_]
    restarted: npt.NDArray[np.bool_]
    is_success: npt.NDArray[np.bool_]
    final_slot: tuple[int, ...]  # Ascending.
    final_observation: tuple[Array, ...]  # One array a field, [k, field shape...]; k may be 0.
    fault: tuple[str, ...]  # A line for each simulator that was replaced.
    metric: Array  # float32 [n, m], the spec's metrics; 0 where nothing was stepped.
    goal_extra: tuple[Array, ...]  # float32 [n, field shape...] each, likewise.
    parameter: Array  # float64 [n, p], what each slot's present episode began with.
    executed_action: Array  # float32 [n, A], 0 where nothing was stepped; A is 0 if none comes.


class RemoteSession:
    """`num_envs` slots of one environment on one server.

    The first observations are received when it is opened: `first`. Slot i is seeded from
    (seed, first_slot + i, number of its episodes so far), so that equal numbers give equal
    episodes on whatever server.
    Errors: ServerError, naming the address; WireError: the server sent what proto/ forbids.
    Either ends the session, and later calls raise it again.
    """

    def __init__(
        self,
        connection: Connection,
        env_id: str,
        num_envs: int,
        *,
        config: Mapping[str, str],
        seed: int,
        first_slot: int = 0,
        parameters: Mapping[str, float] | None = None,
        renders: bool = False,
    ) -> None:
        """`parameters`: of every slot from its first episode on, as set_parameters.

        `renders`: pictures of last states will be asked for.
        """
        connection.check_process()
        self.address = connection.address
        self.num_envs = num_envs
        self._connection = connection
        self._awaiting = ""  # What the outstanding message was; empty: it is our turn.
        self._failure: ArmatureError | None = None
        self._stream = open_stream(connection.channel, SERVICE + "Rollout")
        self._keeper = _Keeper(self._stream, connection.timeout_s)
        # Also where the user forgets close(); the thread does not keep the session alive.
        self._end = weakref.finalize(self, _end, self._stream, self._keeper, os.getpid())
        self._actions = wire.RolloutRequest()
        self._actions.actions.action.dtype = _FLOAT32
        request = wire.RolloutRequest()
        request.open.handshake.CopyFrom(make_handshake(_peer_name(), new_incarnation()))
        request.open.env_id = env_id
        request.open.env_config.update(config)
        request.open.num_envs = num_envs
        request.open.num_groups = 1
        request.open.seed = seed
        request.open.first_slot = first_slot
        request.open.parameters.update(parameters or {})
        request.open.renders = renders
        self._send(request, f"OpenSession of {num_envs} slots of {env_id}")
        opened = self._receive("opened")
        try:
            check_handshake(opened.handshake)
            self.spec = EnvSpec.from_wire(opened.spec)
            self.session_id = int(opened.session_id)
            if not (math.isfinite(opened.lease_s) and opened.lease_s > 0):
                raise WireError(f"opened.lease_s is {opened.lease_s}, expected > 0")
        except ArmatureError as error:
            raise self._fail(WireError(f"env server at {self.address}: {error}")) from None
        self._keeper.renew_every(opened.lease_s / _HEARTBEATS_PER_LEASE)
        self._action_shape = (num_envs, self.spec.action.size)
        self._actions.actions.action.shape[:] = self._action_shape
        self._next_step = 0
        self._awaiting = "the first observations"
        self.first = self.receive()

    @property
    def ended(self) -> bool:
        """Whether an error or close() has ended it."""
        return self._failure is not None

    @property
    def awaiting(self) -> bool:
        """Whether an answer is to be received."""
        return bool(self._awaiting)

    def send_actions(self, action: npt.NDArray[np.float32]) -> None:
        """Steps every slot. `action`: [num_envs, size], rows as ActionSpec.to_rows gives them.

        ArmatureError: another shape or a value that is not finite; nothing was sent.
        """
        if action.shape != self._action_shape:
            raise ArmatureError(
                f"action: shape is {list(action.shape)}, expected {list(self._action_shape)}"
            )
        if not np.isfinite(action).all():
            row, column = np.argwhere(~np.isfinite(action))[0]
            raise ArmatureError(
                f"action[{row},{column}] is {action[row, column]}, expected a finite value"
            )
        self._check_turn()
        # The message is free again: its answer has come.
        self._actions.actions.step = self._next_step - 1
        self._actions.actions.action.packed = action.astype("<f4", copy=False).tobytes()
        self._send(self._actions, f"step {self._next_step}")

    def send_reset(self, seed: int | Sequence[int] | None) -> None:
        """Begins a new episode in every slot: with a seed the first one, else the next.

        A sequence has a seed for each slot: as if it were slot 0 of a session of its own.
        """
        self._check_turn()
        request = wire.RolloutRequest()
        request.reset.group = 0
        request.reset.step = self._next_step - 1
        if isinstance(seed, int):
            request.reset.seed = seed
        elif seed is not None:
            request.reset.slot_seeds.extend(seed)
        self._send(request, "ResetGroup")
        self._next_step = 0

    def receive(self) -> Step:
        """The answer to what was sent last."""
        batch = self._receive("step")
        try:
            step = self._decode(batch)
        except WireError as error:
            raise self._fail(WireError(f"env server at {self.address}: {error}")) from None
        self._next_step += 1
        return step

    def render(self, slot: int, *, last_state: bool = False) -> npt.NDArray[np.uint8]:
        """A picture of a slot, [height, width, 3], top row first.

        `last_state`: as its episode ended in the last step, for a session that `renders`.
        """
        self._check_turn()
        request = wire.RolloutRequest()
        request.render.slot = slot
        request.render.last_state = last_state
        self._send(request, f"RenderRequest of slot {slot}")
        frame = self._receive("frame")
        shape = (self.spec.render_height_px, self.spec.render_width_px, 3)
        try:
            if frame.slot != slot:
                raise WireError(f"frame.slot is {frame.slot}, expected {slot}")
            return get_tensor(frame.rgb, _UINT8, shape, "frame.rgb", copy=True)
        except WireError as error:
            raise self._fail(WireError(f"env server at {self.address}: {error}")) from None

    def save_state(self, slot: int) -> bytes:
        """The state of a slot, for env servers to read; changes nothing."""
        self._check_turn()
        request = wire.RolloutRequest()
        request.save.slot = slot
        self._send(request, f"SaveState of slot {slot}")
        state = self._receive("state")
        if state.slot != slot:
            reason = f"env server at {self.address}: state.slot is {state.slot}, expected {slot}"
            raise self._fail(WireError(reason))
        return bytes(state.state)

    def restore_state(self, slot: int, state: bytes) -> tuple[Array, ...]:
        """Puts a slot back; the observation there, an array [field shape...] for each field.

        ArmatureError: the bytes are refused; nothing has changed, and the session goes on.
        """
        self._check_turn()
        request = wire.RolloutRequest()
        request.restore.slot = slot
        request.restore.state = state
        self._send(request, f"RestoreState of slot {slot}")
        restored = self._receive("restored")
        if restored.refusal:
            raise ArmatureError(f"env server at {self.address}: {restored.refusal}")
        try:
            if restored.slot != slot:
                raise WireError(f"restored.slot is {restored.slot}, expected {slot}")
            return self._get_observation(restored.observation, (), "restored.observation")
        except WireError as error:
            raise self._fail(WireError(f"env server at {self.address}: {error}")) from None

    def watch(self, slot: int) -> Watch:
        """What that slot shows, from its next step or reset on."""
        self._check_turn()
        return Watch(self._connection, self.session_id, slot)

    def set_parameters(self, values: Mapping[str, float], slots: Sequence[int] = ()) -> None:
        """Of the episodes that later messages begin; no `slots`: of every one.

        The spec has to have them (EnvSpec.check_parameters): the server ends the session else.
        """
        self._connection.check_process()
        if self._failure is not None:
            raise self._failure
        request = wire.RolloutRequest()
        request.parameters.values.update(values)
        request.parameters.slot.extend(slots)
        self._put(request)  # It has no answer to be awaited.

    def close(self) -> None:
        """Gives the slots back. May be called again."""
        if self._failure is None and not self._awaiting and self._end.alive:
            self._keeper.cut_off_in(_CLOSE_TIMEOUT_S)
            with contextlib.suppress(grpc.RpcError):  # Gone already, or cut off.
                self._stream.half_close()  # The server ends the stream.
                self._stream.receive()
        self._fail(ArmatureError(f"the session on the env server at {self.address} is closed"))

    def _check_turn(self) -> None:
        self._connection.check_process()
        if self._failure is not None:
            raise self._failure
        if self._awaiting:
            raise ArmatureError(f"the answer to {self._awaiting} has not been received yet")

    def _send(self, request: Any, what: str) -> None:
        self._awaiting = what
        self._put(request)

    def _put(self, request: Any) -> None:
        self._keeper.sent_at = self._keeper.waiting_since = time.monotonic()
        try:
            self._stream.send(request)
        finally:
            self._keeper.waiting_since = None

    def _receive(self, kind: str) -> Any:
        """The member `kind` of the next response."""
        self._connection.check_process()
        if self._failure is not None:
            raise self._failure
        what = self._awaiting
        try:
            self._keeper.waiting_since = time.monotonic()
            response = self._stream.receive()
        except grpc.RpcError as error:
            if self._keeper.cut_off:
                reason = f"{what}: no answer for {self._keeper.timeout_s:g} s (timeout_s)"
                raise self._fail(ServerError(self.address, "DEADLINE_EXCEEDED", reason)) from None
            raise self._fail(self._connection.error(error, what)) from None
        except BaseException as error:  # E.g. KeyboardInterrupt; the answer may come yet.
            self._fail(ArmatureError(f"{what}: interrupted by {type(error).__name__}"))
            raise
        finally:
            self._keeper.waiting_since = None
        self._keeper.sent_at = time.monotonic()
        if response is None:
            reason = f"{what}: the server closed the session"
            raise self._fail(ServerError(self.address, "CANCELLED", reason))
        if response.WhichOneof("kind") != kind:
            got = response.WhichOneof("kind")
            reason = f"env server at {self.address}: sent {got}, expected {kind}"
            raise self._fail(WireError(reason))
        self._awaiting = ""
        return getattr(response, kind)

    def _fail(self, error: ArmatureError) -> ArmatureError:
        """Ends the session; the first reason stays."""
        if self._failure is None:
            self._failure = error
            self._end()
        return error

    def _decode(self, batch: Any) -> Step:
        n = self.num_envs
        if batch.group != 0 or batch.step != self._next_step:
            raise WireError(
                f"StepBatch is of group {batch.group} step {batch.step}, expected group 0 "
                f"step {self._next_step}"
            )
        terminated = get_flags(batch.terminated, [n], "terminated")
        truncated = get_flags(batch.truncated, [n], "truncated")
        restarted = get_flags(batch.restarted, [n], "restarted")
        final_slot = tuple(batch.final_slot)
        if final_slot or any(map(np.count_nonzero, (terminated, truncated, restarted))):
            _check_ends(terminated, truncated, restarted, final_slot)
        observation = self._get_observation(batch.observation, (n,), "observation")
        final_observation: tuple[Array, ...] = ()
        if final_slot:
            final_observation = self._get_observation(
                batch.final_observation, (len(final_slot),), "final_observation"
            )
        return Step(
            observation,
            get_tensor(batch.reward, _FLOAT32, [n], "reward"),
            terminated,
            truncated,
            restarted,
            get_flags(batch.is_success, [n], "is_success"),
            final_slot,
            final_observation,
            tuple(batch.fault),
            self._get_table(batch.metric, _FLOAT32, len(self.spec.metrics), "metric"),
            self._get_fields(batch.goal_extra, self.spec.goal_extra, (n,), "goal_extra"),
            self._get_table(batch.parameter, _FLOAT64, len(self.spec.parameters), "parameter"),
            self._get_executed(batch, restarted),
        )

    def _get_executed(self, batch: Any, restarted: npt.NDArray[np.bool_]) -> Array:
        """[n, A]; [n, 0] if the spec reports none. WireError: not within the action's bounds."""
        action = self.spec.action
        size = action.size if self.spec.reports_executed_action else 0
        rows = self._get_table(batch.executed_action, _FLOAT32, size, "executed_action")
        if size and batch.step > 0:
            action.check_bounds(rows, "executed_action", ~restarted)
        return rows

    def _get_table(self, tensor: Any, dtype: int, columns: int, name: str) -> Array:
        """[n, columns]; absent where there are no columns."""
        if not columns:
            return np.zeros((self.num_envs, 0), NUMPY_DTYPES[dtype])
        return get_tensor(tensor, dtype, [self.num_envs, columns], name)

    def _get_observation(self, tensors: Any, rows: tuple[int, ...], name: str) -> tuple[Array, ...]:
        return self._get_fields(tensors, self.spec.observation, rows, name)

    def _get_fields(
        self, tensors: Any, fields: Sequence[FieldSpec], rows: tuple[int, ...], name: str
    ) -> tuple[Array, ...]:
        """[rows..., field shape...] of each field."""
        if len(tensors) != len(fields):
            raise WireError(f"{name}: {len(tensors)} fields came, expected {len(fields)}")
        return tuple(
            get_tensor(
                tensor,
                WIRE_DTYPES[field.dtype],
                (*rows, *field.shape),
                f"{name} '{field.name}'",
            )
            for tensor, field in zip(tensors, fields)
        )


class _Keeper:
    """A session's thread: cuts off a wait that is too long, renews the lease while we are silent.

    A learner may take long between two steps; the server would think it gone.
    Thread safety: the session's thread sets the attributes, each in one assignment.
    """

    def __init__(self, stream: RolloutStream, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.sent_at = time.monotonic()
        self.waiting_since: float | None = None
        self.cut_off = False
        self._stream = stream
        self._heartbeat_s = math.inf  # Until the lease is known.
        self._stopped = False
        self._wake = threading.Event()
        threading.Thread(target=self._run, name="armature-session", daemon=True).start()

    def renew_every(self, heartbeat_s: float) -> None:
        self._heartbeat_s = heartbeat_s
        self._wake.set()

    def cut_off_in(self, timeout_s: float) -> None:
        """Begins a wait with a timeout of its own."""
        self.timeout_s = timeout_s
        self.waiting_since = time.monotonic()
        self._wake.set()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            self._wake.wait(self._act())

    def _act(self) -> float:
        """Does what is due; returns the seconds until something may be."""
        now = time.monotonic()
        waiting_since = self.waiting_since
        if waiting_since is not None:
            left_s = waiting_since + self.timeout_s - now
            if left_s <= 0:
                self.cut_off = True
                self._stream.cancel()
                self.stop()
            return max(0.0, min(left_s, self._heartbeat_s))  # The wait may end at any time.
        left_s = self.sent_at + self._heartbeat_s - now
        if left_s <= 0:
            self._stream.send_heartbeat()
            self.sent_at = now
            left_s = self._heartbeat_s
        # A wait may begin meanwhile, and be over `timeout_s` after that at the earliest.
        return min(left_s, self.timeout_s)


def _end(stream: RolloutStream, keeper: _Keeper, process: int) -> None:
    if os.getpid() != process:
        return  # A forked child: the stream is its parent's.
    keeper.stop()
    stream.end()


def _check_ends(
    terminated: npt.NDArray[np.bool_],
    truncated: npt.NDArray[np.bool_],
    restarted: npt.NDArray[np.bool_],
    final_slot: tuple[int, ...],
) -> None:
    """WireError: the flags, [n], contradict each other or `final_slot`."""
    ended = terminated | truncated
    if (terminated & truncated).any() or (ended & restarted).any():
        raise WireError("terminated, truncated and restarted: two are set in one slot")
    if final_slot != tuple(np.flatnonzero(ended).tolist()):
        raise WireError(
            f"final_slot is {list(final_slot)}, expected the slots that ended, "
            f"{np.flatnonzero(ended).tolist()}"
        )


def _peer_name() -> str:
    host = re.sub(r"[^A-Za-z0-9_.-]", "_", socket.gethostname())
    return f"python-{host[:40]}-{os.getpid()}"

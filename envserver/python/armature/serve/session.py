"""One client's session: what each message does, in which state it is legal, what is sent.

Data flow: Rollout stream -> `_read` -> SlotGroup -> outbox -> `_write` -> Rollout stream.
Call order: `serve`, once; see proto/env_service.proto for the order of messages.
Lease: counts while it is the client's turn, from its last message or the last batch sent
to it. A stream that has sent nothing at all has one, too. A client that does not read is
cut off one lease after its session has ended.
Bounds: at most `opened` and one message a group wait to be written.
Thread safety: none; everything happens on one event loop and nothing blocks it.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import enum
import logging
from collections.abc import Sequence
from typing import Any

import grpc

from armature import wire
from armature.errors import ArmatureError, WireError
from armature.serve.calls import CallLimits
from armature.serve.catalog import Catalog, Hosted
from armature.serve.durations import format_duration
from armature.serve.metrics import ServerMetrics
from armature.serve.session_rules import (
    INVALID,
    came_before_opened,
    came_out_of_turn,
    check_last_state,
    check_open,
    check_parameters,
    check_question,
    check_slot,
    check_spec,
)
from armature.serve.session_table import SessionTable
from armature.serve.slot_group import SlotGroup, SlotPlan, SlotSeed, StepOutcome
from armature.serve.status import RefusalError, Status
from armature.serve.user_errors import describe_error
from armature.serve.workers import WorkerPool
from armature.spec import EnvSpec
from armature.transport import make_handshake

# One more process costs about 0.1 ms of every batch, for waking it: it has to take over
# more than that.
_WORKER_PAYS_S = 0.25e-3

# What is asked of one slot, by the member of RolloutRequest.
_QUESTIONS = {"render": "RenderRequest", "save": "SaveState", "restore": "RestoreState"}
_log = logging.getLogger("armature.serve")


@dataclasses.dataclass(frozen=True)
class SessionContext:
    """What the sessions of one server share."""

    catalog: Catalog
    pool: WorkerPool
    table: SessionTable
    metrics: ServerMetrics
    server_name: str
    incarnation: int
    lease_s: float
    workers: int  # Processes a group; 0: as many as pay, up to `cpus`.
    cpus: int
    limits: CallLimits


class _Turn(enum.Enum):
    SERVER = 0
    QUEUED = 1  # The answer waits to be written.
    CLIENT = 2


@dataclasses.dataclass
class _Group:
    slots: SlotGroup
    turn: _Turn = _Turn.SERVER
    step: int = 0  # Of its last batch.
    since: float = 0.0  # When the turn began.


@dataclasses.dataclass(frozen=True)
class _Response:
    """A RolloutResponse to be written; `group` < 0: SessionOpened."""

    serialized: bytes
    group: int = -1
    step: int = 0


class Session:
    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._status: asyncio.Future[Status] = self._loop.create_future()
        self._heard = self._loop.time()  # What the lease counts from.
        self._lease: asyncio.TimerHandle | None = None
        self._opening: asyncio.Task[None] | None = None
        self._half_closed = False
        self._client = ""
        self._env_id = ""
        self._config: dict[str, str] = {}
        self._session_id = 0
        self._spec: EnvSpec | None = None
        self._renders = False
        self._group_size = 0
        self._groups: list[_Group] = []
        self._outbox: collections.deque[_Response] = collections.deque()
        self._writing = False
        self._mail = asyncio.Event()
        self._faults = 0

    async def serve(self, stream: Any) -> Status:
        """Runs the session on a grpc.aio.ServicerContext; how it is to end.

        CancelledError: the client has broken the stream.
        """
        self._schedule_lease(self._heard + self._context.lease_s)
        reader = asyncio.ensure_future(self._read(stream))
        writer = asyncio.ensure_future(self._write(stream))
        try:
            status = await asyncio.shield(self._status)
            if self._writing:
                # What is being written has one more lease before it is cut off.
                await asyncio.wait({writer}, timeout=self._context.lease_s)
            return status
        finally:
            self._end(Status(grpc.StatusCode.CANCELLED, "the client ended the stream"))
            for task in (reader, writer):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _read(self, stream: Any) -> None:
        while not self._status.done():
            try:
                request = await stream.read()
            except Exception:  # grpc.aio has no other word for a broken stream.
                return self._end(Status(grpc.StatusCode.CANCELLED, "the stream broke"))
            if request is grpc.aio.EOF:
                self._half_closed = True
                return self._end_if_answered()
            self._heard = self._loop.time()
            if self._opening is not None and request.WhichOneof("kind") == "parameters":
                # Legal before SessionOpened, but only the spec says what there is.
                await asyncio.wait({self._opening})
            try:
                self._on_message(request)
            except Exception as error:
                self._refuse_for(error)

    async def _write(self, stream: Any) -> None:
        while not self._status.done():
            if not self._outbox:
                self._end_if_answered()
                self._mail.clear()
                await self._mail.wait()
                continue
            response = self._outbox.popleft()
            self._heard = self._loop.time()
            if response.group >= 0:
                group = self._groups[response.group]
                group.turn, group.step, group.since = _Turn.CLIENT, response.step, self._heard
            self._writing = True
            try:
                await stream.write(response.serialized)
            except Exception:
                return self._end(Status(grpc.StatusCode.CANCELLED, "the stream broke"))
            finally:
                self._writing = False

    def _on_message(self, request: Any) -> None:
        """RefusalError: what came is not legal, or cannot be done."""
        kind = request.WhichOneof("kind")
        if kind == "actions":
            self._on_actions(request.actions)
        elif kind == "open":
            self._on_open(request.open)
        elif kind == "reset":
            self._on_reset(request.reset)
        elif kind == "parameters":
            self._on_parameters(request.parameters)
        elif kind in _QUESTIONS:
            self._on_question(_QUESTIONS[kind], getattr(request, kind))
        elif kind is None:
            raise RefusalError(
                INVALID,
                "RolloutRequest is empty, expected open, actions, reset, render, save, restore, "
                "parameters or heartbeat",
            )

    def _on_open(self, request: Any) -> None:
        if self._opening is not None:
            raise RefusalError(INVALID, "OpenSession came twice, expected once")
        self._client = request.handshake.peer_name
        self._env_id = request.env_id
        check_open(request)
        self._session_id = self._context.table.acquire(request.num_envs, self._end, self._client)
        self._opening = asyncio.ensure_future(self._open(request))

    async def _open(self, request: Any) -> None:
        try:
            self._config = dict(request.env_config)
            hosted = await self._context.catalog.describe(request.env_id, self._config)
            check_spec(hosted.spec, hosted.spec_hash, request)
            self._begin(hosted, request)
        except Exception as error:
            self._refuse_for(error)

    def _begin(self, hosted: Hosted, request: Any) -> None:
        if self._status.done():
            return
        context = self._context
        self._spec = spec = hosted.spec
        self._group_size = request.num_envs // request.num_groups
        self._renders = request.renders
        chosen = check_parameters(spec, "OpenSession.parameters", request.parameters)
        plan = SlotPlan(
            context.catalog.source(request.env_id),
            self._config,
            context.catalog.options,
            spec,
            self._group_size,
            request.seed,
            request.first_slot,
            self._workers_of(hosted),
            context.limits,
            tuple(chosen.get(i, known.initial) for i, known in enumerate(spec.parameters)),
            request.renders,
        )
        response = wire.RolloutResponse()
        opened = response.opened
        opened.handshake.CopyFrom(make_handshake(context.server_name, context.incarnation))
        opened.session_id = self._session_id
        opened.spec.CopyFrom(spec.to_wire())
        opened.spec_hash = hosted.spec_hash
        opened.lease_s = context.lease_s
        self._send(_Response(response.SerializeToString()))
        for index in range(request.num_groups):
            self._groups.append(_Group(SlotGroup(plan, index, context.pool)))
        for index in range(request.num_groups):
            if self._status.done():  # The one before could not begin.
                return
            self._reset(index, [])
        _log.info(
            "session %d: %s opened %d slots of %s",
            *(self._session_id, self._client, request.num_envs, self._env_id),
        )

    def _workers_of(self, hosted: Hosted) -> int:
        if self._context.workers:
            return self._context.workers
        paying = int(self._group_size * hosted.step_s / _WORKER_PAYS_S)
        return min(max(paying, 1), self._context.cpus)

    def _on_actions(self, actions: Any) -> None:
        group = self._checked_turn("ActionBatch", actions)
        try:
            group.slots.read_action(actions.action)
        except WireError as error:
            raise RefusalError(
                INVALID, f"ActionBatch of group {actions.group} step {actions.step}: {error}"
            ) from error
        self._context.metrics.actions_wait.observe(self._heard - group.since)
        group.turn, group.since = _Turn.SERVER, self._heard
        index = actions.group
        group.slots.step(lambda outcome: self._on_stepped(index, outcome))

    def _on_reset(self, reset: Any) -> None:
        group = self._checked_turn("ResetGroup", reset)
        each = len(reset.slot_seeds)
        if each and (reset.HasField("seed") or each != self._group_size):
            raise RefusalError(
                INVALID,
                f"ResetGroup of group {reset.group}: {each} slot_seeds"
                f"{' beside a seed' if reset.HasField('seed') else ''}, expected none or "
                f"{self._group_size} and no seed",
            )
        seeds: list[SlotSeed] = [(seed, 0) for seed in reset.slot_seeds]
        if reset.HasField("seed"):
            seeds = group.slots.seeds_from(reset.seed)
        group.turn, group.since = _Turn.SERVER, self._heard
        self._reset(reset.group, seeds)

    def _reset(self, index: int, seeds: Sequence[SlotSeed]) -> None:
        slots = self._groups[index].slots
        slots.reset(seeds, lambda outcome: self._on_stepped(index, outcome))

    def _on_question(self, kind: str, request: Any) -> None:
        """A RenderRequest, SaveState or RestoreState."""
        if self._spec is None:
            raise came_before_opened(kind)
        check_slot(kind, request.slot, len(self._groups) * self._group_size)
        index, row = divmod(request.slot, self._group_size)
        group = self._groups[index]
        if group.turn is not _Turn.CLIENT:
            raise came_out_of_turn(f"{kind} of slot {request.slot}", index)
        check_question(self._spec, kind)
        if kind == "RenderRequest" and request.last_state:
            check_last_state(self._renders, group.slots.has_ended(row), request.slot)
        group.turn, group.since = _Turn.SERVER, self._heard

        def on_answered(outcome: StepOutcome) -> None:
            self._on_answered(index, outcome)

        if kind == "RenderRequest":
            group.slots.render(row, request.last_state, on_answered)
        elif kind == "SaveState":
            group.slots.save_state(row, on_answered)
        else:
            group.slots.restore_state(row, request.state, on_answered)

    def _on_parameters(self, request: Any) -> None:
        if self._spec is None:
            raise came_before_opened("SetParameters")
        values = check_parameters(self._spec, "SetParameters", request.values)
        slots = len(self._groups) * self._group_size
        for slot in request.slot:
            check_slot("SetParameters", slot, slots)
        for slot in request.slot or range(slots):
            index, row = divmod(slot, self._group_size)
            self._groups[index].slots.set_parameters(row, values)

    def _checked_turn(self, kind: str, request: Any) -> _Group:
        """The group of an ActionBatch or ResetGroup, whose turn it is."""
        if self._spec is None:
            raise came_before_opened(kind)
        index = request.group
        if index >= len(self._groups):
            raise RefusalError(
                INVALID, f"{kind}.group is {index}, expected 0..{len(self._groups) - 1}"
            )
        group = self._groups[index]
        if group.turn is not _Turn.CLIENT:
            raise came_out_of_turn(f"{kind} of group {index}", index)
        if request.step != group.step:
            raise RefusalError(
                INVALID,
                f"{kind} of group {index}: step is {request.step}, expected {group.step}",
            )
        return group

    def _on_stepped(self, index: int, outcome: StepOutcome) -> None:
        if self._status.done():
            return
        stepped = self._group_size if outcome.error is None and outcome.step > 0 else 0
        self._context.metrics.count_step(
            self._env_id, stepped, outcome.episodes, outcome.outside, outcome.causes
        )
        for notice in outcome.notices:
            self._context.catalog.note(self._env_id, self._config, **notice)
        if outcome.error is not None:
            self._refuse(outcome.error.code, outcome.error.message)
            if any(outcome.tracebacks):
                _log.warning("session %d: traceback\n%s", self._session_id, outcome.tracebacks[0])
            return
        group = self._groups[index]
        if stepped:
            self._context.metrics.step_duration.observe(self._loop.time() - group.since)
        self._log_faults(outcome)
        group.turn = _Turn.QUEUED
        self._send(_Response(outcome.response, index, outcome.step))

    def _on_answered(self, index: int, outcome: StepOutcome) -> None:
        if self._status.done():
            return
        if outcome.error is not None:
            return self._refuse(outcome.error.code, outcome.error.message)
        self._groups[index].turn = _Turn.QUEUED
        self._send(_Response(outcome.response, index, outcome.step))

    def _send(self, response: _Response) -> None:
        self._outbox.append(response)
        self._mail.set()

    def _end_if_answered(self) -> None:
        """Once the client will send no more and all it sent is answered, the stream ends OK."""
        opening = self._opening is not None and not self._opening.done()
        if not self._half_closed or opening or self._outbox or self._writing:
            return
        if all(group.turn is _Turn.CLIENT for group in self._groups):
            self._end(Status(grpc.StatusCode.OK, ""))

    def _refuse_for(self, error: Exception) -> None:
        if isinstance(error, RefusalError):
            return self._refuse(error.code, error.message)
        if not isinstance(error, (ArmatureError, OSError)):
            _log.exception("session %d: a defect of this server", self._session_id)
        self._refuse(grpc.StatusCode.INTERNAL, describe_error(error))

    def _refuse(self, code: grpc.StatusCode, message: str) -> None:
        """Counts, and ends with the server's and environment's names before the message."""
        if self._status.done():
            return
        self._context.metrics.count_refusal(code)
        place = f"env server {self._context.server_name}"
        if self._env_id:
            place += f", env {self._env_id}"
        self._end(Status(code, f"{place}: {message}"))

    def _end(self, status: Status) -> None:
        """Frees the slots at once. What is being written goes out, nothing after it."""
        if self._status.done():
            return
        self._status.set_result(status)
        quiet = status.is_ok or status.code is grpc.StatusCode.CANCELLED
        _log.log(
            logging.INFO if quiet else logging.WARNING,
            "session %d of %s ended: %s",
            self._session_id,
            self._client or "an unnamed client",
            "OK" if status.is_ok else f"{status.code.name}: {status.message}",
        )
        if self._lease is not None:
            self._lease.cancel()
        if self._session_id:
            self._context.table.free(self._session_id)
        for group in self._groups:
            group.slots.close()
        self._outbox.clear()
        self._mail.set()

    def _schedule_lease(self, deadline: float) -> None:
        self._lease = self._loop.call_at(deadline, self._on_lease_due)

    def _on_lease_due(self) -> None:
        now = self._loop.time()
        servers_turn = self._opening is not None and not self._opening.done()
        servers_turn |= any(group.turn is _Turn.SERVER for group in self._groups)
        lease_s = self._context.lease_s
        deadline = (now if servers_turn else self._heard) + lease_s
        if now < deadline:
            return self._schedule_lease(deadline)
        self._context.metrics.leases_expired.inc()
        self._end(
            Status(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"env server {self._context.server_name}: nothing came for "
                f"{format_duration(lease_s)}: the session lost its slots",
            )
        )

    def _log_faults(self, outcome: StepOutcome) -> None:
        for fault, traceback in zip(outcome.faults, outcome.tracebacks):
            # The 1st, 2nd, 4th, 8th ...: a simulator that always breaks must not fill the log.
            self._faults += 1
            if self._faults & (self._faults - 1) == 0:
                shown = f"\n{traceback}" if traceback else ""
                _log.warning(
                    "session %d: %s (%d so far)%s",
                    *(self._session_id, fault, self._faults, shown),
                )

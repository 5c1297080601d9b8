"""The slots of one group of a session, spread over worker processes.

Data flow: `step` | `reset` -> one frame to each worker -> their answers -> completion, called
with the packed answer; `render` | `save_state` | `restore_state` -> one slot's worker alike.
Faults: what a worker survives it mends itself (armature.serve.slot_worker). A worker that
ends, or whose environment hangs, is replaced here; all of its slots begin new episodes.
Call order: reset (step | reset | render | save_state | restore_state)* close; nothing is asked
before the last completion was called; set_parameters at any time. After a completion with
an error the group is of no more use.
Thread safety: none; everything happens on one event loop and nothing blocks it.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence

import grpc
import numpy as np

from armature import wire
from armature.errors import ArmatureError
from armature.serve.calls import Call, CallLimits, describe_hung
from armature.serve.env_source import EnvSource, HostOptions
from armature.serve.shared_batch import SharedBatch
from armature.serve.slot_worker import START_ATTEMPTS, Cause
from armature.serve.status import Status
from armature.serve.worker import job_frame, slot_frame
from armature.serve.workers import Worker, WorkerPool
from armature.spec import EnvSpec
from armature.tensors import get_tensor, set_tensor
from armature.transport import MESSAGE_BYTES_MAX

_FLOAT32 = 1  # proto/tensor.proto: DTYPE_FLOAT32.

# What a message takes beside the state in it.
_STATE_OVERHEAD_BYTES = 64

# A slot's episodes are drawn from (seed, number, episodes so far).
SlotSeed = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class SlotPlan:
    """What every slot of a session is made from. `group_size` slots a group."""

    source: EnvSource
    config: dict[str, str]
    options: HostOptions
    spec: EnvSpec
    group_size: int
    seed: int
    first_slot: int
    workers: int  # Processes a group, at most.
    limits: CallLimits
    parameters: tuple[float, ...] = ()  # Of the first episodes, in the spec's order.
    renders: bool = False  # Slots draw the last state of each episode.


@dataclasses.dataclass(frozen=True)
class StepOutcome:
    """A serialized RolloutResponse and what is to be counted, or an error."""

    error: Status | None = None
    response: bytes = b""
    step: int = 0
    episodes: int = 0
    faults: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()  # Of each fault.
    tracebacks: tuple[str, ...] = ()  # Of each fault; may be empty.
    outside: int = 0  # Observations outside their bounds.
    notices: tuple[dict[str, str], ...] = ()  # See SlotWorker.take_notices.


@dataclasses.dataclass
class _Shard:
    """A worker's part of the group: the rows [begin, end) and who has them now."""

    index: int
    begin: int
    end: int
    worker: Worker | None = None
    attempts: int = 0  # Workers that were lost in this run.


# What is asked of one slot: the frame's opcode and its name on the wire.
_QUESTIONS = {
    Call.RENDER: (b"R", "Render"),
    Call.SAVE_STATE: (b"V", "SaveState"),
    Call.RESTORE_STATE: (b"L", "RestoreState"),
}


class SlotGroup:
    def __init__(self, plan: SlotPlan, group: int, pool: WorkerPool) -> None:
        """Makes no environment yet. OSError: no memory for the batch."""
        self._plan = plan
        self._group = group
        self._pool = pool
        count = min(plan.workers, plan.group_size)
        self._batch = SharedBatch(plan.spec, plan.group_size, count)
        self._batch.seed[:] = self.seeds_from(plan.seed)
        self._parameters = self._batch.next_parameter.copy()
        self._parameters[:] = plan.parameters
        ends = [plan.group_size * (i + 1) // count for i in range(count)]
        begins = [0, *ends[:-1]]
        self._shards = [_Shard(i, begins[i], ends[i]) for i in range(count)]
        self._step = 0
        self._pending: set[int] = set()  # Shards that have not answered.
        self._asked: tuple[Call, int] | None = None  # Of one row; None: a run is pending.
        self._lost: dict[int, tuple[Cause, str, int]] = {}  # Shards whose worker was lost
        # since the last answer: why, and the row that was running (-1: none).
        self._notices: list[dict[str, str]] = []
        self._completion: Callable[[StepOutcome], None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._response = wire.RolloutResponse()
        self._prepare_response()

    def seeds_from(self, seed: int) -> list[SlotSeed]:
        """What the slots draw from in a session that was opened with `seed`."""
        first = self._plan.first_slot + self._group * self._plan.group_size
        return [(seed, first + row) for row in range(self._plan.group_size)]

    def set_parameters(self, row: int, values: Mapping[int, float]) -> None:
        """By their places in the spec; of the row's episodes that later runs begin."""
        for place, value in values.items():
            self._parameters[row, place] = value

    def reset(self, seeds: Sequence[SlotSeed], completion: Callable[[StepOutcome], None]) -> None:
        """Every slot begins its next episode; with `seeds`, one a slot, its first one with it."""
        if seeds:
            self._batch.seed[:] = seeds
            self._batch.episodes[:] = 0
        self._step = 0
        self._run(b"B", Call.RESET, completion)

    def read_action(self, tensor: object) -> None:
        """Takes the actions of the next `step`, clipped. WireError: names what is wrong."""
        batch = self._batch
        spec = self._plan.spec.action
        values = get_tensor(tensor, _FLOAT32, (self._plan.group_size, spec.size), "action")
        if not spec.is_discrete:
            np.clip(values, self._action_low, self._action_high, out=batch.action)
            return
        spec.check_choices(values)
        batch.action[:] = values

    def step(self, completion: Callable[[StepOutcome], None]) -> None:
        """Every slot takes the action that `read_action` took."""
        self._step += 1
        self._run(b"S", Call.STEP, completion)

    def has_ended(self, row: int) -> bool:
        """Whether the last step ended an episode of this row."""
        batch = self._batch
        return bool(self._step and (batch.terminated[row] or batch.truncated[row]))

    def render(self, row: int, last_state: bool, completion: Callable[[StepOutcome], None]) -> None:
        """Draws one slot, or its episode's end. The response is a Frame."""
        self._ask(Call.RENDER, row, b"", completion, b"F" if last_state else b"")

    def save_state(self, row: int, completion: Callable[[StepOutcome], None]) -> None:
        """The response is a SlotState."""
        self._ask(Call.SAVE_STATE, row, b"", completion)

    def restore_state(
        self, row: int, state: bytes, completion: Callable[[StepOutcome], None]
    ) -> None:
        """The response is a SlotRestored, also where the bytes are refused."""
        self._ask(Call.RESTORE_STATE, row, state, completion)

    def close(self) -> None:
        """Ends the environments. No completion is called any more."""
        self._completion = None
        self._pending.clear()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        for shard in self._shards:
            if shard.worker is not None:
                shard.worker.close()
                shard.worker = None
        self._batch.close_fd()

    def _ask(
        self,
        call: Call,
        row: int,
        content: bytes,
        completion: Callable[[StepOutcome], None],
        variant: bytes = b"",  # Instead of the call's own opcode.
    ) -> None:
        self._completion = completion
        self._asked = (call, row)
        opcode, name = _QUESTIONS[call]
        shard = next(shard for shard in self._shards if shard.begin <= row < shard.end)
        if shard.worker is None:
            sentence = self._lost[shard.index][1]
            return self._fail(grpc.StatusCode.INTERNAL, f"{name}: {sentence}", row)
        self._pending = {shard.index}
        self._expect_answer(shard, call)
        shard.worker.send(slot_frame(variant or opcode, row, content))
        self._arm_watch()

    def _run(
        self, opcode: bytes, first_call: Call, completion: Callable[[StepOutcome], None]
    ) -> None:
        self._completion = completion
        self._asked = None
        self._batch.next_parameter[:] = self._parameters
        self._pending = set(range(len(self._shards)))
        for shard in self._shards:
            shard.attempts = 0
            if shard.worker is not None:
                self._expect_answer(shard, first_call)
                shard.worker.send(opcode)
            elif not self._fill(shard):
                return
        self._arm_watch()

    def _fill(self, shard: _Shard) -> bool:
        """Starts a worker for the shard and has it begin its slots' next episodes."""
        plan = self._plan
        slots = {
            "spec": base64.b64encode(plan.spec.to_wire().SerializeToString()).decode(),
            "group_size": plan.group_size,
            "workers": len(self._shards),
            "worker": shard.index,
            "rows": [shard.begin, shard.end],
            "limits": dataclasses.asdict(plan.limits),
            "renders": plan.renders,
        }
        try:
            shard.worker = self._pool.start(
                job_frame(plan.source, plan.config, plan.options, slots),
                lambda frame: self._on_frame(shard, frame),
                lambda sentence: self._on_lost(shard, Cause.CRASHED, sentence),
                self._batch.fd,
            )
        except (ArmatureError, OSError) as error:
            self._fail(grpc.StatusCode.INTERNAL, str(error), shard.begin)
            return False
        self._expect_answer(shard, Call.MAKE)
        shard.worker.send(b"B")
        return True

    def _expect_answer(self, shard: _Shard, first_call: Call) -> None:
        limit_s = self._plan.limits.of(first_call)
        self._batch.busy_row[shard.index] = shard.begin
        self._batch.call[shard.index] = first_call
        self._batch.timeout_s[shard.index] = limit_s
        self._batch.deadline[shard.index] = time.monotonic() + limit_s

    def _on_frame(self, shard: _Shard, frame: bytes) -> None:
        if frame[:1] == b"N":
            self._notices.extend(json.loads(frame[1:]))
            return
        if shard.index not in self._pending:
            return
        self._pending.discard(shard.index)
        if self._asked is not None:
            self._finish_question(*self._asked, frame)
        elif not self._pending:
            self._finish()

    def _on_lost(self, shard: _Shard, cause: Cause, sentence: str) -> None:
        """The shard's worker is gone. Between runs: the next one replaces it."""
        shard.worker = None
        pending = shard.index in self._pending
        blamed = self._busy_row(shard) if pending else -1
        first = self._lost.setdefault(shard.index, (cause, sentence, blamed))
        if not pending:
            return
        if self._asked is not None:
            call, row = self._asked
            hung = cause is Cause.HUNG
            code = grpc.StatusCode.DEADLINE_EXCEEDED if hung else grpc.StatusCode.INTERNAL
            text = sentence if hung else f"{_QUESTIONS[call][1]}: {sentence}"
            return self._fail(code, text, row, (cause,))
        shard.attempts += 1
        if shard.attempts > START_ATTEMPTS:
            text = (
                f"{first[1]}; {START_ATTEMPTS} new workers in a row failed to begin an "
                f"episode, the last: {sentence}"
            )
            return self._fail(grpc.StatusCode.INTERNAL, text, blamed, (cause,))
        self._fill(shard)

    def _busy_row(self, shard: _Shard) -> int:
        return min(max(int(self._batch.busy_row[shard.index]), shard.begin), shard.end - 1)

    def _arm_watch(self) -> None:
        """Looks at the deadlines when the first is due, and once in the shortest limit at least.

        A worker moves its deadline with each call that it makes, also to an earlier one.
        """
        if not self._pending:
            return
        # asyncio's clock is time.monotonic, too.
        when = time.monotonic() + self._plan.limits.shortest_s
        when = min(when, *(float(self._batch.deadline[index]) for index in self._pending))
        if self._watch is not None:
            if self._watch.when() <= when:
                return
            self._watch.cancel()
        self._watch = asyncio.get_running_loop().call_at(when, self._check_deadlines)

    def _check_deadlines(self) -> None:
        """One timer a group: it is not moved at every step, but looks when it is due."""
        self._watch = None
        now = time.monotonic()
        for index in sorted(self._pending):
            shard = self._shards[index]
            if now < self._batch.deadline[index] or shard.worker is None:
                continue
            shard.worker.kill()
            call = Call(int(self._batch.call[index]))
            sentence = describe_hung(call, float(self._batch.timeout_s[index]))
            self._on_lost(shard, Cause.HUNG, sentence)
        self._arm_watch()

    def _finish(self) -> None:
        batch = self._batch
        for index, (cause, text, blamed) in self._lost.items():
            self._mark_lost(self._shards[index], cause, text, blamed)
        self._lost.clear()
        faults: list[str] = []
        causes: list[Cause] = []
        tracebacks: list[str] = []
        if batch.cause.any():
            for row in np.flatnonzero(batch.cause).tolist():
                line, traceback = batch.fault(row)
                causes.append(Cause(int(batch.cause[row])))
                faults.append(f"{self._name(row)}: {line}; simulator replaced")
                tracebacks.append(traceback)
            failed = np.flatnonzero(batch.failed).tolist()
            if failed:
                row = failed[-1]
                line, traceback = batch.fault(row)
                code = grpc.StatusCode.INTERNAL
                return self._fail(code, line, row, tuple(causes), traceback)
        notices, self._notices = tuple(self._notices), []
        self._complete(
            StepOutcome(
                response=self._pack(faults),
                step=self._step,
                episodes=len(self._response.step.final_slot),
                faults=tuple(faults),
                causes=tuple(causes),
                tracebacks=tuple(tracebacks),
                outside=int(batch.outside.sum()),
                notices=notices,
            )
        )

    def _mark_lost(self, shard: _Shard, cause: Cause, text: str, blamed: int) -> None:
        """Writes the faults of a lost worker's slots, but those that are past help."""
        batch = self._batch
        for row in range(shard.begin, shard.end):
            if batch.failed[row]:
                continue
            batch.restarted[row] = self._step > 0  # A reset has no step that could be void.
            batch.cause[row] = cause
            shared = "" if blamed in (-1, row) else f", in slot {self._slot(blamed)} beside it"
            batch.set_fault(row, text + shared)

    def _pack(self, faults: list[str]) -> bytes:
        """The serialized response of a step; its message is used again and again."""
        batch, step = self._batch, self._response.step
        step.step = self._step
        for tensor, array in self._tensors:
            tensor.packed = array.tobytes()
        if step.final_slot:
            del step.final_slot[:]
            del step.final_observation[:]
        del step.fault[:]
        if 1 in step.terminated.packed or 1 in step.truncated.packed:
            ended = np.flatnonzero(batch.terminated | batch.truncated)
            step.final_slot.extend(ended.tolist())
            for final in batch.final:
                set_tensor(step.final_observation.add(), final[ended])
        step.fault.extend(faults)
        return bytes(self._response.SerializeToString())

    def _prepare_response(self) -> None:
        batch, step = self._batch, self._response.step
        step.group = self._group
        # The tensors of every step's answer, and where their values come from.
        self._tensors = [(step.observation.add(), field) for field in batch.observation]
        for name in ("reward", "terminated", "truncated", "restarted", "is_success"):
            self._tensors.append((getattr(step, name), getattr(batch, name)))
        self._tensors += [(step.goal_extra.add(), field) for field in batch.goal_extra]
        if self._plan.spec.metrics:
            self._tensors.append((step.metric, batch.metric))
        if self._plan.spec.parameters:
            self._tensors.append((step.parameter, batch.parameter))
        if self._plan.spec.reports_executed_action:
            self._tensors.append((step.executed_action, batch.executed_action))
        for tensor, array in self._tensors:
            set_tensor(tensor, array)
        action = self._plan.spec.action
        self._action_low = np.array(action.low, np.float32)
        self._action_high = np.array(action.high, np.float32)

    def _finish_question(self, call: Call, row: int, frame: bytes) -> None:
        name = _QUESTIONS[call][1]
        if frame[:1] == b"E":
            error = json.loads(frame[1:])
            verb = " threw" if error["kind"] == "threw" else ""
            text = f"{name}{verb}: {error['text']}"
            return self._fail(grpc.StatusCode.INTERNAL, text, row, (), error["traceback"])
        response = wire.RolloutResponse()
        if call is Call.RENDER:
            response.frame.slot = self._slot(row)
            set_tensor(response.frame.rgb, self._batch.frame)
        elif call is Call.SAVE_STATE:
            if len(frame) > MESSAGE_BYTES_MAX - _STATE_OVERHEAD_BYTES:
                text = (
                    f"{name}: the state takes {len(frame)} bytes, {MESSAGE_BYTES_MAX} are allowed"
                )
                return self._fail(grpc.StatusCode.RESOURCE_EXHAUSTED, text, row)
            response.state.slot = self._slot(row)
            response.state.state = frame[1:]
        else:
            response.restored.slot = self._slot(row)
            if frame[:1] == b"X":
                response.restored.refusal = f"{self._name(row)}: {json.loads(frame[1:])}"
            else:
                for field in self._batch.observation:
                    set_tensor(response.restored.observation.add(), field[row])
        self._complete(StepOutcome(response=response.SerializeToString(), step=self._step))

    def _fail(
        self,
        code: grpc.StatusCode,
        text: str,
        row: int,
        causes: tuple[Cause, ...] = (),
        traceback: str = "",
    ) -> None:
        self._pending.clear()
        error = Status(code, f"{self._name(row)}: {text}")
        self._complete(
            StepOutcome(error=error, step=self._step, causes=causes, tracebacks=(traceback,))
        )

    def _complete(self, outcome: StepOutcome) -> None:
        completion, self._completion = self._completion, None
        if completion is not None:
            completion(outcome)

    def _slot(self, row: int) -> int:
        """The row's slot in the session."""
        return self._group * self._plan.group_size + row

    def _name(self, row: int) -> str:
        return f"env {self._plan.spec.id} slot {self._slot(row)} step {self._step}"

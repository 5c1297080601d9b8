"""What a worker process does with its slots: rows of one group's SharedBatch.

Data flow: `step` | `begin` of armature.serve.workers -> each slot's environment in turn ->
its row; `render` | `save_state` | `restore_state` -> one slot's. Slots begin their next
episode in the step that ended one.
Faults: a slot whose environment raises, gives a value that is not finite or a wrong shape
gets a new environment here and now; its row says why. What takes the process down, or
never returns, is the server's to mend: `deadline` tells it when a call counts as hung.
Thread safety: none; one thread a process.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from armature.errors import ArmatureError
from armature.serve.bounds_watch import BoundsWatch
from armature.serve.calls import Call, CallLimits
from armature.serve.env_source import (
    EnvSource,
    HostOptions,
    actions_of,
    episode_options,
    fields_of,
    make_env,
    space_spec,
)
from armature.serve.goal_reward import GoalReward
from armature.serve.returned import (
    read_executed,
    read_extra,
    read_metrics,
    read_reset,
    read_step,
    read_success,
)
from armature.serve.saved_state import SavedState, StateKeeper, pack_state, unpack_state
from armature.serve.shared_batch import SharedBatch
from armature.serve.spaces import (
    ActionReader,
    Field,
    MalformedError,
    NotFiniteError,
    write_observation,
)
from armature.serve.user_errors import describe_error, describe_traceback
from armature.spec import EnvSpec

# New environments tried in a row before a slot breaks its session.
START_ATTEMPTS = 3
# A prime, so that the steps looked at are not always the same slot's; and how many of them
# have to differ: one may, where float32 rounds at a threshold.
_STEPS_A_GOAL_CHECK = 127
_GOAL_DIFFERENCES = 2
# Members of the spec that every environment of a session must agree on.
_FIXED_MEMBERS = (
    "observation",
    "action",
    "horizon",
    "goal_extra",
    "metrics",
    "parameters",
    "reports_executed_action",
)


class Cause(enum.IntEnum):
    """Why a slot was replaced. The worker tells the first ones, the server the last two."""

    NONE = 0
    THREW = 1
    NOT_FINITE = 2
    MALFORMED = 3
    HUNG = 4
    CRASHED = 5


class FaultError(ArmatureError):
    """The environment of a slot is of no more use."""

    def __init__(self, cause: Cause, text: str, traceback: str = "") -> None:
        super().__init__(text)
        self.cause = cause
        self.traceback = traceback


class _Slot:
    def __init__(self, row: int, batch: SharedBatch) -> None:
        self.row = row
        self.env: gym.Env[Any, Any] | None = None
        self.fields: tuple[Field, ...] = ()
        self.actions: ActionReader | None = None
        self.goal_reward: GoalReward | None = None
        self.keeper: StateKeeper | None = None
        self.episode_steps = 0
        self.last_frame: npt.NDArray[Any] | None = None  # Of its last episode's last state.
        # Views of its row; `...` keeps those of scalars arrays.
        self.observation = [field[row, ...] for field in batch.observation]
        self.final = [field[row, ...] for field in batch.final]
        self.action = batch.action[row]
        self.metric = batch.metric[row]
        self.goal_extra = [field[row, ...] for field in batch.goal_extra]
        self.executed_action = batch.executed_action[row]


class SlotWorker:
    """`worker` is its index in the group, `rows` the half-open range that it owns.

    `renders`: slots draw the last state of each episode, for `render`.
    """

    def __init__(
        self,
        source: EnvSource,
        config: Mapping[str, str],
        options: HostOptions,
        spec: EnvSpec,
        batch: SharedBatch,
        worker: int,
        rows: tuple[int, int],
        limits: CallLimits,
        renders: bool = False,
    ) -> None:
        self._source = source
        self._config = config
        self._options = options
        self._spec = spec
        self._metric_names = [metric.name for metric in spec.metrics]
        self._batch = batch
        self._worker = worker
        self._rows = slice(*rows)
        self._renders = renders and spec.can_render
        self._limits_s = [limits.of(call) for call in Call]
        self._slots = [_Slot(row, batch) for row in range(*rows)]
        self._bounds = BoundsWatch(spec, batch, self._rows)
        self._notices: list[dict[str, str]] = []
        self._noticed: set[str] = set()
        self._until_goal_check = _STEPS_A_GOAL_CHECK
        self._goal_differences = 0

    def take_notices(self) -> list[dict[str, str]]:
        """What is to be told beside the rows since the last call, each of a "kind" once."""
        notices, self._notices = self._notices, []
        return notices

    def step(self) -> None:
        """Every slot takes the action in its row."""
        self._clear_rows()
        for slot in self._slots:
            try:
                self._step(slot)
            except FaultError as fault:
                self._replace(slot, fault, restarted=1)
        self._count_outside()

    def begin(self) -> None:
        """Every slot begins its next episode: no reward, no flags."""
        self._clear_rows()
        for slot in self._slots:
            try:
                self._begin_episode(slot)
            except FaultError as fault:
                # There is no transition that could be void.
                self._replace(slot, fault, restarted=0)
        self._count_outside()

    def render(self, row: int, *, last_state: bool = False) -> None:
        """Draws a slot into the batch's frame. FaultError; whatever the environment raises.

        `last_state`: the end of the episode that the last step has ended, drawn then.
        """
        slot = self._slots[row - self._rows.start]
        kept = slot.last_frame if last_state else None
        frame = self._draw(slot) if kept is None else kept
        if frame.shape != self._batch.frame.shape or frame.dtype != np.uint8:
            raise FaultError(
                Cause.MALFORMED,
                f"the frame is {frame.dtype} {list(frame.shape)}, expected uint8 "
                f"{list(self._batch.frame.shape)}",
            )
        self._batch.frame[:] = frame

    def _draw(self, slot: _Slot) -> npt.NDArray[Any]:
        self._call_begins(slot, Call.RENDER)
        return np.asarray(slot.env.render()) if slot.env is not None else np.empty(0)

    def save_state(self, row: int) -> bytes:
        """The state of a slot. FaultError; whatever the environment raises."""
        slot = self._slots[row - self._rows.start]
        assert slot.keeper is not None
        self._call_begins(slot, Call.SAVE_STATE)
        try:
            content = slot.keeper.save()
        except MalformedError as error:
            raise FaultError(Cause.MALFORMED, str(error)) from error
        parameters = tuple(self._batch.parameter[row].tolist())
        observation = tuple(slot.observation)
        state = SavedState(slot.episode_steps, parameters, observation, content)
        return pack_state(self._spec, state)

    def restore_state(self, row: int, packed: bytes) -> None:
        """Puts a slot back to a state, whose observation is then in its row.

        StateError: refused, nothing has changed; whatever the environment raises.
        """
        slot = self._slots[row - self._rows.start]
        assert slot.keeper is not None
        self._call_begins(slot, Call.RESTORE_STATE)
        state = unpack_state(self._spec, packed)
        slot.keeper.restore(state.content, state.steps)
        for row_of_field, values in zip(slot.observation, state.observation):
            row_of_field[...] = values
        slot.episode_steps = state.steps
        self._batch.parameter[row] = state.parameters

    def close(self) -> None:
        """Ends the environments; what they raise is of no interest any more."""
        for slot in self._slots:
            _close(slot)

    def _step(self, slot: _Slot) -> None:
        env, actions = slot.env, slot.actions
        assert env is not None and actions is not None
        batch, row = self._batch, slot.row
        self._call_begins(slot, Call.STEP)
        try:
            observation, reward, terminated, truncated, info = read_step(
                env.step(actions.read(slot.action))
            )
            success = self._read_success(info)
            if self._spec.reports_executed_action:
                read_executed(info, self._spec.action, slot.executed_action)
            if self._metric_names:
                read_metrics(info, self._metric_names, slot.metric)
            if slot.goal_extra:
                read_extra(info, self._spec.goal_extra, slot.goal_extra)
            write_observation(slot.fields, observation, slot.observation)
        except Exception as error:
            raise _fault("Step", error) from error
        batch.reward[row] = reward
        slot.episode_steps += 1
        at_horizon = 0 < self._spec.horizon <= slot.episode_steps
        if success:
            batch.is_success[row] = 1
        if self._spec.has_goal:
            self._check_goal_now_and_then(slot, reward, terminated)
        if not (terminated or truncated or at_horizon):
            return
        if terminated:
            batch.terminated[row] = 1
        else:
            batch.truncated[row] = 1
        for final, last in zip(slot.final, slot.observation):
            final[...] = last
        if self._renders:
            try:
                slot.last_frame = np.array(self._draw(slot))
            except Exception as error:
                raise _fault("Render", error) from error
        self._begin_episode(slot)

    def _read_success(self, info: Mapping[str, Any]) -> bool:
        key = self._options.success_key
        if self._spec.reports_success:
            return bool(read_success(info, key))
        if self._options.reports_success is None and key in info:
            self._notice(
                "success",
                f"info['{key}'] has come, but not in the episode that the server was started "
                "with: successes do not count; start with --reports_success=yes",
            )
        return False

    def _check_goal_now_and_then(self, slot: _Slot, reward: float, terminated: bool) -> None:
        self._until_goal_check -= 1
        if self._until_goal_check > 0 or slot.goal_reward is None:
            return
        self._until_goal_check = _STEPS_A_GOAL_CHECK
        names = [field.name for field in self._spec.observation]
        goals = (self._spec.achieved_field, self._spec.desired_field)
        achieved, desired = (slot.observation[names.index(name)][np.newaxis] for name in goals)
        extra = [values[np.newaxis] for values in slot.goal_extra]
        differs = slot.goal_reward.check(
            achieved, desired, extra, np.array([reward]), np.array([terminated])
        )
        if differs:
            self._goal_differences += 1
            if self._goal_differences == _GOAL_DIFFERENCES:
                self._notice("goal_reward", differs)

    def _count_outside(self) -> None:
        count, sentence = self._bounds.look()
        self._batch.outside[self._worker] = count
        if count:
            self._notice("bounds", sentence)

    def _notice(self, kind: str, text: str) -> None:
        if kind not in self._noticed:
            self._noticed.add(kind)
            self._notices.append({"kind": kind, "text": text})

    def _begin_episode(self, slot: _Slot) -> None:
        if slot.env is None:
            self._make(slot)
        assert slot.env is not None
        batch = self._batch
        episode = int(batch.episodes[slot.row])
        batch.episodes[slot.row] = episode + 1
        slot.episode_steps = 0
        batch.parameter[slot.row] = batch.next_parameter[slot.row]
        options = episode_options(self._spec, batch.parameter[slot.row].tolist())
        sequence = np.random.SeedSequence([*batch.seed[slot.row].tolist(), episode])
        self._call_begins(slot, Call.RESET)
        try:
            seed = int(sequence.generate_state(1)[0])
            observation = read_reset(slot.env.reset(seed=seed, **options))
            write_observation(slot.fields, observation, slot.observation)
            if self._spec.has_goal and slot.goal_reward is None:
                slot.goal_reward = GoalReward(slot.env, observation, self._spec.goal_extra)
        except Exception as error:
            raise _fault("Reset", error) from error

    def _make(self, slot: _Slot) -> None:
        self._call_begins(slot, Call.MAKE)
        try:
            env = make_env(self._source, self._config, self._options)
            slot.fields = fields_of(env)
            slot.actions = actions_of(env)
            spec = space_spec(env, self._spec.id, self._options)
        except Exception as error:
            text = f"cannot be made: {describe_error(error)}"
            raise FaultError(Cause.THREW, text, describe_traceback(error)) from error
        for name in _FIXED_MEMBERS:
            if getattr(spec, name) != getattr(self._spec, name):
                raise FaultError(
                    Cause.THREW, f"has another spec than the first one made: {name} differs"
                )
        slot.env = env
        slot.keeper = StateKeeper.of(env)
        slot.goal_reward = None

    def _replace(self, slot: _Slot, fault: FaultError, restarted: int) -> None:
        batch, row = self._batch, slot.row
        batch.reward[row] = 0
        batch.metric[row] = 0
        batch.executed_action[row] = 0
        for values in slot.goal_extra:
            values[...] = 0
        batch.terminated[row] = batch.truncated[row] = batch.is_success[row] = 0
        batch.restarted[row] = restarted
        batch.cause[row] = fault.cause
        batch.set_fault(row, str(fault), fault.traceback)
        again: FaultError | None = None
        for _ in range(START_ATTEMPTS):
            self._call_begins(slot, Call.CLOSE)
            _close(slot)
            try:
                return self._begin_episode(slot)
            except FaultError as error:
                again = error
        batch.failed[row] = 1
        batch.set_fault(
            row,
            f"{str(fault)[:200]}; {START_ATTEMPTS} new simulators in a row failed to begin an "
            f"episode, the last: {again}",
            again.traceback if again is not None else "",
        )

    def _clear_rows(self) -> None:
        batch, rows = self._batch, self._rows
        batch.reward[rows] = 0
        batch.metric[rows] = 0
        batch.executed_action[rows] = 0
        for values in batch.goal_extra:
            values[rows] = 0
        for flags in (
            batch.terminated,
            batch.truncated,
            batch.restarted,
            batch.is_success,
            batch.cause,
            batch.failed,
        ):
            flags[rows] = 0

    def _call_begins(self, slot: _Slot, call: Call) -> None:
        limit_s = self._limits_s[call]
        self._batch.busy_row[self._worker] = slot.row
        self._batch.call[self._worker] = call
        self._batch.timeout_s[self._worker] = limit_s
        self._batch.deadline[self._worker] = time.monotonic() + limit_s


def _fault(what: str, error: Exception) -> FaultError:
    if isinstance(error, MalformedError):
        return FaultError(Cause.MALFORMED, str(error))
    if isinstance(error, NotFiniteError):
        return FaultError(Cause.NOT_FINITE, str(error))
    text = f"{what} threw: {describe_error(error)}"
    return FaultError(Cause.THREW, text, describe_traceback(error))


def _close(slot: _Slot) -> None:
    if slot.env is not None:
        env, slot.env = slot.env, None
        try:
            env.close()
        except Exception:  # It is given up because it is broken, or no longer needed.
            return

"""What a worker process does with its slots: rows of one group's SharedBatch.

Data flow: `step` | `begin` | `render` of armature.serve.workers -> each slot's
environment in turn -> its row. Slots begin their next episode in the step that ended one.
Faults: a slot whose environment raises, gives a value that is not finite or a wrong shape
gets a new environment here and now; its row says why. What takes the process down, or
never returns, is the server's to mend: `deadline` tells it when a call counts as hung.
Thread safety: none; one thread a process.
"""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from armature.errors import ArmatureError
from armature.serve.env_source import (
    EnvSource,
    HostOptions,
    describe_error,
    fields_of,
    make_env,
    space_spec,
)
from armature.serve.shared_batch import SharedBatch
from armature.serve.spaces import (
    ActionReader,
    Field,
    MalformedError,
    NotFiniteError,
    write_observation,
)
from armature.spec import EnvSpec

# New environments tried in a row before a slot breaks its session.
START_ATTEMPTS = 3
_REWARD_MAX = float(np.finfo(np.float32).max)


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

    def __init__(self, cause: Cause, text: str) -> None:
        super().__init__(text)
        self.cause = cause


class _Slot:
    """`row` in the batch, `number` among all slots of the session's seeds."""

    def __init__(self, row: int, number: int, batch: SharedBatch) -> None:
        self.row = row
        self.number = number
        self.env: gym.Env[Any, Any] | None = None
        self.fields: tuple[Field, ...] = ()
        self.actions: ActionReader | None = None
        self.episode_steps = 0
        # Views of its row; `...` keeps those of scalars arrays.
        self.observation = [field[row, ...] for field in batch.observation]
        self.final = [field[row, ...] for field in batch.final]
        self.action = batch.action[row]


class SlotWorker:
    """`first_number`: of row 0, see proto/env_service.proto's first_slot.

    `worker` is its index in the group, `rows` the half-open range that it owns.
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
        first_number: int,
        step_timeout_s: float,
        start_timeout_s: float,
    ) -> None:
        self._source = source
        self._config = config
        self._options = options
        self._spec = spec
        self._batch = batch
        self._worker = worker
        self._rows = slice(*rows)
        self._step_timeout_s = step_timeout_s
        self._start_timeout_s = start_timeout_s
        self._slots = [_Slot(row, first_number + row, batch) for row in range(*rows)]

    def step(self) -> None:
        """Every slot takes the action in its row."""
        self._clear_rows()
        for slot in self._slots:
            try:
                self._step(slot)
            except FaultError as fault:
                self._replace(slot, fault, restarted=1)

    def begin(self) -> None:
        """Every slot begins its next episode: no reward, no flags."""
        self._clear_rows()
        for slot in self._slots:
            try:
                self._begin_episode(slot)
            except FaultError as fault:
                # There is no transition that could be void.
                self._replace(slot, fault, restarted=0)

    def render(self, row: int) -> None:
        """Draws a slot into the batch's frame. FaultError; whatever the environment raises."""
        slot = self._slots[row - self._rows.start]
        self._call_begins(slot, self._step_timeout_s)
        frame = np.asarray(slot.env.render()) if slot.env is not None else np.empty(0)
        if frame.shape != self._batch.frame.shape or frame.dtype != np.uint8:
            raise FaultError(
                Cause.MALFORMED,
                f"the frame is {frame.dtype} {list(frame.shape)}, expected uint8 "
                f"{list(self._batch.frame.shape)}",
            )
        self._batch.frame[:] = frame

    def close(self) -> None:
        """Ends the environments; what they raise is of no interest any more."""
        for slot in self._slots:
            _close(slot)

    def _step(self, slot: _Slot) -> None:
        env, actions = slot.env, slot.actions
        assert env is not None and actions is not None
        batch, row = self._batch, slot.row
        self._call_begins(slot, self._step_timeout_s)
        try:
            observation, reward, terminated, truncated, info = env.step(actions.read(slot.action))
            terminated, truncated = bool(terminated), bool(truncated)
            success = bool(info.get(self._options.success_key, False))
        except Exception as error:
            raise FaultError(Cause.THREW, f"Step threw: {describe_error(error)}") from error
        _write(slot, observation)
        batch.reward[row] = _checked_reward(reward)
        slot.episode_steps += 1
        at_horizon = 0 < self._spec.horizon <= slot.episode_steps
        if success:
            batch.is_success[row] = 1
        if not (terminated or truncated or at_horizon):
            return
        if terminated:
            batch.terminated[row] = 1
        else:
            batch.truncated[row] = 1
        for final, last in zip(slot.final, slot.observation):
            final[...] = last
        self._begin_episode(slot)

    def _begin_episode(self, slot: _Slot) -> None:
        if slot.env is None:
            self._make(slot)
        assert slot.env is not None
        batch = self._batch
        episode = int(batch.episodes[slot.row])
        batch.episodes[slot.row] = episode + 1
        slot.episode_steps = 0
        sequence = np.random.SeedSequence([int(batch.seed[0]), slot.number, episode])
        self._call_begins(slot, self._step_timeout_s)
        try:
            observation, _ = slot.env.reset(seed=int(sequence.generate_state(1)[0]))
        except Exception as error:
            raise FaultError(Cause.THREW, f"Reset threw: {describe_error(error)}") from error
        _write(slot, observation)

    def _make(self, slot: _Slot) -> None:
        self._call_begins(slot, self._start_timeout_s)
        try:
            env = make_env(self._source, self._config, self._options)
            slot.fields = fields_of(env)
            slot.actions = ActionReader(env.action_space)
            spec = space_spec(env, self._spec.id, self._options)
        except Exception as error:
            text = f"cannot be made: {describe_error(error)}"
            raise FaultError(Cause.THREW, text) from error
        for name in ("observation", "action_low", "action_high", "num_choices", "horizon"):
            if getattr(spec, name) != getattr(self._spec, name):
                raise FaultError(
                    Cause.THREW, f"has another spec than the first one made: {name} differs"
                )
        slot.env = env

    def _replace(self, slot: _Slot, fault: FaultError, restarted: int) -> None:
        batch, row = self._batch, slot.row
        batch.reward[row] = 0
        batch.terminated[row] = batch.truncated[row] = batch.is_success[row] = 0
        batch.restarted[row] = restarted
        batch.cause[row] = fault.cause
        batch.set_fault_text(row, str(fault))
        again: FaultError | None = None
        for _ in range(START_ATTEMPTS):
            self._call_begins(slot, self._step_timeout_s)
            _close(slot)
            try:
                return self._begin_episode(slot)
            except FaultError as error:
                again = error
        batch.failed[row] = 1
        batch.set_fault_text(
            row,
            f"{str(fault)[:200]}; {START_ATTEMPTS} new simulators in a row failed to begin an "
            f"episode, the last: {again}",
        )

    def _clear_rows(self) -> None:
        batch, rows = self._batch, self._rows
        batch.reward[rows] = 0
        for flags in (
            batch.terminated,
            batch.truncated,
            batch.restarted,
            batch.is_success,
            batch.cause,
            batch.failed,
        ):
            flags[rows] = 0

    def _call_begins(self, slot: _Slot, timeout_s: float) -> None:
        self._batch.busy_row[self._worker] = slot.row
        self._batch.timeout_s[self._worker] = timeout_s
        self._batch.deadline[self._worker] = time.monotonic() + timeout_s


def _write(slot: _Slot, observation: Any) -> None:
    try:
        write_observation(slot.fields, observation, slot.observation)
    except MalformedError as error:
        raise FaultError(Cause.MALFORMED, str(error)) from error
    except NotFiniteError as error:
        raise FaultError(Cause.NOT_FINITE, str(error)) from error
    except Exception as error:
        raise FaultError(
            Cause.MALFORMED, f"observation cannot be read: {describe_error(error)}"
        ) from error


def _checked_reward(reward: Any) -> float:
    try:
        if type(reward) is not float and np.ndim(reward) != 0:
            raise TypeError
        value = float(reward)
    except (TypeError, ValueError):
        raise FaultError(
            Cause.MALFORMED, f"reward is {str(reward)[:40]}, expected one number"
        ) from None
    if not abs(value) <= _REWARD_MAX:
        shown = value if not math.isfinite(value) else f"{value}, beyond float32"
        raise FaultError(Cause.NOT_FINITE, f"reward is {shown}")
    return value


def _close(slot: _Slot) -> None:
    if slot.env is not None:
        env, slot.env = slot.env, None
        try:
            env.close()
        except Exception:  # It is given up because it is broken, or no longer needed.
            return

"""All slots that one user steps together, on one env server or on several.

Data flow: actions -> a RemoteSession for each server -> one Step of all slots.
Slots are numbered over the servers in the order given, and so are their seeds: the same
seed gives the same episodes however the slots are split.
A slot whose simulator was replaced (``restarted``) made no transition. Gymnasium has no
word for that, so it is shown as an episode that was truncated in the last observation
there was. No reward was given, so it is NaN, which nothing can take for one that was;
`Step.restarted` and `Step.fault` tell the slot and the reason.
Thread safety: one thread at a time.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Union

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from armature.connection import Array, Connection, encode_config
from armature.errors import ArmatureError, OptionError, WireError
from armature.goal_pairs import GoalPairs
from armature.session import RemoteSession, Step
from armature.spec import EnvSpec
from armature.transport import TransportOptions
from armature.watch import Watch

# One for all slots, whose numbers tell them apart; or one for each slot; or none: to go on.
Seed = Union[int, Sequence[int], None]

# What a user sees as an observation, of one slot or of several.
Observation = Union[Array, "dict[str, Array]"]

_SEED_BITS = 64


class RemoteSlots:
    """Errors: ArmatureError for what the caller got wrong, else as RemoteSession.

    After an error the sessions have ended; `reset` opens new ones.
    """

    def __init__(
        self,
        address: str | Sequence[str],
        num_envs: int,
        *,
        env_id: str | None,
        config: Mapping[str, Any] | None,
        seed: int | None,
        render_mode: str | None,
        transport: TransportOptions | None,
        timeout_s: float,
    ) -> None:
        addresses = [address] if isinstance(address, str) else list(address)
        if not 1 <= len(addresses) <= num_envs:
            raise ArmatureError(
                f"num_envs is {num_envs} on {len(addresses)} servers; expected a server at least, "
                "and an environment on each"
            )
        self.num_envs = num_envs
        self.config = encode_config(config)
        self.fresh = False  # Whether every slot is at its first observation, not yet taken.
        self._sessions: list[RemoteSession] = []
        self._ended: frozenset[int] = frozenset()  # Slots whose episode the last step ended.
        # What each slot's next episode begins with, [n, p]; p is known from the spec.
        self._parameters: Array = np.zeros((num_envs, 0))
        options = transport or TransportOptions()
        self._connections = [Connection(one, options, timeout_s) for one in addresses]
        # Slots i .. of each server: as equal as can be, the first ones take the rest.
        self._starts = [-(-num_envs * i // len(addresses)) for i in range(len(addresses) + 1)]
        try:
            self.env_id = env_id or self._only_env_id()
            self._renders = render_mode is not None
            self._open(_random_seed() if seed is None else _checked_seed(seed))
            self.spec: EnvSpec = self._sessions[0].spec
            self._parameters = self._first.parameter.copy()
            self._check_specs()
            self._check_render_mode(render_mode)
        except BaseException:
            self.close()
            raise
        self.render_mode = render_mode
        self._is_plain = self.spec.is_plain

    @property
    def address(self) -> str:
        return ", ".join(connection.address for connection in self._connections)

    def gym_spec(self, **kwargs: Any) -> gym.envs.registration.EnvSpec:
        """Gymnasium's facts about the environment; `kwargs` are RemoteEnv's, to make it again."""
        return gym.envs.registration.EnvSpec(
            id=self.env_id,
            entry_point="armature.env:RemoteEnv",
            max_episode_steps=self.spec.horizon or None,
            order_enforce=False,
            disable_env_checker=True,
            kwargs=kwargs,
        )

    def reset(self, seed: Seed) -> Step:
        """Begins an episode in every slot; `seed` as in `RemoteSession.send_reset`.

        Without a seed, slots that are at a first observation nobody has seen stay there,
        unless other parameters have been set since their episodes began.
        """
        seeds = self._checked_seeds(seed)
        if any(session.ended for session in self._sessions):
            for session, connection in zip(self._sessions, self._connections):
                session.close()
                connection.reconnect()
            self._open(seeds if isinstance(seeds, int) else _random_seed())
            if self._have_other_parameters():
                for slot, row in enumerate(self._parameters.tolist()):
                    names = [parameter.name for parameter in self.spec.parameters]
                    self.set_parameters(dict(zip(names, row)), [slot])
                return self.reset(seeds)
            if isinstance(seeds, list):
                return self.reset(seeds)
        elif seeds is not None or not self.fresh or self._have_other_parameters():
            for i, session in enumerate(self._sessions):
                if session.awaiting:
                    session.receive()  # Of a step that nobody waited for.
                own = self._starts[i], self._starts[i + 1]
                session.send_reset(seeds[slice(*own)] if isinstance(seeds, list) else seeds)
            self._first = self._joined([session.receive() for session in self._sessions])
        self._ended = frozenset()
        self.fresh = False
        self._last = self._first
        self._under_way[:] = False
        return self._first

    def reset_some(self, mask: Any) -> Step:
        """The last step, where every slot of `mask`, bool [n], is at its first observation.

        ArmatureError: another one would have to be reset, which servers do to all at once.
        """
        chosen = np.asarray(mask)
        if chosen.shape != (self.num_envs,) or chosen.dtype != np.bool_:
            raise ArmatureError(
                f"reset_mask is {chosen.dtype} of shape {list(chosen.shape)}, expected bool of "
                f"shape [{self.num_envs}]"
            )
        if (chosen & self._under_way).any():
            raise ArmatureError(
                f"reset_mask[{int(np.argmax(chosen & self._under_way))}] is set, but that episode "
                "is under way; expected slots whose episode has ended, or every slot"
            )
        return self._last

    def set_parameters(self, values: Mapping[str, Any], slots: Sequence[int] | None = None) -> None:
        """Of the next episode of each of `slots` (None: all) and those after it.

        OptionError: no such parameter, or a value out of its limits.
        """
        checked = {name: _number(name, value) for name, value in values.items()}
        try:
            places = self.spec.check_parameters(checked)
        except WireError as error:
            hint = (
                "" if self.spec.parameters else "; what it takes when it is made goes into config"
            )
            raise OptionError(f"{error}{hint}") from None
        chosen = range(self.num_envs) if slots is None else slots
        for slot in chosen:
            self._server_of(slot)
        if not checked or not len(chosen):
            return
        for place, value in places.items():
            self._parameters[list(chosen), place] = value
        for i, session in enumerate(self._sessions):
            own = [
                slot - self._starts[i]
                for slot in chosen
                if self._starts[i] <= slot < self._starts[i + 1]
            ]
            if own and not session.ended:  # If it has, a reset opens one that begins with them.
                session.set_parameters(checked, own)

    def episode_parameters(self) -> dict[str, Array]:
        """What each slot's present episode began with, [n], by name."""
        columns = self._last.parameter.T
        return {
            parameter.name: column.copy()
            for parameter, column in zip(self.spec.parameters, columns)
        }

    def send(self, actions: npt.ArrayLike) -> None:
        """Begins a step. `actions`: [n, action shape...], of the action space."""
        packed = self.spec.action.to_rows(actions)
        for i, session in enumerate(self._sessions):
            session.send_actions(packed[self._starts[i] : self._starts[i + 1]])

    def receive(self) -> Step:
        """The outcome of the step that was begun."""
        step = self._joined([session.receive() for session in self._sessions])
        self._ended = frozenset(step.final_slot)
        if np.count_nonzero(step.restarted):
            step = self._with_voids_truncated(step)
        self._last = step
        self._under_way[:] = True
        self._under_way[list(step.final_slot)] = False
        self.fresh = len(step.final_slot) == self.num_envs
        if self.fresh:
            self._first = step
        return step

    def render(self, slot: int, *, last_state: bool = False) -> npt.NDArray[np.uint8]:
        """A picture of a slot, [height, width, 3]. ArmatureError: render_mode is None.

        `last_state`: where the last step has ended the slot's episode, the end of it, until
        `reset`.
        """
        if self.render_mode is None:
            raise ArmatureError("render_mode is None; make the environment with 'rgb_array'")
        server = self._server_of(slot)
        own = slot - self._starts[server]
        return self._sessions[server].render(own, last_state=last_state and slot in self._ended)

    def save_state(self, slot: int) -> bytes:
        """The state of a slot. ArmatureError: the environment saves none."""
        self._check_saves_state()
        server = self._server_of(slot)
        return self._sessions[server].save_state(slot - self._starts[server])

    def restore_state(self, slot: int, state: bytes) -> tuple[Array, ...]:
        """Puts a slot back; the observation there, [field shape...] of each field.

        ArmatureError: the environment saves none, or the bytes are refused (no change).
        """
        self._check_saves_state()
        server = self._server_of(slot)
        observation = self._sessions[server].restore_state(slot - self._starts[server], state)
        rows = tuple(np.array(field) for field in self._last.observation)
        for row, value in zip(rows, observation):
            row[slot] = value
        self._last = dataclasses.replace(self._last, observation=rows)
        self._under_way[slot] = True
        self._ended -= {slot}
        self.fresh = False
        return observation

    def reports(self, step: Step) -> dict[str, Array]:
        """Metrics, [n], goal extras, [n, field shape...], and "executed_action" of a step, by name.

        The last one is as users have actions, [n, action shape...]. Of no meaning where the slot
        is `restarted`.
        """
        reports: dict[str, Array] = {
            field.name: values for field, values in zip(self.spec.goal_extra, step.goal_extra)
        }
        for i, metric in enumerate(self.spec.metrics):
            reports[metric.name] = step.metric[:, i]
        if self.spec.reports_executed_action:
            reports["executed_action"] = self.spec.action.to_user(step.executed_action)
        return reports

    def compute_reward(
        self, achieved_goal: npt.ArrayLike, desired_goal: npt.ArrayLike, info: Any = None
    ) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Rewards (float32) and terminated of goals [..., goal shape...], both [...].

        `info`: the info of each pair's step, [...] dicts, of which the goal's extra fields
        are taken; not looked at if there are none.
        """
        if not self.spec.has_goal:
            raise ArmatureError(f"{self.env_id} on {self.address}: the environment has no goal")
        pairs = GoalPairs(self.env_id, self.spec, achieved_goal, desired_goal, info)
        rewards, terminated = self._connections[0].compute_reward(
            self.env_id, self.config, self.spec, pairs.achieved, pairs.desired, pairs.extras
        )
        return rewards.reshape(pairs.batch_shape), terminated.reshape(pairs.batch_shape)

    def observation(self, fields: tuple[Array, ...], row: int | None = None) -> Observation:
        """A copy of `fields` ([n, ...] each) as users see it, of all rows or of one."""
        if self._is_plain:
            return np.array(fields[0] if row is None else fields[0][row])
        return {
            field.name: np.array(values if row is None else values[row])
            for field, values in zip(self.spec.observation, fields)
        }

    def one_observation(self, fields: tuple[Array, ...]) -> Observation:
        """A copy of the `fields` of one slot, [...] each, as users see it."""
        return self.observation(tuple(field[np.newaxis] for field in fields), 0)

    def faults(self, step: Step) -> dict[int, str]:
        """The reason for each restarted slot."""
        slots = np.flatnonzero(step.restarted).tolist()
        if len(slots) == len(step.fault):
            return dict(zip(slots, step.fault))
        return dict.fromkeys(slots, "; ".join(step.fault))

    def watch(self) -> Watch:
        """What the first slot shows from now on.

        ArmatureError: the environment has no scene, or its session has ended.
        """
        if not self.spec.has_scene:
            raise ArmatureError(f"{self.env_id} on {self.address} has no scene to watch")
        return self._sessions[0].watch(0)

    def close(self) -> None:
        for session in self._sessions:
            session.close()
        for connection in self._connections:
            connection.close()

    def _server_of(self, slot: int) -> int:
        if not 0 <= slot < self.num_envs:
            raise ArmatureError(f"slot is {slot}, expected 0..{self.num_envs - 1}")
        return max(i for i, start in enumerate(self._starts[:-1]) if start <= slot)

    def _check_saves_state(self) -> None:
        if not self.spec.saves_state:
            raise ArmatureError(f"{self.env_id} on {self.address} does not save its state")

    def _have_other_parameters(self) -> bool:
        return not np.array_equal(self._last.parameter, self._parameters)

    def _only_env_id(self) -> str:
        ids = list(self._connections[0].describe().env_ids)
        if len(ids) != 1:
            raise ArmatureError(
                f"env server at {self._connections[0].address} hosts {', '.join(ids)}: "
                "choose one with env_id"
            )
        return str(ids[0])

    def _open(self, seed: int) -> None:
        sessions: list[RemoteSession] = []
        try:
            for i, connection in enumerate(self._connections):
                num_envs = self._starts[i + 1] - self._starts[i]
                sessions.append(
                    RemoteSession(
                        connection,
                        self.env_id,
                        num_envs,
                        config=self.config,
                        seed=seed,
                        first_slot=self._starts[i],
                        parameters=self._common_parameters(),
                        renders=self._renders,
                    )
                )
        except BaseException:
            for session in sessions:
                session.close()
            raise
        self._sessions = sessions
        self._first = self._joined([session.first for session in self._sessions])
        self._last = self._first
        self._ended = frozenset()
        self._under_way = np.zeros(self.num_envs, np.bool_)
        self.fresh = True

    def _common_parameters(self) -> dict[str, float]:
        """Those that all slots have, for sessions that are opened again."""
        if not self._sessions:  # There is no spec yet.
            return {}
        return {
            parameter.name: float(column[0])
            for parameter, column in zip(self.spec.parameters, self._parameters.T)
            if (column == column[0]).all()
        }

    def _check_specs(self) -> None:
        for session in self._sessions[1:]:
            if session.spec != self.spec:
                raise ArmatureError(
                    f"{self.env_id} is not the same environment on {self._sessions[0].address} "
                    f"and on {session.address}: {_difference(self.spec, session.spec)}"
                )

    def _check_render_mode(self, render_mode: str | None) -> None:
        if render_mode is None:
            return
        if render_mode != "rgb_array":
            raise ArmatureError(f"render_mode is '{render_mode}', expected 'rgb_array' or None")
        if not self.spec.can_render:
            raise ArmatureError(
                f"{self.env_id} on {self.address} does not render; an environment hosted by "
                "armature-serve does with --render"
            )

    def _checked_seeds(self, seed: Seed) -> int | list[int] | None:
        """ArmatureError: no seed, nor one for each slot."""
        if seed is None or not isinstance(seed, (list, tuple, np.ndarray)):
            return None if seed is None else _checked_seed(seed)
        if len(seed) != self.num_envs:
            raise ArmatureError(
                f"seed has {len(seed)} values, expected one integer, or {self.num_envs} of them"
            )
        return [_checked_seed(each) for each in seed]

    def _joined(self, steps: list[Step]) -> Step:
        """The steps of all servers as one of all slots."""
        if len(steps) == 1:
            return steps[0]
        finals = [step.final_observation for step in steps if step.final_slot]
        return Step(
            _joined_fields([step.observation for step in steps]),
            np.concatenate([step.reward for step in steps]),
            np.concatenate([step.terminated for step in steps]),
            np.concatenate([step.truncated for step in steps]),
            np.concatenate([step.restarted for step in steps]),
            np.concatenate([step.is_success for step in steps]),
            tuple(
                self._starts[i] + slot for i, step in enumerate(steps) for slot in step.final_slot
            ),
            _joined_fields(finals),
            tuple(line for step in steps for line in step.fault),
            np.concatenate([step.metric for step in steps]),
            _joined_fields([step.goal_extra for step in steps]),
            np.concatenate([step.parameter for step in steps]),
            np.concatenate([step.executed_action for step in steps]),
        )

    def _with_voids_truncated(self, step: Step) -> Step:
        ended = {slot: (step.final_observation, k) for k, slot in enumerate(step.final_slot)}
        for slot in np.flatnonzero(step.restarted).tolist():
            ended[slot] = (self._last.observation, slot)
        slots = sorted(ended)
        rows = [[field[row] for field in fields] for fields, row in map(ended.__getitem__, slots)]
        return dataclasses.replace(
            step,
            reward=np.where(step.restarted, np.float32(np.nan), step.reward),
            truncated=step.truncated | step.restarted,
            final_slot=tuple(slots),
            final_observation=tuple(np.stack(values) for values in zip(*rows)),
        )


def _number(name: str, value: Any) -> float:
    """OptionError: not one number."""
    if np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biuf":
        return float(value)
    raise OptionError(f"parameter '{name}' is {value!r}, expected a number")


def row_of_reports(reports: dict[str, Array], slot: int) -> dict[str, Any]:
    """What `info` of one slot holds of RemoteSlots.reports: scalars as Python's, else copies."""
    return {
        name: values[slot].copy() if values.ndim > 1 else float(values[slot])
        for name, values in reports.items()
    }


def generator_seed(seed: Any) -> int | None:
    """For Gymnasium's own generator, which decides nothing here; a bad one is refused later."""
    return int(seed) if isinstance(seed, (int, np.integer)) and seed >= 0 else None


def _joined_fields(parts: list[tuple[Array, ...]]) -> tuple[Array, ...]:
    return tuple(np.concatenate(arrays) for arrays in zip(*parts))


def _random_seed() -> int:
    return secrets.randbits(_SEED_BITS)


def _checked_seed(seed: Any) -> int:
    """ArmatureError: no integer of 64 bits."""
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed < 1 << _SEED_BITS:
        raise ArmatureError(f"seed is {seed!r}, expected an integer in 0..2^{_SEED_BITS}-1")
    return int(seed)


def _difference(one: EnvSpec, other: EnvSpec) -> str:
    names = [
        field.name
        for field in dataclasses.fields(one)
        if getattr(one, field.name) != getattr(other, field.name)
    ]
    name = names[0]
    return f"spec.{name} is {getattr(one, name)} and {getattr(other, name)}"

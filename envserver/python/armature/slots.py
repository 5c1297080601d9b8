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
from armature.errors import ArmatureError
from armature.session import RemoteSession, Step
from armature.spec import EnvSpec
from armature.transport import TransportOptions

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
        options = transport or TransportOptions()
        self._connections = [Connection(one, options, timeout_s) for one in addresses]
        # Slots i .. of each server: as equal as can be, the first ones take the rest.
        self._starts = [-(-num_envs * i // len(addresses)) for i in range(len(addresses) + 1)]
        try:
            self.env_id = env_id or self._only_env_id()
            self._open(_random_seed() if seed is None else _checked_seed(seed))
            self.spec: EnvSpec = self._sessions[0].spec
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

        Without a seed, slots that are at a first observation nobody has seen stay there.
        """
        seeds = self._checked_seeds(seed)
        if any(session.ended for session in self._sessions):
            for session, connection in zip(self._sessions, self._connections):
                session.close()
                connection.reconnect()
            self._open(seeds if isinstance(seeds, int) else _random_seed())
            if isinstance(seeds, list):
                return self.reset(seeds)
        elif seeds is not None or not self.fresh:
            for i, session in enumerate(self._sessions):
                if session.awaiting:
                    session.receive()  # Of a step that nobody waited for.
                own = self._starts[i], self._starts[i + 1]
                session.send_reset(seeds[slice(*own)] if isinstance(seeds, list) else seeds)
            self._first = self._joined([session.receive() for session in self._sessions])
        self.fresh = False
        self._last = self._first
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
        under_way = np.ones(self.num_envs, np.bool_)
        under_way[slice(None) if self._last is self._first else list(self._last.final_slot)] = False
        if (chosen & under_way).any():
            raise ArmatureError(
                f"reset_mask[{int(np.argmax(chosen & under_way))}] is set, but that episode is "
                "under way; expected slots whose episode has ended, or every slot"
            )
        return self._last

    def send(self, actions: npt.ArrayLike) -> None:
        """Begins a step. `actions`: [n, action shape...], of the action space."""
        packed = self.spec.action.to_rows(actions)
        for i, session in enumerate(self._sessions):
            session.send_actions(packed[self._starts[i] : self._starts[i + 1]])

    def receive(self) -> Step:
        """The outcome of the step that was begun."""
        step = self._joined([session.receive() for session in self._sessions])
        if np.count_nonzero(step.restarted):
            step = self._with_voids_truncated(step)
        self._last = step
        self.fresh = len(step.final_slot) == self.num_envs
        if self.fresh:
            self._first = step
        return step

    def render(self, slot: int) -> npt.NDArray[np.uint8]:
        """A picture of a slot, [height, width, 3]. ArmatureError: render_mode is None."""
        if self.render_mode is None:
            raise ArmatureError("render_mode is None; make the environment with 'rgb_array'")
        server = max(i for i, start in enumerate(self._starts[:-1]) if start <= slot)
        return self._sessions[server].render(slot - self._starts[server])

    def compute_reward(
        self, achieved_goal: npt.ArrayLike, desired_goal: npt.ArrayLike
    ) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Rewards (float32) and terminated of goals [..., goal shape...], both [...]."""
        if not self.spec.has_goal:
            raise ArmatureError(f"{self.env_id} on {self.address}: the environment has no goal")
        achieved, desired = np.asarray(achieved_goal), np.asarray(desired_goal)
        goal_shape = self.spec.field(self.spec.achieved_field).shape
        batch_shape = achieved.shape[: achieved.ndim - len(goal_shape)]
        if desired.shape != achieved.shape or achieved.shape != batch_shape + goal_shape:
            raise ArmatureError(
                f"achieved_goal and desired_goal: shapes are {list(achieved.shape)} and "
                f"{list(desired.shape)}, expected both [..., {', '.join(map(str, goal_shape))}]"
            )
        rewards, terminated = self._connections[0].compute_reward(
            self.env_id,
            self.config,
            self.spec,
            achieved.reshape(-1, *goal_shape),
            desired.reshape(-1, *goal_shape),
        )
        return rewards.reshape(batch_shape), terminated.reshape(batch_shape)

    def observation(self, fields: tuple[Array, ...], row: int | None = None) -> Observation:
        """A copy of `fields` ([n, ...] each) as users see it, of all rows or of one."""
        if self._is_plain:
            return np.array(fields[0] if row is None else fields[0][row])
        return {
            field.name: np.array(values if row is None else values[row])
            for field, values in zip(self.spec.observation, fields)
        }

    def faults(self, step: Step) -> dict[int, str]:
        """The reason for each restarted slot."""
        slots = np.flatnonzero(step.restarted).tolist()
        if len(slots) == len(step.fault):
            return dict(zip(slots, step.fault))
        return dict.fromkeys(slots, "; ".join(step.fault))

    def close(self) -> None:
        for session in self._sessions:
            session.close()
        for connection in self._connections:
            connection.close()

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
                    )
                )
        except BaseException:
            for session in sessions:
                session.close()
            raise
        self._sessions = sessions
        self._first = self._joined([session.first for session in self._sessions])
        self._last = self._first
        self.fresh = True

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


def refuse_options(options: dict[str, Any] | None) -> None:
    """ArmatureError: a reset was given options."""
    if options:
        raise ArmatureError(
            f"reset options {sorted(options)} do not cross to an env server; what the environment "
            "takes when it is made goes into config"
        )


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

"""Environments on env servers as a Stable-Baselines3 ``VecEnv``.

Needs stable-baselines3 (``pip install armature[sb3]``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from armature.connection import TIMEOUT_S
from armature.errors import ArmatureError
from armature.session import Step
from armature.slots import Observation, RemoteSlots, row_of_reports
from armature.transport import TransportOptions

try:
    from stable_baselines3.common.buffers import ReplayBuffer
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env.base_vec_env import VecEnv
except ImportError as error:
    raise ImportError(
        f"armature.sb3 needs stable-baselines3 ({error}): pip install stable-baselines3"
    ) from error

# As Monitor rounds.
_STATISTICS_DECIMALS = 6

_Buffer = TypeVar("_Buffer", bound=ReplayBuffer)


def make_vec_env(
    address: str | Sequence[str],
    num_envs: int = 1,
    env_id: str | None = None,
    config: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    render_mode: str | None = None,
    transport: TransportOptions | None = None,
    timeout_s: float = TIMEOUT_S,
    marks_void_steps: bool = False,
) -> RemoteVecEnv:
    """`num_envs` environments for Stable-Baselines3; arguments and errors as `make_vec`.

    `marks_void_steps` is for a learner that leaves them out: see RemoteVecEnv.
    """
    return RemoteVecEnv(
        RemoteSlots(
            address,
            num_envs,
            env_id=env_id,
            config=config,
            seed=seed,
            render_mode=render_mode,
            transport=transport,
            timeout_s=timeout_s,
        ),
        marks_void_steps,
    )


def without_void_steps(buffer_class: type[_Buffer]) -> type[_Buffer]:
    """A `replay_buffer_class` that stores no void step, for `marks_void_steps=True`.

    `buffer_class`: ReplayBuffer, DictReplayBuffer, HerReplayBuffer or one of those. As every
    slot has a row in each step, a void one holds the transition that the slot stored last once
    more: it ends the slot's episode as a truncation there.
    ArmatureError, from the buffer: made with optimize_memory_usage.
    """

    class WithoutVoidSteps(buffer_class):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._last_infos: list[dict[str, Any]] = []
            if self.optimize_memory_usage:
                raise ArmatureError("without_void_steps: expected optimize_memory_usage=False")

        def add(
            self, obs: Any, next_obs: Any, action: Any, reward: Any, done: Any, infos: Any
        ) -> None:
            void = np.array([bool(info.get("restarted")) for info in infos])
            columns = [obs, next_obs, np.reshape(action, (self.n_envs, -1)), reward, done]
            if void.any():
                last_infos = self._last_infos or [infos[int(np.argmin(void))]] * len(void)
                stored = self._last_stored() or _first_valid(columns, infos, void)
                if stored is None:
                    return  # Nothing has been stored yet, so no episode is open either.
                *stored, was_truncated = stored
                was_terminated = stored[-1].astype(bool) & ~was_truncated.astype(bool)
                columns = [_mixed(void, old, new) for old, new in zip(stored, columns)]
                columns[-1] = columns[-1].astype(bool) | void
                infos = [
                    {**last_infos[slot], **info, "TimeLimit.truncated": not was_terminated[slot]}
                    if void[slot]
                    else info
                    for slot, info in enumerate(infos)
                ]
            self._last_infos = infos  # Goal extras in them belong to the transition.
            super().add(*columns, infos)

        def _last_stored(self) -> list[Any] | None:
            """obs, next_obs, action, reward, done, truncated of every slot, [n_envs, ...] each."""
            if not (self.pos or self.full):
                return None
            row = (self.pos - 1) % self.buffer_size
            return [
                _mapped(lambda values: values[row], column)
                for column in (
                    self.observations,
                    self.next_observations,
                    self.actions,
                    self.rewards,
                    self.dones,
                    self.timeouts,
                )
            ]

    return WithoutVoidSteps


class RemoteVecEnv(VecEnv):  # type: ignore[misc, unused-ignore]
    """Made by `make_vec_env`.

    Infos are as Stable-Baselines3's own environments under a Monitor give them:
    `terminal_observation`, `TimeLimit.truncated`, `episode`, the environment's metrics and goal
    extras by name, and `is_success` where it reports success. HerReplayBuffer's `compute_reward`
    is one call a batch; where the goal has extras it needs `copy_info_dict=True`.
    `set_options({"level": 3})` before `reset` sets parameters, for all or, with a list, for each;
    they hold until they are set again. An unknown one is an OptionError (a ValueError) that
    lists those there are. `env_method("set_parameters", {"level": 3}, indices=[0])` sets them
    for the next episodes without a reset, `env_method("save_state")` and
    `env_method("restore_state", state, indices=[0])` save and restore slots.
    If a slot's simulator failed and was replaced, the step has no outcome and no reward, but
    Stable-Baselines3 stores one of every slot: the step is an ArmatureError, after which `reset`
    goes on. With `marks_void_steps` the slot's episode is truncated instead in the last
    observation there was, with reward NaN; `restarted` and `fault` in its info say so and why,
    and it has no `episode`, so that it does not count in means. `without_void_steps` makes a
    replay buffer that stores none of them; VecNormalize(norm_reward=True) cannot be between.
    Seeds: slot i's episodes are drawn from (seed, i). Thread safety: one thread at a time.
    """

    def __init__(self, slots: RemoteSlots, marks_void_steps: bool = False) -> None:
        self._slots = slots
        self._marks_void_steps = marks_void_steps
        # What get_attr finds, the same for every environment.
        self._attributes: dict[str, Any] = {
            "render_mode": slots.render_mode,
            "spec": slots.gym_spec(),
            "observation_space": slots.spec.observation_space(),
            "action_space": slots.spec.action.space(),
            "compute_reward": self._compute_reward,
        }
        super().__init__(
            slots.num_envs,
            self._attributes["observation_space"],
            self._attributes["action_space"],
        )
        self.metadata = dict[str, Any](self.metadata, render_fps=1 / slots.spec.control_period_s)
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._started_at = time.monotonic()

    def reset(self) -> Observation:
        """Begins a new episode in every slot, from the seed given to `seed` if any.

        With the parameters given to `set_options`.
        """
        for slot, options in enumerate(self._options):
            if options:
                self._slots.set_parameters(options, [slot])
        step = self._slots.reset(self._seeds[0])
        self._reset_seeds()
        self._reset_options()
        self._returns[:] = 0
        self._lengths[:] = 0
        return self._slots.observation(step.observation)

    def step_async(self, actions: npt.ArrayLike) -> None:
        self._slots.send(actions)

    def step_wait(
        self,
    ) -> tuple[Observation, npt.NDArray[np.float32], npt.NDArray[np.bool_], list[dict[str, Any]]]:
        step = self._slots.receive()
        if step.restarted.any() and not self._marks_void_steps:
            raise ArmatureError(_void_step(self._slots.faults(step)))
        self._returns += step.reward
        self._lengths += 1
        return (
            self._slots.observation(step.observation),
            step.reward.copy(),
            step.terminated | step.truncated,
            self._infos(step),
        )

    def close(self) -> None:
        self._slots.close()

    def get_images(self) -> Sequence[npt.NDArray[np.uint8] | None]:
        """A picture of each slot, uint8 [height, width, 3]; None without a render_mode.

        Where a step has just ended an episode, of its end: so videos have it, and lack the first
        state of the next one. The present state, always: `env_method("render")`.
        """
        if self.render_mode is None:
            return [None] * self.num_envs
        return [self._slots.render(slot, last_state=True) for slot in range(self.num_envs)]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """AttributeError: environments on a server have no such attribute to be seen here."""
        if attr_name not in self._attributes:
            raise AttributeError(
                f"'{attr_name}': environments on an env server have "
                f"{', '.join(self._attributes)} only"
            )
        return [self._attributes[attr_name] for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """AttributeError, always: what may be set is in the environment's config."""
        raise AttributeError(f"'{attr_name}' cannot be set on an env server; use config")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """`compute_reward` (one call to the server, whatever `indices` are), and of each slot
        of `indices` `render`, `set_parameters`, `save_state` and `restore_state`."""
        per_slot = {
            "render": self._slots.render,
            "set_parameters": self._set_parameters,
            "save_state": self._slots.save_state,
            "restore_state": self._restore_state,
        }
        if method_name in per_slot:
            method: Any = per_slot[method_name]
            slots = self._get_indices(indices)
            return [method(slot, *method_args, **method_kwargs) for slot in slots]
        if method_name != "compute_reward":
            raise AttributeError(
                f"'{method_name}': environments on an env server have compute_reward, "
                f"{', '.join(per_slot)} only"
            )
        rewards = self._compute_reward(*method_args, **method_kwargs)
        return [rewards for _ in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: Any = None
    ) -> list[bool]:
        """True for Monitor, whose statistics are given."""
        return [wrapper_class is Monitor for _ in self._get_indices(indices)]

    def _compute_reward(
        self, achieved_goal: npt.ArrayLike, desired_goal: npt.ArrayLike, info: Any = None
    ) -> Any:
        return self._slots.compute_reward(achieved_goal, desired_goal, info)[0]

    def _set_parameters(self, slot: int, values: Mapping[str, float]) -> None:
        self._slots.set_parameters(values, [slot])

    def _restore_state(self, slot: int, state: bytes) -> Observation:
        """`episode` of the restored slot counts from here."""
        self._returns[slot] = 0
        self._lengths[slot] = 0
        return self._slots.one_observation(self._slots.restore_state(slot, state))

    def _infos(self, step: Step) -> list[dict[str, Any]]:
        infos: list[dict[str, Any]] = [
            {"TimeLimit.truncated": truncated} for truncated in step.truncated.tolist()
        ]
        reports = self._slots.reports(step)
        for slot, info in enumerate(infos):
            if reports and not step.restarted[slot]:
                info.update(row_of_reports(reports, slot))
        if self._slots.spec.reports_success:
            for info, is_success in zip(infos, step.is_success.tolist()):
                info["is_success"] = is_success
        for k, slot in enumerate(step.final_slot):
            info = infos[slot]
            info["terminal_observation"] = self._slots.observation(step.final_observation, k)
            if not step.restarted[slot]:
                info["episode"] = {
                    "r": round(float(self._returns[slot]), _STATISTICS_DECIMALS),
                    "l": int(self._lengths[slot]),
                    "t": round(time.monotonic() - self._started_at, _STATISTICS_DECIMALS),
                }
            self._returns[slot] = 0
            self._lengths[slot] = 0
        if step.restarted.any():
            for slot, fault in self._slots.faults(step).items():
                infos[slot].update(restarted=True, fault=fault)
        return infos


def _void_step(faults: dict[int, str]) -> str:
    slot, fault = next(iter(faults.items()))
    return (
        f"slot {slot}: {fault}: the step has no outcome to learn from; reset() goes on, and an "
        "off-policy learner leaves such steps out with make_vec_env(..., marks_void_steps=True) "
        "and replay_buffer_class=armature.sb3.without_void_steps(ReplayBuffer)"
    )


def _first_valid(columns: list[Any], infos: Any, void: npt.NDArray[np.bool_]) -> list[Any] | None:
    """The first slot's transition that is not void, once for every slot."""
    if void.all():
        return None
    slot = int(np.argmin(void))
    truncated = np.array([bool(info.get("TimeLimit.truncated")) for info in infos])
    return [
        _mapped(lambda values: np.stack([values[slot]] * len(void)), column)
        for column in (*columns, truncated)
    ]


def _mixed(void: npt.NDArray[np.bool_], stored: Any, new: Any) -> Any:
    """The rows of `stored` where `void`, else those of `new`."""
    if isinstance(new, dict):
        return {key: _mixed(void, stored[key], values) for key, values in new.items()}
    mixed = np.array(new)
    mixed[void] = np.reshape(stored, mixed.shape)[void]
    return mixed


def _mapped(function: Callable[[Any], Any], values: Any) -> Any:
    if isinstance(values, dict):
        return {key: function(value) for key, value in values.items()}
    return function(values)

"""Environments on env servers as a ``gymnasium.vector.VectorEnv``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from armature.connection import TIMEOUT_S, Array
from armature.errors import ArmatureError, OptionError
from armature.session import Step
from armature.slots import Observation, RemoteSlots, generator_seed
from armature.transport import TransportOptions


def make_vec(
    address: str | Sequence[str],
    num_envs: int = 1,
    env_id: str | None = None,
    config: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    render_mode: str | None = None,
    transport: TransportOptions | None = None,
    timeout_s: float = TIMEOUT_S,
) -> RemoteVectorEnv:
    """`num_envs` environments on the env server at `address`, "host:port".

    Several addresses share the environments as equally as can be. `env_id` may be left out
    where the server hosts one environment only; `config` is the environment's own keyword
    arguments. `timeout_s` bounds every wait for the server.
    ServerError: nothing answers there, it hosts no such environment, or it is full.
    """
    return RemoteVectorEnv(
        RemoteSlots(
            address,
            num_envs,
            env_id=env_id,
            config=config,
            seed=seed,
            render_mode=render_mode,
            transport=transport,
            timeout_s=timeout_s,
        )
    )


class RemoteVectorEnv(gym.vector.VectorEnv[Any, Any, Any]):
    """Made by `make_vec`. Its slots begin their next episode in the step that ends one.

    Where an episode ended, `infos` has, as Gymnasium's own vector environments in the mode
    SAME_STEP, `final_obs` (an array of objects, None in the other slots), `final_info` and
    the masks `_final_obs` and `_final_info`. Metrics and goal extras come in `infos` by name,
    arrays [num_envs, ...] with masks, of the step just taken (also where it ended an episode);
    so does `is_success` where the environment reports success.
    `reset(options={"level": 3})` sets parameters, which hold until they are set again; unknown
    ones are an OptionError (a ValueError) that lists those there are.
    A slot whose simulator failed and was replaced is `truncated`, with the last observation
    there was in `final_obs` and reward NaN, for none was given; `restarted` and `fault` in
    `infos` (and in `final_info`) say so, and why. Such a step is no experience: drop it.
    Seeds: slot i's episodes are drawn from (seed, i); the server, and how slots are split
    over servers, do not matter. Thread safety: one thread at a time.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (as Gymnasium declares it)
        "render_modes": ["rgb_array"],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(self, slots: RemoteSlots) -> None:
        self.num_envs = slots.num_envs
        self.render_mode = slots.render_mode
        self.single_observation_space = slots.spec.observation_space()
        self.single_action_space = slots.spec.action.space()
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.metadata = dict(type(self).metadata, render_fps=1 / slots.spec.control_period_s)
        self.spec = slots.gym_spec()
        self._slots = slots

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins a new episode in every slot; `seed` is one integer, one a slot, or None to go on.

        With one a slot, slot i begins as `make` does with `reset(seed=seed[i])`.

        `options`: values of the environment's parameters, by name, from these episodes on;
        and `"reset_mask": mask`, bool [num_envs]: in those only, if their episodes have ended
        (they have begun the next one, which stays), or in all.
        """
        parameters = dict(options or {})
        mask = parameters.pop("reset_mask", None)
        if parameters and mask is not None and not np.all(mask):
            raise OptionError(
                f"{', '.join(parameters)} with a reset_mask of some, whose episodes have begun; "
                "use set_parameters, for their next ones"
            )
        self._slots.set_parameters(parameters)
        super().reset(seed=generator_seed(seed))
        if mask is None or np.all(mask):
            step = self._slots.reset(seed)
        elif seed is None:
            step = self._slots.reset_some(mask)
        else:
            raise ArmatureError(f"seed is {seed} with a reset_mask of some; expected None")
        return self._slots.observation(step.observation), {}

    def step(
        self, actions: Any
    ) -> tuple[
        Observation,
        npt.NDArray[np.float64],
        npt.NDArray[np.bool_],
        npt.NDArray[np.bool_],
        dict[str, Any],
    ]:
        """`actions`: a batch of the action space, [num_envs, action shape...]."""
        self._slots.send(actions)
        step = self._slots.receive()
        return (
            self._slots.observation(step.observation),
            step.reward.astype(np.float64),
            step.terminated,
            step.truncated,
            self._infos(step),
        )

    def render(self) -> Any:
        """A picture of each slot, uint8 [height, width, 3]; None without a render_mode."""
        if self.render_mode is None:
            return None
        return tuple(self._slots.render(slot) for slot in range(self.num_envs))

    def compute_reward(
        self, achieved_goal: npt.ArrayLike, desired_goal: npt.ArrayLike, info: Any = None
    ) -> Array:
        """Rewards, float32 [...], of goals [..., goal shape...]: one call for all.

        `info`: the info of each one's step, [...] dicts, for the goal extras in it.
        """
        return self._slots.compute_reward(achieved_goal, desired_goal, info)[0]

    def set_parameters(
        self, values: Mapping[str, float], slots: Sequence[int] | None = None
    ) -> None:
        """From the next episode of each of `slots` on (None: all); as the options of `reset`."""
        self._slots.set_parameters(values, slots)

    @property
    def episode_parameters(self) -> dict[str, Array]:
        """What each slot's present episode began with, [num_envs], by name."""
        return self._slots.episode_parameters()

    def save_state(self, slot: int) -> bytes:
        """The present state of a slot, for `restore_state` of any slot or client, also later.

        The bytes are for env servers to read. ArmatureError: the environment saves none.
        """
        return self._slots.save_state(slot)

    def restore_state(self, slot: int, state: bytes) -> Observation:
        """Goes on from a saved state in one slot; the observation there, of that slot alone.

        From there the same actions give the same steps until the episode ends; its steps so far
        count. ArmatureError: the bytes are not of this environment; nothing has changed.
        """
        return self._slots.one_observation(self._slots.restore_state(slot, state))

    def close_extras(self, **kwargs: Any) -> None:
        self._slots.close()

    def _infos(self, step: Step) -> dict[str, Any]:
        everywhere = np.ones(self.num_envs, np.bool_)
        # Each entry and where it is meant.
        entries = {
            name: (values.copy(), ~step.restarted)
            for name, values in self._slots.reports(step).items()
        }
        if self._slots.spec.reports_success:
            entries["is_success"] = (step.is_success, everywhere)
        if step.restarted.any():
            fault = np.full(self.num_envs, None, object)
            for slot, line in self._slots.faults(step).items():
                fault[slot] = line
            entries["restarted"] = (step.restarted, everywhere)
            entries["fault"] = (fault, step.restarted)
        infos: dict[str, Any] = {}
        for name, (values, mask) in entries.items():
            infos[name], infos[f"_{name}"] = values, mask.copy()
        if not step.final_slot:
            return infos
        ended = step.terminated | step.truncated
        final_obs = np.full(self.num_envs, None, object)
        for k, slot in enumerate(step.final_slot):
            final_obs[slot] = self._slots.observation(step.final_observation, k)
        final_info: dict[str, Any] = {}
        for name, (values, mask) in entries.items():
            final_info[name], final_info[f"_{name}"] = values.copy(), mask & ended
        infos["final_obs"], infos["_final_obs"] = final_obs, ended
        infos["final_info"], infos["_final_info"] = final_info, ended.copy()
        return infos

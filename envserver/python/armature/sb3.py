"""Environments on env servers as a Stable-Baselines3 ``VecEnv``.

Needs stable-baselines3 (``pip install armature[sb3]``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from armature.connection import TIMEOUT_S
from armature.errors import ArmatureError
from armature.session import Step
from armature.slots import Observation, RemoteSlots
from armature.transport import TransportOptions

try:
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env.base_vec_env import VecEnv
except ImportError as error:
    raise ImportError(
        f"armature.sb3 needs stable-baselines3 ({error}): pip install stable-baselines3"
    ) from error

# As Monitor rounds.
_STATISTICS_DECIMALS = 6


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
) -> RemoteVecEnv:
    """`num_envs` environments for Stable-Baselines3; arguments and errors as `make_vec`."""
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
        )
    )


class RemoteVecEnv(VecEnv):  # type: ignore[misc, unused-ignore]
    """Made by `make_vec_env`.

    Infos are as Stable-Baselines3's own environments under a Monitor give them:
    `terminal_observation`, `TimeLimit.truncated`, `episode`, and `is_success` where the
    environment reports success. HerReplayBuffer's `compute_reward` is one call a batch.
    If a slot's simulator failed and was replaced, its episode is truncated in the last
    observation there was, with reward 0; `restarted` and `fault` in its info say so and why,
    and it has no `episode`, so that it does not count in means.
    Seeds: slot i's episodes are drawn from (seed, i). Thread safety: one thread at a time.
    """

    def __init__(self, slots: RemoteSlots) -> None:
        self._slots = slots
        # What get_attr finds, the same for every environment.
        self._attributes: dict[str, Any] = {
            "render_mode": slots.render_mode,
            "spec": slots.gym_spec(),
            "observation_space": slots.spec.observation_space(),
            "action_space": slots.spec.action_space(),
            "compute_reward": self._compute_reward,
        }
        super().__init__(
            slots.num_envs,
            self._attributes["observation_space"],
            self._attributes["action_space"],
        )
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._started_at = time.monotonic()

    def reset(self) -> Observation:
        """Begins a new episode in every slot, from the seed given to `seed` if any."""
        if any(self._options):
            raise ArmatureError("reset options do not cross to an env server; use config")
        step = self._slots.reset(self._seeds[0])
        self._reset_seeds()
        self._returns[:] = 0
        self._lengths[:] = 0
        return self._slots.observation(step.observation)

    def step_async(self, actions: npt.ArrayLike) -> None:
        self._slots.send(actions)

    def step_wait(
        self,
    ) -> tuple[Observation, npt.NDArray[np.float32], npt.NDArray[np.bool_], list[dict[str, Any]]]:
        step = self._slots.receive()
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
        if self.render_mode is None:
            return [None] * self.num_envs
        return [self._slots.render(slot) for slot in range(self.num_envs)]

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
        """`compute_reward` and `render`. One call to the server, whatever `indices` are."""
        if method_name == "render":
            return [self._slots.render(slot) for slot in self._get_indices(indices)]
        if method_name != "compute_reward":
            raise AttributeError(
                f"'{method_name}': environments on an env server have compute_reward and render "
                "only"
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
        return self._slots.compute_reward(achieved_goal, desired_goal)[0]

    def _infos(self, step: Step) -> list[dict[str, Any]]:
        infos: list[dict[str, Any]] = [
            {"TimeLimit.truncated": truncated} for truncated in step.truncated.tolist()
        ]
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

"""Environments on env servers as an rsl_rl ``VecEnv``.

Needs rsl-rl-lib 5 (``pip install rsl-rl-lib``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from armature.connection import TIMEOUT_S
from armature.errors import ArmatureError
from armature.session import Step
from armature.slots import RemoteSlots
from armature.transport import TransportOptions

try:
    import torch
    from rsl_rl.env import VecEnv
    from tensordict import TensorDict
except ImportError as error:
    raise ImportError(
        f"armature.rsl_rl needs rsl-rl-lib ({error}): pip install rsl-rl-lib"
    ) from error


def make_vec_env(
    address: str | Sequence[str],
    num_envs: int = 1,
    env_id: str | None = None,
    config: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    transport: TransportOptions | None = None,
    timeout_s: float = TIMEOUT_S,
    device: torch.device | str = "cpu",
) -> RemoteVecEnv:
    """`num_envs` environments for rsl_rl; arguments and errors as `make_vec`.

    `device`: where the tensors are. ArmatureError, also: the actions are not numbers with bounds.
    """
    return RemoteVecEnv(
        RemoteSlots(
            address,
            num_envs,
            env_id=env_id,
            config=config,
            seed=seed,
            render_mode=None,
            transport=transport,
            timeout_s=timeout_s,
        ),
        device,
    )


class RemoteVecEnv(VecEnv):  # type: ignore[misc, unused-ignore]
    """Made by `make_vec_env`. For `OnPolicyRunner(env, train_cfg, log_dir)`.

    Observations: one group a field of the environment, float32 [num_envs, field shape...], a plain
    number [num_envs, 1]; `obs_groups={"actor": env.fields, "critic": env.fields}` takes them all.
    Actions are held to their bounds. `time_outs` are truncations. `log` has the mean of each
    metric of the step, such as the reward terms, under its name.
    Slots begin their next episode in the step that ends one, always at its first step, so
    `learn` needs `init_at_random_ep_len=False`, its default.
    A step whose simulator failed and was replaced has reward 0 and is a time-out; `/restarted` in
    `log` counts them.
    Thread safety: one thread at a time.
    """

    def __init__(self, slots: RemoteSlots, device: torch.device | str = "cpu") -> None:
        self._slots = slots
        spec = slots.spec
        if spec.action.is_discrete:
            slots.close()
            raise ArmatureError(
                f"the actions of {slots.env_id} are choices; expected numbers with bounds, "
                "as rsl_rl's policies are Gaussian"
            )
        self.num_envs = slots.num_envs
        self.num_actions = spec.action.size
        self.max_episode_length = spec.horizon
        self.device = device
        self.cfg: dict[str, Any] = {"env_id": slots.env_id, **slots.config}
        self.fields = [field.name for field in spec.observation]
        self._low = np.array(spec.action.low, np.float32)
        self._high = np.array(spec.action.high, np.float32)
        self._lengths = torch.zeros(self.num_envs, dtype=torch.long, device=device)
        self._observations = self._groups(slots.reset(None))

    @property
    def episode_length_buf(self) -> torch.Tensor:
        """Steps of each slot's present episode, [num_envs]."""
        return self._lengths

    @episode_length_buf.setter
    def episode_length_buf(self, value: torch.Tensor) -> None:
        raise ArmatureError(
            "episode_length_buf was set: episodes on an env server begin at their first step; "
            "expected init_at_random_ep_len=False"
        )

    def get_observations(self) -> TensorDict:
        return self._observations

    def step(
        self, actions: torch.Tensor
    ) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """`actions`: [num_envs, num_actions]."""
        numbers = np.clip(actions.detach().cpu().numpy(), self._low, self._high)
        self._slots.send(numbers.reshape(self.num_envs, *self._slots.spec.action.shape))
        step = self._slots.receive()
        self._observations = self._groups(step)
        ended = self._tensor(step.terminated | step.truncated)
        self._lengths = torch.where(ended, 0, self._lengths + 1)
        extras = {"time_outs": self._tensor(step.truncated), "log": self._log(step)}
        reward = np.where(step.restarted, 0, step.reward).astype(np.float32)
        return self._observations, self._tensor(reward), ended, extras

    def close(self) -> None:
        self._slots.close()

    def _groups(self, step: Step) -> TensorDict:
        groups = {
            name: self._tensor(
                values.astype(np.float32).reshape(self.num_envs, *values.shape[1:] or (1,))
            )
            for name, values in zip(self.fields, step.observation)
        }
        return TensorDict(groups, batch_size=[self.num_envs], device=self.device)

    def _log(self, step: Step) -> dict[str, float]:
        given = ~step.restarted
        log = {"/restarted": float(step.restarted.sum())}
        if given.any():
            for i, metric in enumerate(self._slots.spec.metrics):
                log[f"/{metric.name}"] = float(step.metric[given, i].mean())
        return log

    def _tensor(self, values: npt.NDArray[Any]) -> torch.Tensor:
        return torch.tensor(values, device=self.device)

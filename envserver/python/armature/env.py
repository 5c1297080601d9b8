"""One environment on an env server as a ``gymnasium.Env``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from armature.connection import TIMEOUT_S, Array
from armature.slots import Observation, RemoteSlots, generator_seed, row_of_reports
from armature.transport import TransportOptions
from armature.watch import Watch


def make(
    address: str,
    env_id: str | None = None,
    config: Mapping[str, Any] | None = None,
    *,
    render_mode: str | None = None,
    transport: TransportOptions | None = None,
    timeout_s: float = TIMEOUT_S,
) -> RemoteEnv:
    """One environment on the env server at `address`; arguments and errors as `make_vec`."""
    return RemoteEnv(
        address,
        env_id,
        config,
        render_mode=render_mode,
        transport=transport,
        timeout_s=timeout_s,
    )


class RemoteEnv(gym.Env[Any, Any]):
    """Made by `make`. Truncates at its horizon itself: it needs no TimeLimit.

    The episodes after `reset(seed=s)` are the same on whatever server. The server begins the
    next episode in the step that ends one, so the `reset()` after it costs nothing.
    `info` has the environment's metrics and goal extras by name (as `spec.metrics` of
    `armature.describe(address, env_id)` lists them), and, where it reports them, the
    `executed_action` and `is_success`.
    `reset(options={"level": 3})` sets parameters, which hold until they are set again; unknown
    ones are an OptionError (a ValueError) that lists those there are. If the simulator failed and
    was replaced, the step is `truncated` in the last observation there was, its reward is NaN
    (none was given: it is no transition to learn from), and `info` has `restarted` (True) and
    `fault`, the reason. Thread safety: one thread at a time.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012 (as Gymnasium has it)

    def __init__(
        self,
        address: str,
        env_id: str | None = None,
        config: Mapping[str, Any] | None = None,
        *,
        render_mode: str | None = None,
        transport: TransportOptions | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        slots = RemoteSlots(
            address,
            1,
            env_id=env_id,
            config=config,
            seed=None,
            render_mode=render_mode,
            transport=transport,
            timeout_s=timeout_s,
        )
        self.render_mode = render_mode
        self.observation_space = slots.spec.observation_space()
        self.action_space = slots.spec.action.space()
        self.metadata = {
            "render_modes": ["rgb_array"] if slots.spec.can_render else [],
            "render_fps": 1 / slots.spec.control_period_s,
        }
        self.spec = slots.gym_spec(
            address=address,
            env_id=slots.env_id,
            config=config,
            transport=transport,
            timeout_s=timeout_s,
        )
        self._slots = slots

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode: with a seed that seed's first one, else the next.

        `options`: values of the environment's parameters, by name, from this episode on.
        """
        self._slots.set_parameters(options or {})
        super().reset(seed=generator_seed(seed))
        step = self._slots.reset(seed)
        return self._slots.observation(step.observation, 0), {}

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """`action`: one of the action space."""
        self._slots.send(np.asarray(action)[np.newaxis])
        step = self._slots.receive()
        info: dict[str, Any] = {}
        if step.restarted[0]:
            info.update(restarted=True, fault=self._slots.faults(step)[0])
        else:
            info.update(row_of_reports(self._slots.reports(step), 0))
        if self._slots.spec.reports_success:
            info["is_success"] = bool(step.is_success[0])
        fields = step.final_observation if step.final_slot else step.observation
        return (
            self._slots.observation(fields, 0),
            float(step.reward[0]),
            bool(step.terminated[0]),
            bool(step.truncated[0]),
            info,
        )

    def render(self) -> Any:
        """A picture, uint8 [height, width, 3]; None without a render_mode.

        After the step that ended an episode it shows that end, until `reset`.
        """
        return None if self.render_mode is None else self._slots.render(0, last_state=True)

    def compute_reward(
        self, achieved_goal: npt.ArrayLike, desired_goal: npt.ArrayLike, info: Any = None
    ) -> Array:
        """Rewards, float32 [...], of goals [..., goal shape...]: one call for all.

        `info`: the info of each one's step, [...] dicts, for the goal extras in it.
        """
        return self._slots.compute_reward(achieved_goal, desired_goal, info)[0]

    def compute_terminated(
        self, achieved_goal: npt.ArrayLike, desired_goal: npt.ArrayLike, info: Any = None
    ) -> npt.NDArray[np.bool_]:
        """Whether the task ends there, [...], of goals [..., goal shape...]."""
        return self._slots.compute_reward(achieved_goal, desired_goal, info)[1]

    def set_parameters(self, **values: float) -> None:
        """From the next episode on; as the options of `reset`."""
        self._slots.set_parameters(values)

    def save_state(self) -> bytes:
        """The present state, for `restore_state` here or of another client, also later.

        The bytes are for env servers to read. ArmatureError: the environment saves none.
        """
        return self._slots.save_state(0)

    def restore_state(self, state: bytes) -> Observation:
        """Goes on from a saved state, whose observation is returned.

        From there the same actions give the same steps until the episode ends; its steps so far
        count. ArmatureError: the bytes are not of this environment; nothing has changed.
        """
        return self._slots.one_observation(self._slots.restore_state(0, state))

    def watch(self) -> Watch:
        """What the environment shows from the next step or reset on: scene, meshes, frames.

        ArmatureError: it has no scene.
        """
        return self._slots.watch()

    def close(self) -> None:
        self._slots.close()

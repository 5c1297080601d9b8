"""What a worker process does that keeps one environment to answer questions about it.

Thread safety: none; one thread a process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from armature.errors import ArmatureError
from armature.serve.env_source import EnvSource, HostOptions, fields_of, make_env, space_spec
from armature.serve.spaces import ActionReader, write_observation
from armature.spec import EnvSpec

# Steps that are timed, and when timing ends at the latest.
_TIMED_STEPS = 10
_TIMING_S = 0.2


class ProbeWorker:
    """Makes the environment, runs it for some steps and tells its `spec`.

    `step_s`: seconds that a step takes, measured.
    """

    def __init__(self, source: EnvSource, config: Mapping[str, str], options: HostOptions) -> None:
        """ArmatureError: cannot be hosted; otherwise whatever the environment raises."""
        self._env = make_env(source, config, options)
        spec = space_spec(self._env, source.env_id, options)
        self.spec = _observed(self._env, spec, options)
        self.spec.validate()
        self.step_s = _step_s(self._env, self.spec)

    def close(self) -> None:
        self._env.close()

    def modules(self) -> list[str]:
        """What a process has to import to make such an environment quickly."""
        names = {type(self._env.unwrapped).__module__}
        layer: Any = self._env
        while isinstance(layer, gym.Wrapper):
            names.add(type(layer).__module__)
            layer = layer.env
        return sorted(name for name in names if name in sys.modules and name != "__main__")

    def compute_reward(
        self, achieved: npt.NDArray[Any], desired: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """Rewards and terminals, [n] each, of n goals [n, goal shape...].

        The rewards are those of the environment's own ``compute_reward(achieved, desired,
        info)``, as gymnasium-robotics and panda-gym have it; the terminals are those of
        ``compute_terminated`` where it has that, else 0. Where a method does not take n
        goals at once it is called for each. ArmatureError: it has no compute_reward, or
        gives something else than numbers; otherwise what the environment raises.
        """
        env: Any = self._env.unwrapped
        if not callable(getattr(env, "compute_reward", None)):
            raise ArmatureError("the environment has a goal but no method compute_reward")
        reward = _for_all(env.compute_reward, achieved, desired)
        terminated = np.zeros(len(achieved), np.uint8)
        if callable(getattr(env, "compute_terminated", None)):
            terminated = _for_all(env.compute_terminated, achieved, desired) != 0
        return reward.astype(np.float32), terminated.astype(np.uint8)


def _observed(env: gym.Env[Any, Any], spec: EnvSpec, options: HostOptions) -> EnvSpec:
    """`spec` with what only running tells: whether it reports success, a frame's size."""
    rows = [np.zeros(field.shape, field.dtype) for field in spec.observation]
    observation, _ = env.reset(seed=0)
    write_observation(fields_of(env), observation, rows)
    observation, _, _, _, info = env.step(_middle_action(env, spec))
    write_observation(fields_of(env), observation, rows)
    spec = dataclasses.replace(spec, reports_success=options.success_key in info)
    if not options.render:
        return spec
    frame = np.asarray(env.render())
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
        raise ArmatureError(
            f"--render: render() gives {frame.dtype} {list(frame.shape)}, expected uint8 "
            "[height, width, 3]"
        )
    return dataclasses.replace(
        spec, render_height_px=frame.shape[0], render_width_px=frame.shape[1]
    )


def _middle_action(env: gym.Env[Any, Any], spec: EnvSpec) -> Any:
    row = np.zeros(spec.action_size, np.float32)
    if not spec.is_discrete:
        row[:] = (np.array(spec.action_low) + np.array(spec.action_high)) / 2
    return ActionReader(env.action_space).read(row)


def _step_s(env: gym.Env[Any, Any], spec: EnvSpec) -> float:
    """The shortest of a few steps: what else the machine does only makes them longer.

    _TIMING_S at most; that is the answer, too, where none ended well.
    """
    action = _middle_action(env, spec)
    shortest_s = _TIMING_S
    ended = True
    begin_s = time.perf_counter()
    # One that fails now and then may fail here: its slots will count and mend it.
    with contextlib.suppress(Exception):
        for _ in range(_TIMED_STEPS):
            if ended:
                env.reset(seed=0)
            before_s = time.perf_counter()
            _, _, terminated, truncated, _ = env.step(action)
            now_s = time.perf_counter()
            shortest_s = min(shortest_s, now_s - before_s)
            ended = bool(terminated or truncated)
            if now_s - begin_s > _TIMING_S:
                break
    return shortest_s


def _for_all(
    method: Any, achieved: npt.NDArray[Any], desired: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """`method` of n goals, at once or one by one; [n] numbers. ArmatureError: they are not."""
    count = len(achieved)
    try:
        values = np.asarray(method(achieved, desired, [{} for _ in range(count)]))
    except Exception:
        values = np.empty(0)  # Perhaps it takes one goal at a time.
    if values.shape != (count,):
        values = np.asarray([method(achieved[i], desired[i], {}) for i in range(count)])
    if values.shape != (count,) or values.dtype.kind not in "biuf":
        raise ArmatureError(
            f"{method.__name__} of {count} goals gives {values.dtype} {list(values.shape)}, "
            f"expected {count} numbers"
        )
    return values

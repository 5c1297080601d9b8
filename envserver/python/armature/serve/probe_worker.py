"""What a worker process does that keeps one environment to answer questions about it.

Thread safety: none; one thread a process.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from armature.errors import ArmatureError
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
from armature.serve.saved_state import StateKeeper, state_hindrance
from armature.serve.spaces import MalformedError, write_observation
from armature.serve.state_trial import check_states
from armature.spec import EnvSpec

# Steps that are timed, steps whose rewards are computed again, and where trying ends even
# though no episode has.
_TIMED_STEPS = 10
_GOAL_STEPS = 200
_STEPS_MAX = 1000
_TRIAL_S = 2.0
# Different actions with which saved states are tried.
_STATE_ACTIONS = 32


class ProbeWorker:
    """Makes the environment, tries it with random actions and tells its `spec`.

    `step_s`: seconds that a step takes, the shortest of those tried: what else the machine
    does only makes them longer. `warnings`: sentences for whoever hosts it. `goal_refusal`:
    why rewards of other goals cannot be had; "": they can, or there is no goal.
    """

    def __init__(self, source: EnvSource, config: Mapping[str, str], options: HostOptions) -> None:
        """ArmatureError: cannot be hosted; otherwise whatever the environment raises."""
        self._source = source
        self._env = make_env(source, config, options)
        self.spec = space_spec(self._env, source.env_id, options)
        self.spec.validate()
        trial = _Trial(self._env, self.spec, options)
        trial.run()
        self.step_s = trial.step_s
        self.warnings: list[str] = []
        self.goal_refusal = ""
        self._goal_reward = trial.goal_reward
        if self._goal_reward is not None:
            self.goal_refusal = trial.check_goals()
        if self.goal_refusal:
            self.warnings.append(f"{self.goal_refusal}: hindsight will be refused")
        hindrance = state_hindrance(self._env) or trial.check_states()
        if hindrance:
            self.warnings.append(hindrance)
            self.spec = dataclasses.replace(self.spec, saves_state=False)
        if trial.success_is_unknown:
            self.warnings.append(
                f"info['{options.success_key}'] did not come in {trial.steps} steps, in which no "
                "episode ended: taken to report no success; if it comes in the last step, start "
                "with --reports_success=yes, else with --reports_success=no"
            )
        self.spec = dataclasses.replace(self.spec, reports_success=trial.reports_success)
        if options.render:
            height, width = _frame_size(self._env)
            self.spec = dataclasses.replace(
                self.spec, render_height_px=height, render_width_px=width
            )

    def close(self) -> None:
        self._env.close()

    def modules(self) -> list[str]:
        """What a process has to import to make such an environment quickly."""
        names = {type(self._env.unwrapped).__module__, self._source.module}
        layer: Any = self._env
        while isinstance(layer, gym.Wrapper):
            names.add(type(layer).__module__)
            layer = layer.env
        return sorted(name for name in names if name in sys.modules and name != "__main__")

    def compute_reward(
        self,
        achieved: npt.NDArray[Any],
        desired: npt.NDArray[Any],
        extra: Sequence[npt.NDArray[Any]],
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """As GoalReward.compute. ArmatureError: `goal_refusal`, too."""
        assert self._goal_reward is not None
        if self.goal_refusal:
            raise ArmatureError(self.goal_refusal)
        return self._goal_reward.compute(achieved, desired, extra)


class _Trial:
    """Some steps with random actions, each checked as a slot checks its own.

    They go on until an episode has ended, in which what comes in last steps only has come,
    and, where there are goals, until there is something to compare.
    """

    def __init__(self, env: gym.Env[Any, Any], spec: EnvSpec, options: HostOptions) -> None:
        self._env = env
        self._spec = spec
        self._options = options
        self._fields = fields_of(env)
        self._actions = actions_of(env)
        self._rows = [np.zeros(field.shape, field.dtype) for field in spec.observation]
        self._metric_names = [metric.name for metric in spec.metrics]
        self._metric = np.zeros(len(spec.metrics), np.float32)
        self._extra = [np.zeros(field.shape, np.float32) for field in spec.goal_extra]
        self._executed = np.zeros(spec.action.size, np.float32)
        initial = [parameter.initial for parameter in spec.parameters]
        self._reset_options = episode_options(spec, initial)
        self._random = np.random.default_rng(0)
        self._saw_success = False
        self._episodes = 0
        self._episode_steps = 0
        self._goals: list[tuple[Any, Any, Any, float, bool]] = []
        self.steps = 0
        self.step_s = _TRIAL_S
        self.goal_reward: GoalReward | None = None

    @property
    def reports_success(self) -> bool:
        declared = self._options.reports_success
        return self._saw_success if declared is None else declared

    @property
    def success_is_unknown(self) -> bool:
        declared = self._options.reports_success is not None
        return not (declared or self._saw_success or self._episodes)

    def run(self) -> None:
        """ArmatureError; what the environment raises, in its first step."""
        end_s = time.perf_counter() + _TRIAL_S
        self._begin_episode()
        try:
            while not self._is_enough() and (self.steps == 0 or time.perf_counter() < end_s):
                if self._step():
                    self._episodes += 1
                    self._begin_episode()
        except MalformedError:
            raise
        except Exception:
            # One that fails now and then may fail here: its slots will count and mend it.
            if self.steps == 0:
                raise

    def check_goals(self) -> str:
        assert self.goal_reward is not None
        achieved, desired, extra, reward, terminated = zip(*self._goals)
        return self.goal_reward.check(
            np.stack(achieved),
            np.stack(desired),
            [np.stack(values) for values in zip(*extra)],
            np.array(reward),
            np.array(terminated),
        )

    def check_states(self) -> str:
        """As armature.serve.state_trial; "" too where none are saved."""
        keeper = StateKeeper.of(self._env)
        if keeper is None:
            return ""
        actions = [self._random_action() for _ in range(_STATE_ACTIONS)]
        return check_states(
            self._env,
            keeper,
            lambda i: self._actions.read(actions[i % _STATE_ACTIONS]),
            self._fields,
            self._rows,
            self._reset_options,
        )

    def _is_enough(self) -> bool:
        wanted = _GOAL_STEPS if self._spec.has_goal else _TIMED_STEPS
        return self.steps >= _STEPS_MAX or (self.steps >= wanted and not self.success_is_unknown)

    def _begin_episode(self) -> None:
        self._episode_steps = 0
        observation = read_reset(self._env.reset(seed=self._episodes, **self._reset_options))
        write_observation(self._fields, observation, self._rows)
        if self._spec.has_goal and self.goal_reward is None:
            self.goal_reward = GoalReward(self._env, observation, self._spec.goal_extra)

    def _step(self) -> bool:
        """Whether the episode has ended."""
        action = self._actions.read(self._random_action())
        before_s = time.perf_counter()
        returned = self._env.step(action)
        self.step_s = min(self.step_s, time.perf_counter() - before_s)
        observation, reward, terminated, truncated, info = read_step(returned)
        write_observation(self._fields, observation, self._rows)
        read_metrics(info, self._metric_names, self._metric)
        read_extra(info, self._spec.goal_extra, self._extra)
        if self._spec.reports_executed_action:
            read_executed(info, self._spec.action, self._executed)
        if self._options.reports_success is not False:
            self._saw_success |= read_success(info, self._options.success_key) is not None
        if self._spec.has_goal:
            names = [field.name for field in self._spec.observation]
            goals = (self._spec.achieved_field, self._spec.desired_field)
            achieved, desired = (self._rows[names.index(name)].copy() for name in goals)
            extra = [values.copy() for values in self._extra]
            self._goals.append((achieved, desired, extra, reward, terminated))
        self.steps += 1
        self._episode_steps += 1
        return terminated or truncated or self._episode_steps == self._spec.horizon

    def _random_action(self) -> npt.NDArray[np.float32]:
        action = self._spec.action
        if action.is_discrete:
            return self._random.integers(0, action.choices).astype(np.float32)
        return self._random.uniform(action.low, action.high).astype(np.float32)


def _frame_size(env: gym.Env[Any, Any]) -> tuple[int, int]:
    """Height and width in pixels. ArmatureError: what it draws is no picture."""
    frame = np.asarray(env.render())
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
        raise ArmatureError(
            f"--render: render() gives {frame.dtype} {list(frame.shape)}, expected uint8 "
            "[height, width, 3]"
        )
    return frame.shape[0], frame.shape[1]

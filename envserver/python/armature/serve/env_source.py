"""Where a hosted environment comes from, and how one is made.

Only worker processes make environments: `parse_source` and `parse_config` touch nothing
of the user's.
Thread safety: free functions.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from armature.errors import ArmatureError
from armature.serve.spaces import ActionReader, Field, has_goal, observation_fields
from armature.spec import EnvSpec

# What Gymnasium's environments call the flag that proto/env_service.proto calls is_success.
DEFAULT_SUCCESS_KEY = "is_success"


@dataclasses.dataclass(frozen=True)
class EnvSource:
    """One ``--env``: `name` of `module`, which is empty for what Gymnasium knows already."""

    env_id: str
    module: str
    name: str


@dataclasses.dataclass(frozen=True)
class HostOptions:
    """What every environment of a server is made and read with."""

    render: bool = False
    success_key: str = DEFAULT_SUCCESS_KEY
    control_period_s: float = 0.0  # 0: the environment's own.


class RefusedConfigError(ArmatureError):
    """An env_config that the environment does not take."""


def parse_source(text: str, env_id: str = "") -> EnvSource:
    """``Pendulum-v1``, ``module:Id-v0`` or ``module:factory``. ArmatureError: neither."""
    module, colon, name = text.rpartition(":")
    if not name or (colon and not module):
        raise ArmatureError(f"--env {text}: expected ID, MODULE:ID or MODULE:FACTORY")
    return EnvSource(env_id or name, module, name)


def parse_config(config: Mapping[str, str]) -> dict[str, Any]:
    """Keyword arguments: each value as the JSON scalar that it reads as, else as it is."""
    keywords: dict[str, Any] = {}
    for key, text in config.items():
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        keywords[key] = text if isinstance(value, (dict, list)) else value
    return keywords


def make_env(
    source: EnvSource, config: Mapping[str, str], options: HostOptions
) -> gym.Env[Any, Any]:
    """A new environment. RefusedConfigError; otherwise whatever the user's code raises."""
    keywords = parse_config(config)
    if options.render:
        keywords.setdefault("render_mode", "rgb_array")
    try:
        env = _make(source, keywords)
    except Exception as error:
        if not config:
            raise
        raise RefusedConfigError(_refusal(config, error)) from error
    if not isinstance(env, gym.Env):
        raise ArmatureError(
            f"{source.module}:{source.name} returned a {type(env).__name__}, expected a "
            "gymnasium.Env"
        )
    _refuse_autoreset(env)
    return env


def space_spec(env: gym.Env[Any, Any], env_id: str, options: HostOptions) -> EnvSpec:
    """What `env` tells of itself without being run. SpaceError: cannot be hosted."""
    action = ActionReader(env.action_space)
    goal = has_goal(env.observation_space)
    return EnvSpec(
        id=env_id,
        observation=tuple(field.spec for field in fields_of(env)),
        action_low=action.low,
        action_high=action.high,
        num_choices=action.num_choices,
        achieved_field="achieved_goal" if goal else "",
        desired_field="desired_goal" if goal else "",
        horizon=_horizon(env),
        control_period_s=options.control_period_s or _control_period_s(env),
    )


def fields_of(env: gym.Env[Any, Any]) -> tuple[Field, ...]:
    return observation_fields(env.observation_space)


def describe_error(error: BaseException) -> str:
    """One line, as the last one of a traceback."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _make(source: EnvSource, keywords: dict[str, Any]) -> Any:
    if source.module:
        module = importlib.import_module(source.module)
        factory = getattr(module, source.name, None)
        if callable(factory):
            return factory(**keywords)
    # Our own checks of every step take the place of Gymnasium's checker.
    keywords.setdefault("disable_env_checker", True)
    return gym.make(source.name, **keywords)


def _refusal(config: Mapping[str, str], error: Exception) -> str:
    text = describe_error(error)
    for key in config:
        if isinstance(error, TypeError) and f"'{key}'" in text.split(" was raised from ")[0]:
            return f"env_config key '{key}' is not known to the environment: {text}"
    pairs = ", ".join(f"{key}={value}" for key, value in sorted(config.items()))
    return f"cannot be made with env_config {pairs}: {text}"


def _refuse_autoreset(env: gym.Env[Any, Any]) -> None:
    layer: Any = env
    while isinstance(layer, gym.Wrapper):
        if isinstance(layer, gym.wrappers.Autoreset):
            raise ArmatureError(
                "the environment is wrapped in gymnasium.wrappers.Autoreset, but the server "
                "begins episodes itself: take the wrapper off"
            )
        layer = layer.env


def _horizon(env: gym.Env[Any, Any]) -> int:
    if env.spec is not None and env.spec.max_episode_steps:
        return int(env.spec.max_episode_steps)
    layer: Any = env
    while isinstance(layer, gym.Wrapper):
        if isinstance(layer, gym.wrappers.TimeLimit):
            return int(layer._max_episode_steps)
        layer = layer.env
    return 0


def _control_period_s(env: gym.Env[Any, Any]) -> float:
    """`dt` of the environment, else one frame of `render_fps`, else 1: unknown."""
    period = getattr(env.unwrapped, "dt", None)
    if _is_positive(period):
        return float(period)  # type: ignore[arg-type]
    rate: Any = (env.metadata or {}).get("render_fps")
    if _is_positive(rate):
        return 1 / float(rate)
    return 1.0


def _is_positive(value: Any) -> bool:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return math.isfinite(number) and number > 0

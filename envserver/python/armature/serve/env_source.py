"""Where a hosted environment comes from, and how one is made.

Only worker processes make environments: `parse_source` and `parse_config` touch nothing
of the user's.
Thread safety: free functions.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

from armature.errors import ArmatureError
from armature.serve.declared import (
    declared_extra,
    declared_metrics,
    declared_parameters,
    declares_executed_action,
)
from armature.serve.parameters import parameters_of_words
from armature.serve.saved_state import StateKeeper
from armature.serve.spaces import (
    ActionReader,
    Field,
    action_space_of,
    has_goal,
    observation_fields,
)
from armature.serve.user_errors import describe_error
from armature.serve.user_module import import_users_module, no_such_name
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
    reports_success: bool | None = None  # None: whether the probe sees the key.
    running_statistics: bool = False  # Wrappers that keep some are taken.
    control_period_s: float = 0.0  # 0: the environment's own.
    # Keys of `info` that are metrics, beside those declared: see armature.serve.declared.
    metrics: Mapping[str, str] = dataclasses.field(default_factory=dict)


class RefusedConfigError(ArmatureError):
    """An env_config that the environment does not take."""


def parse_source(text: str, env_id: str = "") -> EnvSource:
    """``Pendulum-v1``, ``module:Id-v0`` or ``module:factory``. ArmatureError: neither."""
    module, colon, name = text.rpartition(":")
    if not name or (colon and not module):
        raise ArmatureError(f"--env {text}: expected ID, MODULE:ID or MODULE:FACTORY")
    return EnvSource(env_id or name, module, name)


def parse_config(config: Mapping[str, str], factory: Any = None) -> dict[str, Any]:
    """Keyword arguments of `factory`: each value as the JSON scalar that it reads as, else as
    it is. A parameter that takes words only, by its annotation or its default, gets the text.
    """
    words = parameters_of_words(factory)
    keywords: dict[str, Any] = {}
    for key, text in config.items():
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if key not in words:
            keywords[key] = text if isinstance(value, (dict, list)) else value
        elif isinstance(value, str) or (value is None and words[key]):
            keywords[key] = value
        else:
            keywords[key] = text
    return keywords


def make_env(
    source: EnvSource, config: Mapping[str, str], options: HostOptions
) -> gym.Env[Any, Any]:
    """A new environment. RefusedConfigError; otherwise whatever the user's code raises."""
    make, factory = _maker(source)
    keywords = parse_config(config, factory)
    if options.render:
        keywords.setdefault("render_mode", "rgb_array")
    try:
        env = make(**keywords)
    except gym.error.UnregisteredEnv as error:
        if not source.module or source.name in gym.registry:  # Of what the environment makes.
            raise
        raise ArmatureError(no_such_name(source.module, source.name)) from error
    except TypeError as error:
        if not options.render or "'render_mode'" not in str(error):
            _raise_with_config(config, error)
        raise ArmatureError(
            f"--render: {source.name} takes no render_mode ({describe_error(error)}): give it "
            'that parameter, with which "rgb_array" draws, or host it without --render'
        ) from error
    except Exception as error:
        _raise_with_config(config, error)
    if not isinstance(env, gym.Env):
        raise ArmatureError(
            f"{source.module}:{source.name} returned a {type(env).__name__}, expected a "
            "gymnasium.Env"
        )
    _refuse_wrappers(env, options)
    return env


def space_spec(env: gym.Env[Any, Any], env_id: str, options: HostOptions) -> EnvSpec:
    """What `env` tells of itself without being run. SpaceError: cannot be hosted."""
    goal = has_goal(env.observation_space)
    return EnvSpec(
        id=env_id,
        observation=tuple(field.spec for field in fields_of(env)),
        action=actions_of(env).spec,
        achieved_field="achieved_goal" if goal else "",
        desired_field="desired_goal" if goal else "",
        horizon=_horizon(env),
        control_period_s=options.control_period_s or _control_period_s(env),
        goal_extra=declared_extra(env.metadata) if goal else (),  # E.g. flattened: of no use.
        metrics=declared_metrics(env.metadata, options.metrics),
        parameters=declared_parameters(env.metadata),
        saves_state=StateKeeper.of(env) is not None,
        reports_executed_action=declares_executed_action(env),
    )


def episode_options(spec: EnvSpec, parameters: Sequence[float]) -> dict[str, Any]:
    """Keywords of `reset` beside the seed: the values of the spec's parameters, in order."""
    if not spec.parameters:
        return {}
    return {"options": {p.name: value for p, value in zip(spec.parameters, parameters)}}


def actions_of(env: gym.Env[Any, Any]) -> ActionReader:
    return ActionReader(action_space_of(env))


def fields_of(env: gym.Env[Any, Any]) -> tuple[Field, ...]:
    return observation_fields(env.observation_space)


def _maker(source: EnvSource) -> tuple[Callable[..., Any], Any]:
    """What makes the environment, and whose parameters the keywords are (None: not known)."""
    if source.module:
        factory = getattr(import_users_module(source.module), source.name, None)
        if callable(factory):
            return factory, factory
    # Our own checks of every step take the place of Gymnasium's checker.
    make = functools.partial(gym.make, source.name, disable_env_checker=True)
    entry_point: Any = None
    with contextlib.suppress(Exception):  # gym.make will raise it again, and better.
        entry_point = gym.spec(source.name).entry_point
        if isinstance(entry_point, str):
            entry_point = load_env_creator(entry_point)
    return make, entry_point


def _raise_with_config(config: Mapping[str, str], error: Exception) -> NoReturn:
    if not config:
        raise error
    raise RefusedConfigError(_refusal(config, error)) from error


def _refusal(config: Mapping[str, str], error: Exception) -> str:
    text = describe_error(error)
    for key in config:
        if isinstance(error, TypeError) and f"'{key}'" in text.split(" was raised from ")[0]:
            return f"env_config key '{key}' is not known to the environment: {text}"
    pairs = ", ".join(f"{key}={value}" for key, value in sorted(config.items()))
    return f"cannot be made with env_config {pairs}: {text}"


def _refuse_wrappers(env: gym.Env[Any, Any], options: HostOptions) -> None:
    layer: Any = env
    while isinstance(layer, gym.Wrapper):
        if isinstance(layer, gym.wrappers.Autoreset):
            raise ArmatureError(
                "the environment is wrapped in gymnasium.wrappers.Autoreset, but the server "
                "begins episodes itself: take the wrapper off"
            )
        if not options.running_statistics and _has_running_statistics(layer):
            raise ArmatureError(
                f"the environment is wrapped in {type(layer).__name__}, whose running statistics "
                "would differ from one environment to the next and be missing where the policy "
                "is used; returns would be of scaled rewards: take the wrapper off and set "
                "algorithm.network.normalize_observation=true, or insist with "
                "--running_statistics"
            )
        layer = layer.env


def _has_running_statistics(layer: gym.Wrapper[Any, Any, Any, Any]) -> bool:
    """As Gymnasium's NormalizeObservation and NormalizeReward have them, unless frozen."""
    return getattr(layer, "update_running_mean", True) and any(
        type(value).__name__ == "RunningMeanStd" for value in vars(layer).values()
    )


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

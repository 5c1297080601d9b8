"""Environments as people write them, to host with ``--env author_envs:FACTORY``."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import ClipAction, NormalizeObservation, NormalizeReward, TimeLimit

HORIZON = 20


class Point(gym.Env[Any, Any]):
    """A point on a line is pushed; reward -|x|, which `form` may wrap."""

    def __init__(self, form: Callable[[float], Any] = float) -> None:
        self.observation_space: Any = spaces.Box(-1, 1, (2,), np.float32)
        self.action_space: Any = spaces.Box(-1, 1, (1,), np.float32)
        self.form = form

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.x, self.t = float(self.np_random.uniform(-1, 1)), 0
        return self.observe(), {}

    def step(self, action: Any) -> Any:
        self.t += 1
        self.x = float(np.clip(self.x + 0.2 * float(action[0]), -1, 1))
        return self.observe(), self.form(-abs(self.x)), False, False, {}

    def observe(self) -> Any:
        return np.array([self.x, 0.5], np.float32)


REWARDS: dict[str, Callable[[float], Any]] = {
    "float": float,
    "array": lambda r: np.array([r]),
    "list": lambda r: [r],
    "scalar_array": np.array,
    "numpy": np.float32,
    "bool": lambda r: r > -0.1,
    "integer": np.int64,
    "none": lambda r: None,
    "word": str,
    "two": lambda r: [r, r],
    "complex": complex,
}


def reward(form: str = "float") -> gym.Env[Any, Any]:
    return TimeLimit(Point(REWARDS[form]), HORIZON)


class Returns(Point):
    """What `step` and `reset` give is made by `change`."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def reset(self, **keywords: Any) -> Any:
        observation, info = super().reset(**keywords)
        return observation if self.what == "reset_alone" else (observation, info)

    def step(self, action: Any) -> Any:
        observation, reward, _, truncated, info = super().step(action)
        ends = self.t >= 3
        if self.what == "flags_of_numpy":
            return observation, reward, np.bool_(ends), np.array([False]), info
        if self.what == "flag_of_int":
            return observation, reward, int(ends), 0, info
        if self.what == "flag_of_word":
            return observation, reward, "False", False, info
        if self.what == "flag_of_none":
            return observation, reward, False, None, info
        if self.what == "info_of_none":
            return observation, reward, False, False, None
        if self.what == "four":
            return observation, reward, ends, info
        return observation, reward, ends, truncated, info


def returns(what: str = "plain") -> gym.Env[Any, Any]:
    return Returns(what)


class Succeeds(Point):
    """info["is_success"], as `form` has it, in the last step of an episode or in `every` one."""

    FORMS: dict[str, Callable[[bool], Any]] = {  # noqa: RUF012
        "bool": bool,
        "numpy": np.bool_,
        "float": np.float32,
        "array": lambda s: np.array([s]),
        "word": str,
        "two": lambda s: np.array([s, s]),
        "number": lambda s: 0.7,
    }

    def __init__(self, form: str, every: bool, from_episode: int = 0) -> None:
        super().__init__()
        self.how, self.every, self.wait = self.FORMS[form], every, from_episode

    def reset(self, **keywords: Any) -> Any:
        self.wait -= 1
        return super().reset(**keywords)

    def step(self, action: Any) -> Any:
        observation, reward, _, _, info = super().step(action)
        last = self.t >= 5
        if (last or self.every) and self.wait < 0:
            info["is_success"] = self.how(True)
        return observation, reward, False, last, info


def succeeds(form: str = "bool", every: bool = False, from_episode: int = 0) -> gym.Env[Any, Any]:
    return Succeeds(form, every, from_episode)


def endless() -> gym.Env[Any, Any]:
    return Point()


class Reach(gym.Env[Any, Any]):
    """A goal in a square, reward 0 within `threshold` of it and -1 elsewhere."""

    threshold = 0.3

    def __init__(self, box: Any = None) -> None:
        box = box or spaces.Box(-1, 1, (2,), np.float32)
        self.observation_space = spaces.Dict(
            {"observation": box, "achieved_goal": box, "desired_goal": box}
        )
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place, self.goal = self.np_random.uniform(-1, 1, (2, 2)).astype(np.float32)
        return self.observe(), {}

    def step(self, action: Any) -> Any:
        self.place = np.clip(self.place + 0.3 * action, -1, 1).astype(np.float32)
        info = {"effort": float(np.square(action).sum())}
        reward = self.compute_reward(self.place, self.goal, info)
        return self.observe(), float(reward), False, False, info

    def observe(self) -> Any:
        place = self.place.copy()
        return {"observation": place, "achieved_goal": place, "desired_goal": self.goal.copy()}

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        distance = np.linalg.norm(achieved - desired, axis=-1)
        return -(distance > self.threshold).astype(np.float32)


class OtherThreshold(gym.Wrapper[Any, Any, Any, Any]):
    def step(self, action: Any) -> Any:
        observation, _, *rest = self.env.step(action)
        goals = observation["achieved_goal"], observation["desired_goal"]
        return observation, float(self.compute_reward(*goals, {})), *rest

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        return -(np.linalg.norm(achieved - desired, axis=-1) > 1.0).astype(np.float32)


class Goals(gym.Wrapper[Any, Any, Any, Any]):
    """Makes a goal environment of one with a Box [place, goal]."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space = Reach().observation_space

    def reset(self, **keywords: Any) -> Any:
        observation, info = self.env.reset(**keywords)
        return self.split(observation), info

    def step(self, action: Any) -> Any:
        observation, _, *rest = self.env.step(action)
        goals = self.split(observation)
        reward = self.compute_reward(goals["achieved_goal"], goals["desired_goal"], {})
        return goals, float(reward), *rest

    def split(self, observation: Any) -> Any:
        place, goal = observation[:2], observation[2:]
        return {"observation": place, "achieved_goal": place, "desired_goal": goal}

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        return -np.linalg.norm(achieved - desired, axis=-1)


class Effort(Reach):
    """A reward that needs the info of its step, which it asks for in `how` way."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        each = [info] if isinstance(info, dict) else info
        take = (lambda i: i.get("effort", 0.0)) if self.how == "get" else (lambda i: i["effort"])
        effort = np.array([take(i) for i in each])
        distance = np.linalg.norm(achieved - desired, axis=-1)
        return -distance - 0.1 * (effort[0] if isinstance(info, dict) else effort)


class Penalised(gym.Wrapper[Any, Any, Any, Any]):
    """A reward that the goals do not tell, from the episode `begin` on."""

    def __init__(self, env: gym.Env[Any, Any], begin: int = 0) -> None:
        super().__init__(env)
        self.wait = begin

    def reset(self, **keywords: Any) -> Any:
        self.wait -= 1
        return self.env.reset(**keywords)

    def step(self, action: Any) -> Any:
        observation, reward, *rest = self.env.step(action)
        return observation, reward - (0.5 if self.wait < 0 else 0), *rest


class Stops(Reach):
    """compute_terminated says that the episode ends at the goal, and step does not end it."""

    def compute_terminated(self, achieved: Any, desired: Any, info: Any) -> Any:
        return np.linalg.norm(achieved - desired, axis=-1) < 1.5


def reach(how: str = "plain", begin: int = 0) -> gym.Env[Any, Any]:
    envs: dict[str, Callable[[], gym.Env[Any, Any]]] = {
        "plain": Reach,
        "wrapped": lambda: OtherThreshold(Reach()),
        "wrapped_outside": lambda: OtherThreshold(TimeLimit(Reach(), HORIZON)),
        "made": lambda: Goals(Flat()),
        "get": lambda: Effort("get"),
        "key": lambda: Effort("key"),
        "penalised": lambda: Penalised(Reach(), begin),
        "stops": Stops,
        "without": Without,
    }
    return TimeLimit(envs[how](), HORIZON)


class Flat(Reach):
    """The Box [place, goal] alone."""

    def __init__(self) -> None:
        super().__init__()
        self.observation_space = spaces.Box(-1, 1, (4,), np.float32)

    def observe(self) -> Any:
        return np.concatenate([self.place, self.goal])


class Without(Reach):
    """No compute_reward."""

    compute_reward: Any = None

    def step(self, action: Any) -> Any:
        self.place = np.clip(self.place + 0.3 * action, -1, 1).astype(np.float32)
        return self.observe(), 0.0, False, False, {}


class Bits(gym.Env[Any, Any]):
    """Bit flip with int8 arithmetic, goals in MultiBinary or int8."""

    def __init__(self, space: str = "multi_binary") -> None:
        box: Any = spaces.MultiBinary(4)
        if space != "multi_binary":
            box = spaces.Box(0, 1, (4,), np.int8)
        self.observation_space = spaces.Dict(
            {"observation": box, "achieved_goal": box, "desired_goal": box}
        )
        self.action_space = spaces.Box(-1, 1, (4,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.bits, self.goal = self.np_random.integers(0, 2, (2, 4)).astype(np.int8)
        return self.observe(), {}

    def step(self, action: Any) -> Any:
        self.bits[int(np.argmax(action))] ^= 1
        reward = self.compute_reward(self.bits, self.goal, {})
        return self.observe(), float(reward), False, False, {}

    def observe(self) -> Any:
        bits = self.bits.copy()
        return {"observation": bits, "achieved_goal": bits, "desired_goal": self.goal.copy()}

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        return -np.abs(achieved - desired).sum(-1).astype(np.float32)  # As uint8: 255.


def bits(space: str = "multi_binary") -> gym.Env[Any, Any]:
    return TimeLimit(Bits(space), 8)


def normalised(what: str = "observation", frozen: bool = False) -> gym.Env[Any, Any]:
    wrapper = NormalizeObservation if what == "observation" else NormalizeReward
    env = wrapper(TimeLimit(Point(), HORIZON))
    env.update_running_mean = not frozen
    return TimeLimit(env, HORIZON)


def acts(space: Any, clip: bool = False) -> gym.Env[Any, Any]:
    env: gym.Env[Any, Any] = Point()
    env.action_space = space
    return TimeLimit(ClipAction(env) if clip else env, HORIZON)


class Outside(Point):
    """Observations beyond the bounds of their space: of the first value, in odd steps."""

    def observe(self) -> Any:
        return np.array([5.0 if self.t % 2 else 0.0, 0.5], np.float32)


def outside() -> gym.Env[Any, Any]:
    return TimeLimit(Outside(), HORIZON)


class Slow(Point):
    """A reset that does not return, once there is the file `marker`."""

    def __init__(self, marker: str) -> None:
        super().__init__()
        self.marker = marker

    def reset(self, **keywords: Any) -> Any:
        if os.path.exists(self.marker):
            threading.Event().wait()
        return super().reset(**keywords)


def slow_reset(marker: str = "") -> gym.Env[Any, Any]:
    return TimeLimit(Slow(marker), HORIZON)


def asserts() -> gym.Env[Any, Any]:
    return Asserts()


class Asserts(Point):
    def __init__(self, in_step: int = 0) -> None:
        super().__init__()
        self.in_step = in_step
        if not in_step:
            self.refuse()

    def step(self, action: Any) -> Any:
        if self.t >= self.in_step:
            self.refuse()
        return super().step(action)

    def refuse(self) -> None:
        assert self.observation_space is None


def asserts_later() -> gym.Env[Any, Any]:
    return TimeLimit(Asserts(in_step=3), HORIZON)


def named(
    name: str = "a", size: int = 1, mode: str | None = None, free: Any = None
) -> gym.Env[Any, Any]:
    """Its horizon says whether the keywords came as what they are."""
    as_meant = isinstance(name, str) and isinstance(size, int) and not isinstance(mode, int)
    return TimeLimit(Point(), 100 if as_meant else 1)


class Environment(Point):
    """Observes what the worker process was started with."""

    def observe(self) -> Any:
        return np.array([float(os.environ["OMP_NUM_THREADS"] == "1"), 0.5], np.float32)


def environment() -> gym.Env[Any, Any]:
    return TimeLimit(Environment(), HORIZON)

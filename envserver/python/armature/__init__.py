"""Armature from Python: use env servers, host environments, play policies.

``make``, ``make_vec`` and ``sb3.make_vec_env`` use environments on an env server,
``describe`` says what one hosts, ``load_policy`` plays what a run has learned,
``record_demonstrations`` writes what a run can learn from, ``record_episodes`` what can be
watched and read again (``episodes``). They are imported when they are first used, so that none
needs what only another does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from armature import episodes, sb3
    from armature.connection import describe
    from armature.demonstrations import demonstrations_from_episodes, record_demonstrations
    from armature.env import make
    from armature.errors import ArmatureError, OptionError, ServerError, WireError
    from armature.policy import load_policy
    from armature.recorder import record_episodes
    from armature.transport import TransportOptions
    from armature.vector import make_vec

__version__ = "0.1.0"

__all__ = [
    "ArmatureError",
    "OptionError",
    "ServerError",
    "TransportOptions",
    "WireError",
    "demonstrations_from_episodes",
    "describe",
    "episodes",
    "load_policy",
    "make",
    "make_vec",
    "record_demonstrations",
    "record_episodes",
    "sb3",
]

_HOMES = {
    "ArmatureError": "errors",
    "OptionError": "errors",
    "ServerError": "errors",
    "TransportOptions": "transport",
    "WireError": "errors",
    "demonstrations_from_episodes": "demonstrations",
    "describe": "connection",
    "load_policy": "policy",
    "make": "env",
    "make_vec": "vector",
    "record_demonstrations": "demonstrations",
    "record_episodes": "recorder",
}


def __getattr__(name: str) -> Any:
    if name in ("episodes", "sb3"):
        return importlib.import_module(f"armature.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'armature' has no attribute '{name}'")
    return getattr(importlib.import_module(f"armature.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

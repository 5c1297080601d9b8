"""The module that ``--env MODULE:NAME`` names: how it is found, and what it has.

Thread safety: free functions.
"""

from __future__ import annotations

import difflib
import importlib
import os
import pathlib
import sys
import types

import gymnasium as gym

from armature.errors import ArmatureError

# Of what a module has, where the name that was asked for is not among it.
_NAMES_SHOWN = 10


def import_users_module(name: str) -> types.ModuleType:
    """ArmatureError: there is no such module; otherwise whatever importing it raises."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A module that the user's own imports is told as Python tells it.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ArmatureError(
            f"there is no module {error.name} in {pathlib.Path.cwd()}, where the server was "
            f"started, nor in PYTHONPATH ({os.environ.get('PYTHONPATH') or 'not set'}), nor among "
            f"what is installed for {sys.executable}"
        ) from error


def no_such_name(module_name: str, name: str) -> str:
    """What to say of a `name` that neither makes an environment nor is one's id."""
    module = sys.modules[module_name]
    if hasattr(module, name):
        kind = type(getattr(module, name)).__name__
        return f"{module_name}:{name} is of type {kind}: expected what makes a gymnasium.Env"
    factories = [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and callable(value)
        and getattr(value, "__module__", "") == module_name
    ]
    ids = [spec.id for spec in gym.registry.values() if _is_of(module_name, spec.entry_point)]
    has = sorted(factories) + sorted(ids)
    shown = ", ".join(has[:_NAMES_SHOWN]) + (", ..." if len(has) > _NAMES_SHOWN else "")
    nearest = difflib.get_close_matches(name, has, 1)
    return (
        f"module {module_name} ({module.__file__}) has no {name}"
        + (f"; did you mean {nearest[0]}?" if nearest else ";")
        + (f" It has {shown}" if shown else " it has nothing that makes an environment")
    )


def _is_of(module_name: str, entry_point: object) -> bool:
    """Whether a registered environment is made by the module, or by one inside it."""
    where = entry_point if isinstance(entry_point, str) else getattr(entry_point, "__module__", "")
    place = str(where).partition(":")[0]
    return place == module_name or place.startswith(f"{module_name}.")

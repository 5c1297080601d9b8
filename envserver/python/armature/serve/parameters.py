"""Which parameters of a user's factory take words, and never what a word reads as.

Thread safety: free functions.
"""

from __future__ import annotations

import inspect
import typing
from typing import Any

_NONE = type(None)
# As annotations read where they cannot be evaluated, e.g. "str | None" in Python 3.9.
_WORDS = ("str",)
_WORDS_OR_NONE = ("str | None", "None | str", "Optional[str]", "typing.Optional[str]")


def parameters_of_words(factory: Any) -> dict[str, bool]:
    """Those annotated as str (or literals of it), or with a str as default; True: or None."""
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # None, or built in.
        return {}
    hints = _hints(factory)
    found: dict[str, bool] = {}
    for name, parameter in parameters.items():
        hint = hints.get(name, parameter.annotation)
        if hint is inspect.Parameter.empty:
            hint = type(parameter.default)
        takes = _takes(hint)
        if str in takes and takes <= {str, _NONE}:
            found[name] = _NONE in takes
    return found


def _hints(factory: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(factory.__init__ if inspect.isclass(factory) else factory)
    except Exception:  # A name that is there for type checkers only.
        return {}


def _takes(hint: Any) -> set[Any]:
    """The types that an annotation lets pass."""
    if hint in _WORDS:
        return {str}
    if hint in _WORDS_OR_NONE:
        return {str, _NONE}
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return {type(value) for value in arguments}
    # A Union is written in two ways, and only one of them is typing.Union everywhere.
    if typing.get_origin(hint) is typing.Union or type(hint).__name__ == "UnionType":
        return set().union(*(_takes(argument) for argument in arguments))
    return {hint} if isinstance(hint, type) else {object}

"""What an environment's exception says to its author: a line, and a traceback for the log.

Thread safety: free functions.
"""

from __future__ import annotations

import pathlib
import sysconfig
import traceback

import gymnasium.core
import gymnasium.envs.registration

# What only passes calls on.
_BETWEEN = (
    str(pathlib.Path(__file__).parent),
    gymnasium.core.__file__,
    gymnasium.envs.registration.__file__,
    "<frozen ",
)
_STANDARD = sysconfig.get_path("stdlib")
_LIBRARIES = ("site-packages", "dist-packages")
_FRAMES_MAX = 8


def describe_error(error: BaseException) -> str:
    """One line, as the last one of a traceback, and where it was raised: "(my_env.py:12)".

    The place is the author's own file rather than a library's, where both are on the way.
    """
    text = " ".join(str(error).split())
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frames = _frames(error)
    own = [frame for frame in frames if not _is_of_a_library(frame)]
    if not frames:
        return line
    frame = (own or frames)[-1]
    return f"{line} ({_short(frame.filename)}:{frame.lineno})"


def describe_traceback(error: BaseException) -> str:
    """The last frames that say something, indented, without the line that describe_error is."""
    frames = _frames(error)[-_FRAMES_MAX:]
    return "".join(traceback.format_list(frames)).rstrip()


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Those that are not between us and the author's code, nor in Python's own library."""
    return [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(_BETWEEN) and not _is_standard(frame)
    ]


def _is_standard(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(_STANDARD) and not _is_of_a_library(frame)


def _is_of_a_library(frame: traceback.FrameSummary) -> bool:
    return any(part in pathlib.PurePath(frame.filename).parts for part in _LIBRARIES)


def _short(path: str) -> str:
    try:
        return str(pathlib.Path(path).relative_to(pathlib.Path.cwd()))
    except (ValueError, OSError):
        return path

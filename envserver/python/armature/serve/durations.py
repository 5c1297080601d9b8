"""Durations in words, as the C++ server has them.

Thread safety: free functions.
"""

from __future__ import annotations


def format_duration(seconds: float) -> str:
    """ "50ms", "1.5s", "1m30s", "2h": as Abseil's FormatDuration."""
    if seconds <= 0:
        return "0"
    if seconds < 1:
        for unit, size in (("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
            if seconds >= size:
                return f"{round(seconds / size, 6):g}{unit}"
        return "0"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{hours:.0f}h" if hours else ""
    text += f"{minutes:.0f}m" if minutes else ""
    return text + (f"{round(rest, 9):g}s" if rest else "")

"""Learning curves as SVG within a page, in the page's colours (classes s0, s1, ... of a line).

The values under the pointer are shown by the script of report_page.py, which reads them back
from the lines and from data-scale.
Thread safety: free functions.
"""

from __future__ import annotations

import dataclasses
import html
import json
import math

from report_run import Rows

_WIDTH, _HEIGHT = 400, 220  # Units of the SVG, about pixels.
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 30  # Margins.
_POINTS_MAX = 600  # Of a line.
_LINES_MAX = 8  # Of a chart; the page has as many colours.
_LOG_RATIO = 1000  # Values that span more, all positive, are drawn on a logarithmic axis.


@dataclasses.dataclass
class Line:
    name: str
    points: list[tuple[float, float]]  # Env steps and value, by ascending env steps.


def line(name: str, rows: Rows, column: str) -> Line:
    """Without the rows that have no value."""
    return Line(name, [(row["env_steps"], row[column]) for row in rows if column in row])


def chart(title: str, lines: list[Line], is_share: bool = False, may_be_log: bool = False) -> str:
    """A figure; empty if no line has a point. `is_share`: from 0 to 1."""
    lines = [each for each in lines if each.points]
    if not lines:
        return ""
    left_out = len(lines) - _LINES_MAX
    if left_out > 0:
        lines.sort(key=lambda each: -max(abs(y) for _, y in each.points))
        lines = lines[:_LINES_MAX]
    ys = [y for each in lines for _, y in each.points]
    is_log = may_be_log and min(ys) > 0 and max(ys) / min(ys) > _LOG_RATIO
    low, high, y_ticks = _y_axis(min(ys), max(ys), is_share, is_log)
    x_low = min(each.points[0][0] for each in lines)
    x_high = max(each.points[-1][0] for each in lines)
    x_low, x_high = (0, x_high or 1) if x_low < x_high / 3 or x_low == x_high else (x_low, x_high)

    def x_of(x: float) -> float:
        return _LEFT + (x - x_low) / (x_high - x_low) * (_WIDTH - _LEFT - _RIGHT)

    def y_of(y: float) -> float:
        y = math.log10(y) if is_log else y
        return _HEIGHT - _BOTTOM - (y - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    for tick in y_ticks:
        at = y_of(tick)
        parts.append(f'<path class="grid" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{at + 4:.1f}" class="y">{short(tick)}</text>')
    for tick in _ticks(x_low, x_high, 4):
        at = x_of(tick)
        parts.append(f'<path class="grid" d="M{at:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{at:.1f}" y="{_HEIGHT - 12}" class="x">{short(tick)}</text>')
    for i, each in reversed(list(enumerate(lines))):  # The first one lies on top.
        points = [f"{x_of(x):.1f} {y_of(y):.1f}" for x, y in _thinned(each.points)]
        # A line to where it stands is a dot.
        path = "M" + "L".join(points if len(points) > 1 else points * 2)
        parts.append(
            f'<path class="line s{i}" d="{path}"><title>{escape(each.name)}</title></path>'
        )
    parts.append(f'<path class="cursor" d="M0 {_TOP}V{_HEIGHT - _BOTTOM}"/>')
    scale = {
        "x": [_LEFT, _WIDTH - _RIGHT, x_low, x_high],
        "y": [_HEIGHT - _BOTTOM, _TOP, low, high],
        "log": is_log,
        "width": _WIDTH,
    }
    key = " ".join(
        f'<span class="key s{i}">{escape(each.name)} <b>{short(each.points[-1][1])}</b></span>'
        for i, each in enumerate(lines)
    )
    notes = ["logarithmic"] * is_log
    if left_out > 0:
        notes.append(f"the {_LINES_MAX} largest of {_LINES_MAX + left_out}")
    note = f" <small>({', '.join(notes)})</small>" if notes else ""
    return (
        f"<figure><h3>{escape(title)}{note}</h3>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}" '
        f'data-scale="{escape(json.dumps(scale))}">{"".join(parts)}</svg>'
        f"<figcaption>{key}<span class=at></span></figcaption></figure>"
    )


def escape(text: object) -> str:
    return html.escape(str(text), quote=True)


def short(value: float) -> str:
    """1234567: 1.23M; for axes and tables."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size <= abs(value) < 1e12 and (size > 1e3 or abs(value) >= 1e4):
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def _y_axis(
    low: float, high: float, is_share: bool, is_log: bool
) -> tuple[float, float, list[float]]:
    """Both ends, of the logarithm if it is one, and the values of the ticks."""
    if is_share and low >= 0 and high <= 1:
        return -0.04, 1.04, [0, 0.25, 0.5, 0.75, 1]
    if is_log:
        low, high = math.log10(low), math.log10(high)
        step = max(1, round((high - low) / 4))
        exponents = range(math.ceil(low), math.floor(high) + 1, step)
        return low, high, [10.0**exponent for exponent in exponents]
    # A constant has room on both sides, wide enough that the numbers at the ticks differ.
    room = (high - low) * 0.05 or abs(high) * 0.1 or 1
    return low - room, high + room, _ticks(low - room, high + room, 5)


def _ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers from low to high."""
    rough = (high - low) / count
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.99)
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most _POINTS_MAX; of each stretch the lowest and the highest, so that peaks stay."""
    if len(points) <= _POINTS_MAX:
        return points
    size = math.ceil(len(points) / (_POINTS_MAX // 2 - 1))
    kept = {points[0], points[-1]}
    for begin in range(0, len(points), size):
        stretch = points[begin : begin + size]
        kept.add(min(stretch, key=lambda point: point[1]))
        kept.add(max(stretch, key=lambda point: point[1]))
    return sorted(kept)

"""The curves of reward, return and metrics, up to the moment that is shown.

Rewards' terms (metrics named reward/...) share one chart; other metrics have one each, since
their units differ.
Thread safety: one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import viser

from armature.spec import EnvSpec
from armature.view.timeline import Moment

# Simulated time that a chart shows, and the most points in it.
WINDOW_S = 10.0
_POINTS_MAX = 400
_HEIGHT_PX = 130
_TERM = "reward/"
# Of the curves in a chart: told apart by those who do not tell red from green (Okabe and Ito).
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a8a00")


class Plots:
    def __init__(self, server: viser.ViserServer) -> None:
        self._gui = server.gui
        self._names: tuple[str, ...] = ()
        self._has_charts = False
        self._charts: list[tuple[Any, list[int]]] = []  # With the columns of `_values`.
        self._folder: Any = None

    def show(self, moments: Sequence[Moment]) -> None:
        """Those of the last WINDOW_S; at least one."""
        spec = moments[-1].stage.spec
        names = tuple(metric.name for metric in spec.metrics)
        if not self._has_charts or names != self._names:
            self._build(spec)
        first = len(moments)
        while first > 0 and moments[first - 1].stage.spec.metrics == spec.metrics:
            first -= 1
        kept = moments[first:]
        kept = kept[:: max(1, -(-len(kept) // _POINTS_MAX))]
        clock_s = np.array([each.clock_s for each in kept])
        values = _values(kept, len(names))
        for chart, columns in self._charts:
            chart.data = (clock_s, *(values[:, column].copy() for column in columns))

    def _build(self, spec: EnvSpec) -> None:
        if self._folder is not None:
            self._folder.remove()
        self._folder = self._gui.add_folder("Plots")
        self._names = tuple(metric.name for metric in spec.metrics)
        self._has_charts = True
        self._charts = []
        terms = [i for i, name in enumerate(self._names) if name.startswith(_TERM)]
        with self._folder:
            self._add("reward", ["reward"], [0])
            self._add("return", ["return"], [1])
            if terms:
                labels = [self._names[i][len(_TERM) :] for i in terms]
                self._add("terms of the reward", labels, [2 + i for i in terms])
            for i, name in enumerate(self._names):
                if i not in terms:
                    self._add(name, [name], [2 + i])

    def _add(self, title: str, labels: list[str], columns: list[int]) -> None:
        empty = np.zeros(1)
        curves: list[Any] = [
            {"label": label, "stroke": _COLOURS[i % len(_COLOURS)], "width": 1.5}
            for i, label in enumerate(labels)
        ]
        chart = self._gui.add_uplot(
            data=(empty, *(empty for _ in labels)),
            series=({"label": "s"}, *curves),
            title=title,
            scales={"x": {"time": False}},
            legend={"show": len(labels) > 1},
            height=_HEIGHT_PX + (20 if len(labels) > 1 else 0),
        )
        self._charts.append((chart, columns))


def _values(moments: Sequence[Moment], metrics: int) -> npt.NDArray[np.float64]:
    """[moments, 2 + metrics]: reward, return, then the metrics; not known: NaN."""
    values = np.full((len(moments), 2 + metrics), np.nan)
    for row, moment in zip(values, moments):
        frame = moment.frame
        row[0], row[1] = frame.reward, frame.return_sum
        if len(frame.metric) == metrics:
            row[2:] = frame.metric
    return values

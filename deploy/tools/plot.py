#!/usr/bin/env python3
"""Draws learning curves of runs and sweeps, and prints what they end with.

    plot RUN_OR_SWEEP... [NAME=FILE.csv ...] [--output curves.png] [--metric eval/mean_reward]

A directory is a run (it has config.yaml) or holds runs at any depth. A CSV file has a
column env_steps, may have a column seed, and is drawn as NAME: --csv writes such files.
Runs whose settings differ in nothing but seed, name, place and addresses are one group, one
colour: faint lines are its runs, the strong line their mean, dashed where not all of them
are (some began later or ended earlier), and the band the 95 % interval of the mean
(Student's t), or of two runs what lies between them, since an interval needs three. The
picture is curves.png in the first run or sweep, unless --output says another place.
Thread safety: one thread.
"""

from __future__ import annotations

import argparse
import collections
import csv
import dataclasses
import difflib
import math
import pathlib
import sys
import textwrap
from typing import Any

import runs

try:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
    import yaml  # noqa: F401  What runs.read_config needs.
except ImportError as missing:
    print(
        f"plot: {sys.executable} has no {missing.name}: apt-get install python3-matplotlib "
        "python3-yaml, or pip install matplotlib pyyaml",
        file=sys.stderr,
    )
    sys.exit(1)

PICTURE = "curves.png"
REWARD, SUCCESS = "eval/mean_reward", "eval/success_rate"
LABELS = {REWARD: "return, mean of an evaluation", SUCCESS: "success rate"}
# Settings that make no other experiment.
_INCIDENTAL = ("run.seed", "run.name", "run.output_dir", "learner.listen", "learner.metrics_listen")
# Each has a section of settings; a run has that of its own algorithm.
_ALGORITHMS = ("sac", "tqc", "td3", "ddpg", "ppo")
_LEGEND_WIDTH = 60  # Characters of a line.
_GRID_POINTS = 200
# Quantile 0.975 of Student's t with 1 .. 30 degrees of freedom; beyond, the normal one's.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
      2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
      2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042)  # fmt: skip
_NORMAL = 1.960
_RUNS_MIN = 3  # For an interval.
_GROUPS_MAX = 20  # Colours of matplotlib's tab20; more curves nobody can tell apart.

Rows = list[dict[str, float]]


@dataclasses.dataclass
class Curve:
    """One run: its rows and the settings that it is grouped by."""

    label: str
    seed: str
    rows: Rows
    config: dict[str, Any]


def find_folder(word: str) -> pathlib.Path:
    """A folder, or that of the run that the word means. WrongUse: there is none."""
    path = pathlib.Path(word)
    if path.is_file():
        raise runs.WrongUse(f"{path} is no directory; for a CSV file give NAME={path}")
    return path if path.is_dir() else runs.find(word)


def find_runs(path: pathlib.Path) -> list[pathlib.Path]:
    """The run directories in a folder, itself included. WrongUse: there are none."""
    if (path / runs.CONFIG).is_file():
        return [path]
    found = sorted(config.parent for config in path.rglob(runs.CONFIG))
    if not found:
        raise runs.WrongUse(f"{path} is no run, and holds none: no {runs.CONFIG} in it")
    return found


def read_run(run: pathlib.Path) -> Curve:
    """Evaluations and progress, rows of both by ascending env_steps."""
    rows = runs.read_rows(run / runs.EVALUATIONS) + runs.read_rows(run / runs.PROGRESS)
    config = runs.read_config(run)
    if name := config.get("algorithm.name"):
        unused = tuple(f"algorithm.{other}." for other in _ALGORITHMS if other != name)
        config = {key: value for key, value in config.items() if not key.startswith(unused)}
    rows.sort(key=lambda row: row.get("env_steps", 0))
    return Curve("", str(config.get("run.seed", "")), rows, config)


def read_table(name: str, path: pathlib.Path) -> list[Curve]:
    """A curve for each seed of a CSV file."""
    if not path.is_file():
        raise runs.WrongUse(f"{path}: no such file")
    by_seed: dict[float, Rows] = collections.defaultdict(list)
    for row in runs.read_rows(path):
        by_seed[row.pop("seed", 0)].append(row)
    if not by_seed:
        raise runs.WrongUse(f"{path} has no rows")
    return [Curve(name, f"{seed:g}", rows, {}) for seed, rows in by_seed.items()]


def name_groups(curves: list[Curve], group_by: list[str]) -> None:
    """Labels the runs by the settings in which they differ, or by those of `group_by`."""
    keys = sorted({key for curve in curves for key in curve.config})
    for key in group_by:
        if key not in keys:
            raise runs.WrongUse(f"--group-by: no run has the setting '{key}'" + nearest(key, keys))
    # A key that only some have comes with their algorithm, which is named anyway.
    differing = group_by or [
        key
        for key in keys
        if key not in _INCIDENTAL
        and len({str(curve.config[key]) for curve in curves if key in curve.config}) > 1
    ]
    names = {str(curve.config.get("run.name", "run")) for curve in curves}
    alike = names.pop() if len(names) == 1 else "all runs"
    # As short as it stays plain.
    last = collections.Counter(map(short_name, differing))
    for curve in curves:
        parts = [
            f"{short_name(key) if last[short_name(key)] == 1 else key}={curve.config[key]}"
            for key in differing
            if key in curve.config
        ]
        curve.label = ", ".join(parts) or alike


def short_name(key: str) -> str:
    """algorithm.sac.gamma: gamma; algorithm.name and environment.id: their section."""
    section, _, name = key.rpartition(".")
    return section.rpartition(".")[2] if name in ("name", "id") else name


def nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def choose_metrics(curves: list[Curve], asked: list[str]) -> list[str]:
    """WrongUse: no curve has a metric that was asked for."""
    known = sorted({key for curve in curves for row in curve.rows for key in row})
    if not known:
        raise runs.WrongUse("no evaluation and no progress in these runs yet")
    for metric in asked:
        if metric not in known:
            hint = nearest(metric, known) or f"; there are {', '.join(known)}"
            raise runs.WrongUse(f"--metric: no run has '{metric}'" + hint)
    if asked:
        return asked
    return [metric for metric in (REWARD, SUCCESS) if metric in known] or known[:1]


def points(curve: Curve, x: str, metric: str) -> tuple[Any, Any]:
    """Both [n], by ascending x, which is there once: of several rows the last one."""
    pairs = {row[x]: row[metric] for row in curve.rows if x in row and metric in row}
    ordered = sorted(pairs)
    return np.array(ordered), np.array([pairs[each] for each in ordered])


def half_interval(values: Any) -> Any:
    """Half the 95 % interval of the mean of [n, ...], n >= 3, over the first axis."""
    n = len(values)
    t = _T[n - 2] if n - 2 < len(_T) else _NORMAL
    return t * values.std(axis=0, ddof=1) / math.sqrt(n)


@dataclasses.dataclass
class Band:
    """What a group's runs have in common; [n] each, by ascending x."""

    xs: Any
    runs: Any  # How many reach so far.
    mean: Any  # Of those.
    low: Any  # Of the band; where a single run is left, all are equal.
    high: Any


def summarise(lines: list[tuple[Any, Any]]) -> Band:
    """Of one run or more, each with a point or more."""
    ends = [xs[end] for xs, _ in lines for end in (0, -1)]
    grid = np.union1d(np.linspace(min(ends), max(ends), _GRID_POINTS), ends)
    values = np.array([np.interp(grid, xs, ys, left=np.nan, right=np.nan) for xs, ys in lines])
    band = Band(grid, (~np.isnan(values)).sum(axis=0), *(np.full(len(grid), np.nan),) * 3)
    band.mean, band.low, band.high = band.mean.copy(), band.low.copy(), band.high.copy()
    for i, column in enumerate(values.T):
        there = column[~np.isnan(column)]
        if len(there) == 0:  # Between a run that ended and one that began.
            continue
        band.mean[i] = there.mean()
        if len(there) >= _RUNS_MIN:
            half = half_interval(there)
            band.low[i], band.high[i] = band.mean[i] - half, band.mean[i] + half
        else:
            band.low[i], band.high[i] = there.min(), there.max()
    return band


def draw_group(axis: Any, label: str, lines: list[tuple[Any, Any]], colour: Any) -> None:
    for xs, ys in lines:
        marker = "o" if len(xs) == 1 else None
        alpha = 1.0 if len(lines) == 1 else 0.25
        axis.plot(xs, ys, color=colour, alpha=alpha, linewidth=1, marker=marker)
    name = textwrap.fill(f"{label} ({len(lines)} runs)" if len(lines) > 1 else label, _LEGEND_WIDTH)
    if len(lines) == 1:
        axis.plot([], [], color=colour, label=name)
        return
    band = summarise(lines)
    all_there = band.runs == len(lines)
    axis.plot(band.xs, np.where(all_there, band.mean, np.nan), color=colour, linewidth=2)
    axis.plot(
        band.xs, np.where(all_there, np.nan, band.mean), color=colour, linewidth=2, linestyle="--"
    )
    axis.plot([], [], color=colour, linewidth=2, label=name)
    axis.fill_between(band.xs, band.low, band.high, color=colour, alpha=0.15, linewidth=0)


def remarks(label: str, lines: list[tuple[Any, Any]], x: str) -> list[str]:
    """What of a group's picture is not what one may take it for."""
    found = []
    if len(lines) == 2:
        found.append(f"{label}: the band lies between the two runs; an interval needs {_RUNS_MIN}")
    ends = sorted(float(xs[-1]) for xs, _ in lines)
    if early := [end for end in ends if end < ends[-1]]:
        found.append(
            f"{label}: {len(early)} of {len(lines)} runs end{'s' * (len(early) == 1)} before "
            f"{ends[-1]:.12g} {x}, the "
            f"first at {early[0]:.12g}; from there on the dashed line is the mean of the others"
        )
    return found


def draw(
    groups: dict[str, list[Curve]], metrics: list[str], x: str, title: str, path: pathlib.Path
) -> None:
    figure, axes = plt.subplots(
        1, len(metrics), figsize=(5.2 * len(metrics), 3.8), squeeze=False, layout="constrained"
    )
    colours = plt.get_cmap("tab10" if len(groups) <= 10 else "tab20")
    for axis, metric in zip(axes[0], metrics):
        for i, (label, curves) in enumerate(groups.items()):
            lines = [points(curve, x, metric) for curve in curves]
            if lines := [line for line in lines if len(line[0]) > 0]:
                draw_group(axis, label, lines, colours(i))
        if metric == SUCCESS:
            axis.set_ylim(-0.05, 1.05)
        axis.set_xlabel(x.replace("_", " "))
        axis.set_ylabel(LABELS.get(metric, metric))
        axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
        axis.grid(alpha=0.3)
    axes[0][0].legend(frameon=False, fontsize=8)
    if title:
        figure.suptitle(title)
    figure.savefig(path, dpi=130)


def report(groups: dict[str, list[Curve]], metrics: list[str], x: str) -> None:
    """A Markdown table: the last value of each metric, mean and interval over the runs; then
    what the picture does not show by itself."""
    print("| group | runs | " + " | ".join(f"{metric} at the end" for metric in metrics) + " |")
    print("|---|---|" + "---|" * len(metrics))
    for label, curves in groups.items():
        cells = []
        for metric in metrics:
            ends = (points(curve, x, metric)[1][-1:] for curve in curves)
            lasts = np.concatenate(list(ends))
            if len(lasts) == 0:
                cells.append("")
                continue
            spread = ""
            if len(lasts) >= _RUNS_MIN:
                spread = f" ± {half_interval(lasts):.2g}"
            elif len(lasts) == 2:
                spread = f" ({lasts.min():.4g} to {lasts.max():.4g})"
            cells.append(f"{np.mean(lasts):.4g}{spread}")
        print(f"| {label} | {len(curves)} | " + " | ".join(cells) + " |")
    for label, curves in groups.items():
        lines = [points(curve, x, metrics[0]) for curve in curves]
        for remark in remarks(label, [line for line in lines if len(line[0]) > 0], x):
            print(f"plot: {remark}")


def write_table(curves: list[Curve], metrics: list[str], x: str, path: pathlib.Path) -> None:
    """The points that were drawn: seed, x and metrics; all in one group, so that it reads back."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["seed", x, *metrics])
        for curve in curves:
            for row in curve.rows:
                if x in row and any(metric in row for metric in metrics):
                    cells = [row.get(column) for column in (x, *metrics)]
                    writer.writerow(
                        [curve.seed, *("" if cell is None else f"{cell:.12g}" for cell in cells)]
                    )


def parse() -> argparse.Namespace:
    parser = runs.Parser(
        prog="plot",
        description="Draws learning curves: a group's runs, their mean and the 95 % interval of "
        "the mean (Student's t).",
        epilog="Example: plot outputs/panda_reach_sac --metric eval/success_rate --title Reach",
    )
    parser.add_argument(
        "inputs", nargs="+", metavar="RUN_OR_SWEEP|NAME=FILE.csv", help="what to draw"
    )
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        metavar="FILE",
        help=f"the picture (default: {PICTURE} in the first run or sweep)",
    )
    parser.add_argument(
        "--metric",
        action="append",
        default=[],
        help="a column of evaluations.csv or progress.csv; again for more "
        f"(default {REWARD}, and {SUCCESS} where there is one)",
    )
    parser.add_argument("--x", choices=["env_steps", "wall_s"], default="env_steps")
    parser.add_argument(
        "--group-by",
        action="append",
        default=[],
        metavar="KEY",
        help="a setting whose values are the groups (default: all that differ); again for more",
    )
    parser.add_argument("--title", default="")
    parser.add_argument(
        "--csv", type=pathlib.Path, metavar="FILE", help="write the runs' points as well"
    )
    return parser.parse()


def plot(flags: argparse.Namespace) -> None:
    trained: list[Curve] = []
    tables: list[Curve] = []
    folders: list[pathlib.Path] = []
    for word in flags.inputs:
        name, equals, path = word.partition("=")
        if equals and path.endswith(".csv"):
            tables += read_table(name, pathlib.Path(path))
        else:
            folders.append(find_folder(word))
            trained += [read_run(run) for run in find_runs(folders[-1])]
    name_groups(trained, flags.group_by)
    metrics = choose_metrics(trained + tables, flags.metric)
    groups: dict[str, list[Curve]] = collections.defaultdict(list)
    for curve in trained + tables:
        groups[curve.label].append(curve)
    if len(groups) > _GROUPS_MAX:
        raise runs.WrongUse(
            f"{len(groups)} groups, more than {_GROUPS_MAX}; choose with --group-by KEY"
        )
    # With what is drawn; of tables alone, where the user stands.
    output = flags.output or next(iter(folders), pathlib.Path()) / PICTURE
    draw(groups, metrics, flags.x, flags.title, output)
    if flags.csv:
        write_table(trained, metrics, flags.x, flags.csv)
    report(groups, metrics, flags.x)
    print(f"plot: {output.absolute()}")


def main() -> int:
    try:
        flags = parse()
        runs.enter_users_folder()
        plot(flags)
    except (runs.WrongUse, OSError, ValueError) as error:
        print(f"plot: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

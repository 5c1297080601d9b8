#!/usr/bin/env python3
"""Writes one HTML file about a run, which opens without a network.

    report RUN [--output report.html] [--video_mb 50] [--player_mb 20]

How it ended, its videos, a 3D player of its last recorded episode, learning curves, evaluations,
settings, versions, what its logs warn of, and the commands to go on with. The run may be in
progress or have failed; what it does not have is left out. The file holds everything that it
shows; for the 3D player, writing it needs armature-view.
Thread safety: one thread.
"""

from __future__ import annotations

import argparse
import pathlib
import shlex
import sys
from typing import Any

import report_page
import report_player
import report_run
import report_videos
import runs
from report_charts import Line, chart, escape, line, short
from report_run import REWARD, SUCCESS, Run

try:
    import yaml  # noqa: F401  What runs.read_config needs.
except ImportError as missing:
    print(
        f"report: {sys.executable} has no {missing.name}: apt-get install python3-yaml, or "
        "pip install pyyaml",
        file=sys.stderr,
    )
    sys.exit(1)

PAGE = "report.html"
_VIDEO_MB, _PLAYER_MB = 50, 20
_EVALUATIONS_SHOWN = 200  # Rows of the table; the file has all.
# The same value as another column, under Stable-Baselines3's name (docs/runs.md).
_OTHER_NAMES = {
    "train/ent_coef": "train/temperature",
    "train/policy_gradient_loss": "train/policy_loss",
    "train/entropy_loss": "train/entropy",
}
_FILES = {
    "config.yaml": "the whole configuration",
    "README.md": "the run card",
    "run.json": "run id, name and start",
    "progress.csv": "scalars of training",
    "evaluations.csv": "a row for each evaluation",
    "result.json": "how the run ended",
    "evaluation.json": "what eval has measured",
    "models/": "policies",
    "checkpoints/": "what the run is resumed from",
    "videos/": "videos and recorded episodes",
    "logs/": "what each process said",
    "diverged_batch.safetensors": "the last update's batch, as the run diverged",
}


def table(
    head: list[str], rows: list[list[Any]], kind: str = "", marked: tuple[int, ...] = ()
) -> str:
    def cells(row: list[Any], tag: str) -> str:
        return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row)

    body = "".join(
        f'<tr class="marked">{cells(row, "td")}</tr>'
        if i in marked
        else f"<tr>{cells(row, 'td')}</tr>"
        for i, row in enumerate(rows)
    )
    header = f"<tr>{cells(head, 'th')}</tr>" if head else ""
    return f'<div class="scroll"><table class="{kind}">{header}{body}</table></div>'


def section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.3g} s"


def size(count: int) -> str:
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count} bytes"


def summary(run: Run) -> str:
    """Title, how it ended, and the numbers that say how it went."""
    word, why = report_run.state(run)
    kind = {"solved": "good", "failed": "bad", "not solved": "bad", "not ended": "bad"}.get(
        word, ""
    )
    name = run.setting("run.name") or run.folder.name
    made: dict[str, Any] = {}
    for row in run.progress[-1:] + run.evaluations[-1:]:
        made = row if row["env_steps"] >= made.get("env_steps", 0) else made
    made = {**made, **(run.result or {})}
    steps, wall_s = (report_run.number(made.get(key)) for key in ("env_steps", "wall_s"))
    budget = report_run.number(run.setting("run.total_env_steps"))
    facts: list[tuple[str, str]] = []
    if steps is not None:
        facts.append(("env steps" + (f" of {budget:,.0f}" if budget else ""), f"{steps:,.0f}"))
    if wall_s is not None:
        facts.append(("wall time", duration(wall_s)))
    if steps and wall_s:
        facts.append(("env steps/s, mean", f"{steps / wall_s:,.0f}"))
    if best := report_run.best(run):
        facts.append((f"best return, at {short(best['env_steps'])}", short(best[REWARD])))
        if SUCCESS in best:
            facts.append(("its success rate", f"{best[SUCCESS]:.1%}"))
    if (value := report_run.number(made.get("return_mean"))) is not None:
        facts.append(("return at the end", short(value)))
        if (success := report_run.number(made.get("success_rate"))) is not None:
            facts.append(("success at the end", f"{success:.1%}"))
    elif run.evaluations and REWARD in run.evaluations[-1]:
        facts.append(("last evaluation's return", short(run.evaluations[-1][REWARD])))
    what = [run.setting("algorithm.name"), run.setting("environment.id")]
    parts = [" on ".join(str(each) for each in what if each)]
    if (seed := run.setting("run.seed", None)) is not None:
        parts.append(f"seed {seed}")
    what_line = ", ".join(filter(None, parts))
    return (
        f'<header><h1>{escape(name)} <span class="state {kind}">{escape(word)}</span></h1>'
        f'<div>{escape(what_line)} <span class="faint">{escape(run.folder)}</span></div>'
        f"<p>{escape(why)}</p>"
        f'<div class="facts">'
        + "".join(f"<div><b>{escape(value)}</b>{escape(label)}</div>" for label, value in facts)
        + "</div>"
        + "".join(f'<p class="remark">{escape(remark)}</p>' for remark in run.remarks)
        + "</header>"
    )


def curves(run: Run) -> str:
    progress, evaluations = run.progress, run.evaluations
    columns = list(dict.fromkeys(key for row in progress for key in row))
    shown = {"env_steps", "wall_s", "eval/mean_ep_length"}

    def pair(evaluated: str, trained: str) -> list[Line]:
        shown.update((evaluated, trained))
        return [line("evaluation", evaluations, evaluated), line("training", progress, trained)]

    def of(prefix: str) -> list[Line]:
        names = [name for name in columns if name.startswith(prefix)]
        shown.update(names)
        return [line(name[len(prefix) :], progress, name) for name in names]

    charts = [
        chart("Return", pair(REWARD, "rollout/ep_rew_mean")),
        chart("Success rate", pair(SUCCESS, "rollout/success_rate"), is_share=True),
        chart("Reward terms, sums of an episode", of("metrics/reward/")),
        chart("Episode length, steps", pair("eval/ep_len_mean", "rollout/ep_len_mean")),
        chart("Share of episodes that ended by", of("metrics/terminated/"), is_share=True),
        chart("Curriculum", of("curriculum/")),
    ]
    aliases = {other for other, name in _OTHER_NAMES.items() if name in columns}
    shown.update(aliases)
    for name in columns:
        if name.endswith("_loss") and name not in shown:
            charts.append(chart(name, [line(name, progress, name)], may_be_log=True))
            shown.add(name)
    charts.append(chart("Env steps/s", [line("env steps/s", progress, "time/fps")]))
    charts.append(chart("Updates/s", [line("updates/s", progress, "time/updates_per_s")]))
    shown.update(("time/fps", "time/updates_per_s"))
    more = [chart(name, [line(name, progress, name)]) for name in columns if name not in shown]
    text = "".join(charts)
    if text:
        text = f'<div class="charts">{text}</div>'
    if more_text := "".join(more):
        text += (
            f"<details><summary>{len(more)} more from progress.csv</summary>"
            f'<div class="charts">{more_text}</div></details>'
        )
    return text or "<p>No rows in progress.csv and evaluations.csv yet.</p>"


def evaluations(run: Run) -> str:
    rows = run.evaluations
    if not rows:
        return "<p>None yet.</p>"
    best = report_run.best(run)
    known = {key for row in rows for key in row}
    heads = {"env_steps": "env steps", "wall_s": "wall time", REWARD: "return"}
    heads |= {SUCCESS: "success rate", "eval/ep_len_mean": "episode length"}
    hidden = {"eval/mean_ep_length", "eval/policy_version"}
    heads = {key: head for key, head in heads.items() if key in known}
    heads |= {
        key: key.removeprefix("eval/").removeprefix("metrics/")
        for key in sorted(known - hidden)
        if key not in heads
    }
    newest_first = rows[::-1][:_EVALUATIONS_SHOWN]
    if best and best not in newest_first:
        newest_first.append(best)

    def cell(key: str, row: dict[str, float]) -> str:
        if key not in row:
            return ""
        if key == "env_steps":
            return f"{row[key]:,.0f}"
        return duration(row[key]) if key == "wall_s" else short(row[key])

    lines, marked = [], []
    for i, row in enumerate(newest_first):
        marks = [word for word, is_it in (("last", i == 0), ("best", row is best)) if is_it]
        marked += [i] if marks else []
        lines.append([", ".join(marks), *(cell(key, row) for key in heads)])
    text = table(["", *heads.values()], lines, "numbers", tuple(marked))
    if (left_out := len(rows) - len(newest_first)) > 0:
        text += f"<p>{left_out} older ones are in evaluations.csv only.</p>"
    return text


def settings(run: Run) -> str:
    changed = report_run.changed_settings(run)
    if changed is None:
        text = "<p>No run card (README.md), which says what differs from the defaults.</p>"
    elif not changed:
        text = "<p>None: all are the defaults.</p>"
    else:
        text = table([], [list(pair) for pair in changed])
    everything = "\n".join(f"{key}={value}" for key, value in run.config.items())
    return text + (
        f"<details><summary>All {len(run.config)} settings</summary>"
        f"<pre>{escape(everything)}</pre></details>"
    )


def machines(run: Run) -> str:
    rows = []
    if text := report_run.versions(run):
        rows.append(["versions", text])
    if names := report_run.hosts(run):
        rows.append(["host", ", ".join(names)])
    rows += [[log.name, log.ready] for log in run.logs if log.ready]
    return table([], rows) if rows else "<p>The folder does not say.</p>"


def logs(run: Run) -> str:
    if not run.logs:
        return "<p>No logs.</p>"
    rows = [[log.name, log.starts, max(0, log.starts - 1), log.warnings] for log in run.logs]
    text = table(["log", "starts", "restarts and resumes", "warnings and errors"], rows)
    for log in run.logs:
        if log.first_warnings:
            more = log.warnings - len(log.first_warnings)
            shown = "\n".join(log.first_warnings) + (f"\n... and {more} more" if more else "")
            text += f"<h3>{escape(log.name)}, first warnings</h3><pre>{escape(shown)}</pre>"
        if log.end and report_run.state(run)[0] in ("failed", "not ended"):
            end = "\n".join(log.end)
            text += f"<h3>{escape(log.name)}, its end</h3><pre>{escape(end)}</pre>"
        if log.bytes_left_out:
            text += f"<p>{escape(log.name)}: the last {size(log.bytes_left_out)} were not read.</p>"
    return text


def use(run: Run) -> str:
    """The commands, as the card and the verbs write them."""
    folder = shlex.quote(str(run.folder))
    again = f"{runs.how_started('train')} --resume {folder}"
    if run.result is not None:
        made = report_run.number(run.result.get("env_steps")) or 0
        budget = report_run.number(run.setting("run.total_env_steps")) or 0
        again += f" run.total_env_steps={2 * int(max(made, budget))}"
        if (report_run.number(run.setting("evaluation.stop_at_success_rate")) or 0) > 0:
            again += " evaluation.stop_at_success_rate=0"
        if run.setting("evaluation.stop_at_return_enabled") is True:
            again += " evaluation.stop_at_return_enabled=false"
    commands = [
        f"{runs.how_started(verb)} {folder}" for verb in ("play", "eval", "record", "export")
    ]
    return f"<pre>{escape(chr(10).join([*commands, again]))}</pre>"


def files(run: Run) -> str:
    rows = [
        [name, _FILES.get(name, ""), count if name.endswith("/") else "", size(total)]
        for name, count, total in report_run.files(run.folder)
    ]
    return table(["", "", "files", "size"], rows)


def write(run: Run, video_mb: float, player: report_player.Player) -> str:
    """The page."""
    shown_videos = report_videos.section(run, video_mb)  # May add a remark.
    body = (
        summary(run)
        + section("Videos", shown_videos + player.html)
        + section("Learning curves, over env steps", curves(run))
        + section("Evaluations", evaluations(run))
        + section("Settings that are not the default", settings(run))
        + section("Hardware and versions", machines(run))
        + section("Processes and warnings", logs(run))
        + section("Use", use(run))
        + section("Files", files(run))
    )
    title = f"{run.setting('run.name') or run.folder.name}: Armature"
    return report_page.page(title, body, plays=player.plays)


def parse() -> argparse.Namespace:
    parser = runs.Parser(
        prog="report",
        description="Writes one HTML file about a run: videos, a 3D player, learning curves, "
        "evaluations, settings, warnings. It opens without a network.",
        epilog="Example: report panda_reach_sac --output reach.html",
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, id or name")
    parser.add_argument(
        "--output", type=pathlib.Path, metavar="FILE", help=f"the page (default: RUN/{PAGE})"
    )
    parser.add_argument(
        "--video_mb",
        type=float,
        default=_VIDEO_MB,
        metavar="MB",
        help="how much of the videos the page may hold; 0: none (default %(default)s)",
    )
    parser.add_argument(
        "--player_mb",
        type=float,
        default=_PLAYER_MB,
        metavar="MB",
        help="how large the 3D player of the last recorded episode may be; 0: none (default "
        "%(default)s)",
    )
    flags = parser.parse()
    for name in ("video_mb", "player_mb"):
        if not 0 <= getattr(flags, name) <= 1e6:
            raise runs.WrongUse(f"--{name}: {getattr(flags, name):g} is not in [0, 1e6]")
    return flags


def main() -> int:
    try:
        flags = parse()
        runs.enter_users_folder()
        run = report_run.read(runs.find(flags.run))
        output = (flags.output or run.folder / PAGE).absolute()
        player = report_player.make(run, flags.player_mb)
        runs.write_atomically(output, write(run, flags.video_mb, player))
        print(f"report: {output} ({size(output.stat().st_size)})")
        if player.said:
            print(f"report: {player.said}")
    except (runs.WrongUse, OSError, ValueError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Runs a configuration with every combination of values.

    sweep CONFIG run.seed=1,2,3 algorithm.sac.learning_rate=1e-3,3e-4 [--jobs N]

One value of a key, or a comma-separated list of them; commas within [] or {} or quotes
belong to the value. Each combination is a run of the launcher in a directory of its own
under one sweep directory, which also holds sweep.json (what was asked) and sweep.csv (a
row a run: what varies, how it ended, final and best evaluation).

Ctrl-C ends all runs cleanly, and so does closing the terminal (not under nohup); a second
Ctrl-C gives up what they still write. --resume SWEEP_DIR goes on, with as many --jobs as before
unless others are given: runs that ended are left as they are, the others continue from their
last checkpoints.
Exit status: 0 all runs ended; 1 one failed; 2 wrong use; 128 + signal when stopped.
Thread safety: one thread.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import ctypes
import dataclasses
import datetime
import io
import itertools
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time
from typing import Any

import run_finder
import runs

SPECIFICATION = "sweep.json"
SUMMARY = "sweep.csv"
LOG = "launcher.log"
# Of a directory's name, which says what varies.
NAME_LENGTH_MAX = 100
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_LAUNCHER_VARIABLE = "ARMATURE_LAUNCHER"
_OPENING, _CLOSING, _QUOTES = "[{", "]}", "'\""


@dataclasses.dataclass
class Run:
    """One combination."""

    name: str  # Of its directory.
    words: list[str]  # CONFIG and key=value, for the launcher.
    varied: dict[str, str]  # Those keys that have several values in the sweep.
    status: str = "pending"


def split_values(text: str) -> list[str]:
    """ "1,[2,3],'a,b'" -> ["1", "[2,3]", "'a,b'"]. WrongUse: a bracket or quote is not closed."""
    values, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        if character == "," and depth == 0 and not quote:
            values.append("")
        else:
            values[-1] += character
    if depth != 0 or quote:
        raise runs.WrongUse(f"'{text}' opens a bracket or quote that is never closed")
    return values


def combinations(words: list[str]) -> list[Run]:
    """The product of all lists; the last key varies fastest. WrongUse: an empty value."""
    choices: list[list[str]] = []
    varied_keys: list[str] = []
    for word in words:
        key, equals, text = word.partition("=")
        values = split_values(text) if equals else [word]
        if equals and len(values) > 1 and "" in values:
            raise runs.WrongUse(f"'{word}' has an empty value")
        if len(values) != len(set(values)):
            raise runs.WrongUse(f"'{word}' has a value twice")
        choices.append([f"{key}={value}" for value in values] if equals else values)
        if len(values) > 1:
            varied_keys.append(key)
    if len(varied_keys) != len(set(varied_keys)):
        raise runs.WrongUse("a key is given twice")
    found = []
    for number, chosen in enumerate(itertools.product(*choices)):
        pairs = dict(word.split("=", 1) for word in chosen if "=" in word)
        varied = {key: pairs[key] for key in varied_keys}
        found.append(Run(_name(number, varied), list(chosen), varied))
    return found


def _name(number: int, varied: dict[str, str]) -> str:
    """ "003-seed_1-gamma_0.9": readable, and without '=', which makes a setting of a word."""
    text = "-".join(f"{key.rpartition('.')[2]}_{value}" for key, value in varied.items())
    return re.sub(r"[^\w.+-]", "_", f"{number:03d}-{text or 'run'}")[:NAME_LENGTH_MAX]


def _bundle() -> pathlib.Path | None:
    """The program `armature` of the bundle that this file is in; None: it is in none."""
    program = pathlib.Path(__file__).absolute().parent.parent / "armature"
    return program if program.is_file() else None


def resume_command(folder: pathlib.Path) -> str:
    """What goes on with a sweep, to be pasted into a shell."""
    bundle = _bundle()
    program = [str(bundle), "sweep"] if bundle else ["bazel", "run", "//deploy:sweep", "--"]
    return shlex.join([*program, "--resume", str(folder)])


def find_launcher() -> list[str]:
    """The words that start it: of this build, or of the bundle that this file is in."""
    if path := os.environ.get(_LAUNCHER_VARIABLE):
        return [path]
    here = pathlib.Path(__file__).absolute()
    runfiles = here.with_name(here.name + ".runfiles")
    built = runfiles / "armature/deploy/cluster"
    if built.is_file():
        os.environ["RUNFILES_DIR"] = str(runfiles)  # The launcher's own data is there too.
        return [str(built)]
    if bundle := _bundle():
        return [str(bundle), "cluster"]
    raise runs.WrongUse(f"no launcher at {built}, and no bundle; set {_LAUNCHER_VARIABLE}")


class Sweep:
    """Starts the runs, `jobs` at once, and keeps the summary."""

    def __init__(
        self, folder: pathlib.Path, all_runs: list[Run], launcher: list[str], jobs: int
    ) -> None:
        self._folder = folder
        self._runs = all_runs
        self._launcher = launcher
        self.jobs = jobs
        self._children: dict[int, tuple[Run, subprocess.Popen[bytes]]] = {}
        self._signal = 0  # The first that was received.
        self._asked = 0  # SIGINT or SIGTERM, so many times.

    def execute(self) -> int:
        """Runs what has not ended; the exit status."""
        for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(signal_number) is not signal.SIG_IGN:  # As nohup does.
                signal.signal(signal_number, self._stop)
        for run in self._runs:
            if runs.read_result(self._folder / run.name) is not None:
                run.status = "ended"
        waiting = [run for run in self._runs if run.status == "pending"]
        self._write_summary()
        while (waiting and not self._signal) or self._children:
            while waiting and not self._signal and len(self._children) < self.jobs:
                self._start(waiting.pop(0))
            if self._children:
                self._await_one()
        return self._conclude()

    def _start(self, run: Run) -> None:
        folder = self._folder / run.name
        if (folder / runs.CONFIG).is_file():
            words = ["--resume", str(folder)]
        else:
            folder.mkdir(exist_ok=True)
            words = [*run.words, "--run_dir", str(folder)]
        with open(folder / LOG, "ab") as log:
            # A session of its own: Ctrl-C reaches the launchers through this process only.
            child = subprocess.Popen(
                [*self._launcher, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        run.status = "running"
        self._children[child.pid] = (run, child)
        self._tell(run, "started")
        if self._signal:  # It came before this child could be told.
            child.send_signal(signal.SIGTERM)

    def _await_one(self) -> None:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        assert ended is not None  # As it is with WNOHANG only.
        run, child = self._children.pop(ended.si_pid)
        status = child.wait()
        if runs.read_result(self._folder / run.name) is not None:
            run.status = "ended"
        else:
            run.status = "stopped" if self._signal else "failed"
        self._tell(
            run, f"{run.status}: {self._last_line(run)}" + (f" [{status}]" if status else "")
        )
        self._write_summary()

    def _stop(self, signal_number: int, _frame: Any) -> None:
        """As the launcher takes them: the first one stops, a second one that is no hang-up
        gives up what is not written; a third kills."""
        is_first = not self._signal
        self._signal = self._signal or signal_number
        if signal_number != signal.SIGHUP:
            self._asked += 1
        if is_first or (self._asked > 1 and signal_number != signal.SIGHUP):
            for _, child in list(self._children.values()):
                child.send_signal(signal.SIGKILL if self._asked > 2 else signal.SIGTERM)

    def _last_line(self, run: Run) -> str:
        lines = (self._folder / run.name / LOG).read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"

    def _tell(self, run: Run, what: str) -> None:
        statuses = [each.status for each in self._runs]
        others = "".join(
            f", {statuses.count(status)} {status}"
            for status in ("failed", "stopped")
            if status in statuses
        )
        ended = f"{statuses.count('ended')}/{len(statuses)} ended"
        _say(f"sweep: {ended}{others}; {run.name} {what}")

    def _summary(self) -> list[dict[str, str]]:
        return [
            {
                "run": run.name,
                **run.varied,
                "status": run.status,
                **_outcome(self._folder / run.name),
            }
            for run in self._runs
        ]

    def _write_summary(self) -> None:
        rows = self._summary()
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        runs.write_atomically(self._folder / SUMMARY, text.getvalue())

    def _conclude(self) -> int:
        self._write_summary()
        _say(table(self._summary()))
        _say(f"sweep: table: {self._folder / SUMMARY}")
        if self._signal:
            _say(f"sweep: stopped; go on with: {resume_command(self._folder)}")
            return 128 + self._signal
        failed = sum(run.status != "ended" for run in self._runs)
        if failed:
            _say(f"sweep: {failed} of {len(self._runs)} runs failed; each has its {LOG}")
            _say(f"sweep: try them again with: {resume_command(self._folder)}")
        return 1 if failed else 0


def _say(text: str) -> None:
    """Where the terminal has gone, nobody hears it, and the summary is still to be written."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def _end_with_parent() -> None:
    """The kernel ends the launcher when this process is no more, however it ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _outcome(run: pathlib.Path) -> dict[str, str]:
    """Columns of the summary; empty where there is nothing to say."""
    result = runs.read_result(run) or {}
    best = runs.best(runs.read_rows(run / runs.EVALUATIONS)) or {}
    values = {
        "solved": result.get("target_reached"),
        "env_steps": result.get("env_steps"),
        "wall_s": result.get("wall_s"),
        "final_return": result.get("return_mean"),
        "final_success": result.get("success_rate"),
        "best_return": best.get("eval/mean_reward"),
        "best_success": best.get("eval/success_rate"),
        "best_env_steps": best.get("env_steps"),
    }
    return {key: _cell(value) for key, value in values.items()}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if abs(value) < 1e5 else f"{value:.0f}"


def table(rows: list[dict[str, str]]) -> str:
    """Columns of one width each, without those that are empty."""
    columns = [key for key in rows[0] if any(row[key] for row in rows)]
    lines = [columns, *([row[key] for key in columns] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines
    )


def check(launcher: list[str], all_runs: list[Run]) -> str:
    """Every combination, before any of them takes hours; run.output_dir, which they share.

    WrongUse: as the launcher says; they do not share it.
    """
    folders = set()
    for run in all_runs:
        completed = subprocess.run(
            [*launcher, *run.words, "--cfg", "job"], capture_output=True, text=True, check=False
        )
        if completed.returncode != 0:
            lines = completed.stderr.strip().splitlines() or [f"status {completed.returncode}"]
            which = " ".join(f"{key}={value}" for key, value in run.varied.items())
            raise runs.WrongUse(f"{which}: {lines[-1]}" if which else lines[-1])
        folders.add(_output_dir(completed.stdout))
    if len(folders) > 1:
        raise runs.WrongUse("the runs of a sweep are in one folder: give one run.output_dir")
    return folders.pop()


def _output_dir(composed: str) -> str:
    """That of the configuration, which the launcher prints as YAML."""
    match = re.search(r"^run:\n(?:  .*\n)*?  output_dir: (.+)$", composed, re.MULTILINE)
    if match is None:
        return run_finder.OUTPUT_DIR
    return str(json.loads(match[1])) if match[1].startswith('"') else match[1]


def new_sweep(
    words: list[str], launcher: list[str], output: pathlib.Path | None, jobs: int
) -> Sweep:
    all_runs = combinations(words)
    output_dir = check(launcher, all_runs)
    moment = time.strftime("%Y%m%d-%H%M%S")
    folder = (output or pathlib.Path(output_dir) / "sweeps" / moment).absolute()
    if "=" in str(folder):
        raise runs.WrongUse(f"'{folder}': the launcher takes a path with '=' for a setting")
    if (folder / SPECIFICATION).exists():
        raise runs.WrongUse(f"{folder} is a sweep already; go on with: {resume_command(folder)}")
    folder.mkdir(parents=True, exist_ok=True)
    begun = datetime.datetime.now().isoformat()
    _write_specification(folder, {"words": words, "begun": begun, "jobs": jobs})
    return Sweep(folder, all_runs, launcher, jobs)


def old_sweep(folder: pathlib.Path, launcher: list[str], jobs: int | None) -> Sweep:
    """With as many jobs as before, unless others are given."""
    try:
        specification = json.loads((folder / SPECIFICATION).read_text())
        all_runs = combinations(specification["words"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise runs.WrongUse(f"{folder} is no sweep: no {SPECIFICATION} to be read") from error
    specification["jobs"] = jobs or specification.get("jobs", 1)
    _write_specification(folder, specification)
    return Sweep(folder.absolute(), all_runs, launcher, specification["jobs"])


def _write_specification(folder: pathlib.Path, specification: dict[str, Any]) -> None:
    runs.write_atomically(folder / SPECIFICATION, json.dumps(specification, indent=2) + "\n")


def parse() -> argparse.Namespace:
    parser = runs.Parser(
        prog="sweep",
        description="Runs a configuration with every combination of values.",
        epilog="Example: sweep panda_reach_sac run.seed=1,2,3 algorithm.sac.gamma=0.9,0.95",
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="CONFIG key=value,value",
        help="as the launcher takes them; lists are swept over",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="runs at the same time (default 1; with --resume, as many as before)",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the runs and end")
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        metavar="DIR",
        help="the sweep's directory (default <run.output_dir>/sweeps/<date-time>)",
    )
    parser.add_argument(
        "--resume",
        type=pathlib.Path,
        metavar="SWEEP_DIR",
        help="go on with a sweep; takes no words",
    )
    flags = parser.parse()
    if flags.jobs is not None and flags.jobs < 1:
        raise runs.WrongUse(f"--jobs is {flags.jobs}, less than 1")
    if bool(flags.words) == bool(flags.resume):
        raise runs.WrongUse("give either CONFIG key=value,value or --resume SWEEP_DIR (see --help)")
    if flags.resume and (flags.output or flags.dry_run):
        raise runs.WrongUse("--resume takes neither --output nor --dry-run")
    return flags


def main() -> int:
    try:
        flags = parse()
        launcher = find_launcher()
        runs.enter_users_folder()
        if flags.dry_run:
            all_runs = combinations(flags.words)
            check(launcher, all_runs)
            for run in all_runs:
                print(shlex.join(run.words))
            print(f"sweep: {len(all_runs)} runs")
            return 0
        if flags.resume:
            sweep = old_sweep(flags.resume, launcher, flags.jobs)
        else:
            sweep = new_sweep(flags.words, launcher, flags.output, flags.jobs or 1)
        return sweep.execute()
    except (runs.WrongUse, OSError) as error:
        print(f"sweep: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

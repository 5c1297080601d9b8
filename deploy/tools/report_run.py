"""What report says about a run: how it stands, its settings, logs, videos and files.

Everything is read from the run's folder, which may be incomplete: a run in progress, one that
failed, or a config.yaml alone. What cannot be read becomes a remark.
Thread safety: free functions.
"""

from __future__ import annotations

import dataclasses
import fcntl
import math
import os
import pathlib
import re
import struct
from typing import Any

import runs

REWARD, SUCCESS = "eval/mean_reward", "eval/success_rate"
_CARD = "README.md"
_NOT_ENDED = "The run has not ended"  # As learner/run/run_state.h.
_SETTINGS = "## Settings that are not the default"  # As learner/training/run_card.cc.
_READY = re.compile(r"(learner|actor|envserver)\b.* ready\b")
_WARNING = re.compile(r"\[(warning|error|critical)\]")
_LINES_SHOWN = 5  # Of each log's warnings, and of its end if the run failed.
_LOG_BYTES = 64 << 20  # Of a log, from its beginning; more is counted as left out.
_LINE_WIDTH = 400  # Characters.

Rows = list[dict[str, float]]


@dataclasses.dataclass
class Log:
    """What a process said."""

    name: str
    starts: int = 0
    ready: str = ""  # The last line by which it said that it is ready.
    warnings: int = 0
    first_warnings: list[str] = dataclasses.field(default_factory=list)
    end: list[str] = dataclasses.field(default_factory=list)
    bytes_left_out: int = 0


@dataclasses.dataclass
class Video:
    """Or the recording of one."""

    path: pathlib.Path
    bytes: int
    env_steps: int | None  # None: not one of training.


@dataclasses.dataclass
class Run:
    folder: pathlib.Path
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    card: str = ""
    result: dict[str, Any] | None = None
    progress: Rows = dataclasses.field(default_factory=list)  # By ascending env_steps, each once.
    evaluations: Rows = dataclasses.field(default_factory=list)  # As progress.
    logs: list[Log] = dataclasses.field(default_factory=list)
    videos: list[Video] = dataclasses.field(default_factory=list)  # Along training, then others.
    recordings: list[Video] = dataclasses.field(default_factory=list)  # Episodes of training.
    not_filmed: int = 0  # Recorded episodes of training that have no video.
    goes_on: bool = False  # A process of this machine writes it.
    remarks: list[str] = dataclasses.field(default_factory=list)

    def setting(self, key: str, default: Any = "") -> Any:
        return self.config.get(key, default)


def read(folder: pathlib.Path) -> Run:
    """WrongUse: config.yaml cannot be read."""
    run = Run(folder, runs.read_config(folder))
    run.card = _text(folder / _CARD)
    run.result = runs.read_result(folder)
    if run.result is None and (folder / runs.RESULT).is_file():
        run.remarks.append(f"{runs.RESULT} is damaged.")
    for name, rows in ((runs.PROGRESS, run.progress), (runs.EVALUATIONS, run.evaluations)):
        try:
            rows += _ordered(runs.read_rows(folder / name))
        except (runs.WrongUse, OSError, ValueError) as error:
            run.remarks.append(f"{error}")
    for path in sorted((folder / "logs").glob("*.log"), key=lambda path: _natural(path.name)):
        try:
            run.logs.append(_read_log(path))
        except OSError as error:
            run.remarks.append(f"{error}")
    run.videos = _videos(folder, ".mp4")
    filmed = {video.path.stem for video in run.videos}
    run.recordings = [each for each in _videos(folder, ".episodes") if each.env_steps is not None]
    run.not_filmed = sum(each.path.stem not in filmed for each in run.recordings)
    run.goes_on = any(_is_held(folder / lock) for lock in ("learner.lock", "launcher.lock"))
    return run


def state(run: Run) -> tuple[str, str]:
    """A word or two (solved, failed, ...), and how the run ended, or that it did not."""
    if run.result is not None:
        reason = str(run.result.get("reason") or "")
        if run.result.get("target_reached") is True:
            return "solved", reason
        has_target = (
            number(run.setting("evaluation.stop_at_success_rate")) or 0
        ) > 0 or run.setting("evaluation.stop_at_return_enabled") is True
        return ("not solved" if has_target else "finished"), reason
    for line in run.card.splitlines():
        if line.startswith(_NOT_ENDED):
            why = line[len(_NOT_ENDED) :].strip(": .")
            if why and not run.goes_on:
                return ("failed" if why.startswith("failed") else "stopped"), why
    if run.goes_on:
        return "in progress", "The run goes on; this is how it stands."
    return "not ended", "There is no result, and no process of this machine writes the run."


def best(run: Run) -> dict[str, float] | None:
    """The evaluation that model_best is of, by checkpoint.keep_best."""
    if run.setting("checkpoint.keep_best") == "return":
        return max(
            (row for row in run.evaluations if REWARD in row),
            key=lambda row: row[REWARD],
            default=None,
        )
    return runs.best(run.evaluations)


def changed_settings(run: Run) -> list[tuple[str, str]] | None:
    """Those that differ from the defaults, as the learner has found them; None: no card says."""
    lines = run.card.splitlines()
    try:
        begin = lines.index("```", lines.index(_SETTINGS)) + 1
        end = lines.index("```", begin)
    except ValueError:
        return None
    pairs = (line.partition("=") for line in lines[begin:end])
    return [(key, value) for key, _, value in pairs]


def versions(run: Run) -> str:
    """The card's line with run id, seed, commit and LibTorch; empty without a card."""
    lines = run.card.splitlines()
    return next((line.replace("`", "") for line in lines if line.startswith("Run `")), "")


def hosts(run: Run) -> list[str]:
    """Machines whose processes last held the run."""
    words = (_text(run.folder / lock).split() for lock in ("learner.lock", "launcher.lock"))
    return sorted({each[1] for each in words if len(each) > 1})


def files(folder: pathlib.Path) -> list[tuple[str, int, int]]:
    """Name, number of files and bytes of everything in the folder; folders end with a slash."""
    found = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), _natural(path.name))):
        inside = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
        sizes = [size for each in inside if (size := _size(each)) is not None]
        found.append((path.name + "/" * path.is_dir(), len(sizes), sum(sizes)))
    return found


def number(value: Any) -> float | None:
    """None: no number, or not a finite one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def _text(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _size(path: pathlib.Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:  # Removed meanwhile.
        return None


def _natural(name: str) -> list[Any]:
    """So that actor-10 comes after actor-9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", name)]


def _ordered(rows: Rows) -> Rows:
    """Of several rows with the same env_steps, the last; values that are not finite left out."""
    by_step = {
        row["env_steps"]: {key: value for key, value in row.items() if math.isfinite(value)}
        for row in rows
        if math.isfinite(row.get("env_steps", math.nan))
    }
    return [by_step[step] for step in sorted(by_step)]


def _read_log(path: pathlib.Path) -> Log:
    log = Log(path.name)
    with open(path, "rb") as file:
        text = file.read(_LOG_BYTES).decode("utf-8", "replace")
        log.bytes_left_out = max(0, os.fstat(file.fileno()).st_size - _LOG_BYTES)
    lines = [line[:_LINE_WIDTH] for line in text.split("\n") if line.strip()]
    for line in lines:
        if _READY.match(line):
            log.starts += 1
            log.ready = line
        elif _WARNING.search(line):
            log.warnings += 1
            if len(log.first_warnings) < _LINES_SHOWN:
                log.first_warnings.append(line)
    log.end = lines[-_LINES_SHOWN:]
    return log


def _videos(folder: pathlib.Path, suffix: str) -> list[Video]:
    """Those of training by env steps, then the others from old to new. Empty ones are not there
    yet."""
    training, others = [], []
    for path in (folder / "videos").glob(f"*{suffix}"):
        if not (size := _size(path)):
            continue
        if match := re.fullmatch(r"step_([0-9]+)", path.stem):
            training.append(Video(path, size, int(match[1])))
        else:
            others.append(Video(path, size, None))
    training.sort(key=lambda video: video.env_steps or 0)
    others.sort(key=lambda video: (video.path.stat().st_mtime, video.path.name))
    return training + others


def _is_held(path: pathlib.Path) -> bool:
    """Whether a process has the lock, which is the kernel's (learner/run/run_lock.h)."""
    layout = "hhqqi"  # struct flock of Linux on 64 bits: type, whence, start, length, process.
    try:
        with open(path, "rb") as file:
            asked = struct.pack(layout, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            answer = fcntl.fcntl(file, fcntl.F_GETLK, asked)
    except OSError:
        return False
    return bool(struct.unpack(layout, answer)[0] != fcntl.F_UNLCK)

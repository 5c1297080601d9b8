"""What a run leaves in its directory, read back: see learner/run/run_directory.h.

Thread safety: free functions. Files that are still being written may be read.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import pathlib
import shlex
import sys
from typing import Any, NoReturn

import run_finder

RESULT = "result.json"
CONFIG = "config.yaml"
EVALUATIONS = "evaluations.csv"
PROGRESS = "progress.csv"


class WrongUse(Exception):
    """What the user gave cannot be used; the message says why, in one line."""


class Parser(argparse.ArgumentParser):
    """One whose complaints are WrongUse, and that helps who gives nothing. Words and flags may
    come in any order."""

    def error(self, message: str) -> NoReturn:
        raise WrongUse(f"{message} (see --help)")

    def parse(self) -> argparse.Namespace:
        if len(sys.argv) == 1:
            self.print_help(sys.stderr)
            sys.exit(2)
        return self.parse_intermixed_args()


def enter_users_folder() -> None:
    """As common/files/files.h has it: the folder in which `bazel run` was typed."""
    if folder := os.environ.get("BUILD_WORKING_DIRECTORY"):
        os.chdir(folder)


def how_started(verb: str) -> str:
    """As common/cli/how_started.h: through the launcher of the bundle that holds this, or Bazel."""
    launcher = pathlib.Path(__file__).resolve().parent.parent / "armature"
    if launcher.is_file():
        return f"{shlex.quote(str(launcher))} {verb}"
    return f"bazel run //deploy:{verb} --"


def find(run: str) -> pathlib.Path:
    """The folder of the run that a word means, absolute. WrongUse: there is none, or several."""
    try:
        return run_finder.find_run(run).absolute()
    except run_finder.NoRunError as error:
        raise WrongUse(str(error)) from error


def read_rows(path: pathlib.Path) -> list[dict[str, float]]:
    """The rows of a CSV file of numbers, without empty cells; none where it is absent.

    A last row that is not whole yet is left out. WrongUse: a cell is not a number.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    lines = text[: text.rfind("\n") + 1].splitlines()
    try:
        return [
            {column: float(cell) for column, cell in row.items() if cell}
            for row in csv.DictReader(lines)
        ]
    except (TypeError, ValueError) as error:
        raise WrongUse(f"{path}: not a table of numbers: {error}") from error


def read_result(run: pathlib.Path) -> dict[str, Any] | None:
    """How the run ended; None: it has not."""
    try:
        result = json.loads((run / RESULT).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return result if isinstance(result, dict) else None


def best(rows: list[dict[str, float]]) -> dict[str, float] | None:
    """The evaluation with the highest success rate, among those with the highest return."""
    key = ("eval/success_rate", "eval/mean_reward")
    rated = [row for row in rows if key[1] in row]
    return max(rated, key=lambda row: [row.get(k, -math.inf) for k in key], default=None)


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """{"algorithm.sac.gamma": 0.95, ...} of nested sections."""
    if not isinstance(config, dict) or not config:
        return {prefix: config}
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat.update(flatten(value, f"{prefix}.{key}" if prefix else str(key)))
    return flat


def read_config(run: pathlib.Path) -> dict[str, Any]:
    """The run's settings by their full keys. WrongUse: not YAML, or absent."""
    import yaml  # Only who needs it has to have it.

    path = run / CONFIG
    try:
        config = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise WrongUse(f"{path}: cannot be read: {error}".replace("\n", " ")) from error
    return flatten(config or {})


def write_atomically(path: pathlib.Path, text: str) -> None:
    """Readers see the old file or the whole new one."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8", errors="replace")
    temporary.replace(path)

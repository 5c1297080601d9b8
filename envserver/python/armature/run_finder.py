"""Finds runs on disk, as learner/run/run_finder.h does; both pass the same cases.

Needs nothing but Python: deploy/tools uses this file as well.
Thread safety: free functions.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

OUTPUT_DIR = "outputs"  # Of run.output_dir.
_CONFIG = "config.yaml"
_IDENTITY = "run.json"
_BEGINNING_OF_AN_ID = re.compile(r"[0-9a-fA-F]{4,}")


class NoRunError(ValueError):
    """A word means no run, or several; says so in one line."""


@dataclasses.dataclass(frozen=True)
class FoundRun:
    """A folder that holds run.json."""

    path: pathlib.Path
    run_id: str  # Empty: run.json is damaged.
    name: str
    begun: str  # YYYYMMDD-HHMMSS.


def index_path() -> pathlib.Path | None:
    """The file with a line for every run that this user has begun; None: there is no home."""
    for variable, below in (("XDG_STATE_HOME", ""), ("HOME", ".local/state")):
        folder = pathlib.Path(os.environ.get(variable, ""))
        if folder.is_absolute():
            return folder / below / "armature/runs"
    return None


def find_run(run: str, output_dir: str | os.PathLike[str] = OUTPUT_DIR) -> pathlib.Path:
    """The folder of the run that `run` means.

    A run's folder; or, of those below `output_dir`, else of all that this user has begun: a
    run id, or the first 4 or more of its digits, or a name, whose newest run is taken that has
    saved a model or a checkpoint, or else the newest.
    NoRunError: there is none, or several ids begin so.
    """
    path = pathlib.Path(run)
    if (path / _CONFIG).is_file():
        return path
    names: list[str] = []
    for found in (_below(pathlib.Path(output_dir)), _remembered()):
        runs = sorted(found, key=lambda each: (each.begun, str(each.path)), reverse=True)
        names += [each.name for each in runs]
        if match := _among(run, runs):
            return match
    if path.is_dir():
        raise NoRunError(f"{run} is not a run: it has no {_CONFIG}")
    nearest = difflib.get_close_matches(run, names, 1)
    raise NoRunError(
        f"no run '{run}': neither a run's folder nor the name or the id of one below "
        f"{output_dir} or in {index_path()}" + (f"; the nearest is {nearest[0]}" if nearest else "")
    )


def _among(run: str, runs: list[FoundRun]) -> pathlib.Path | None:
    named = [each.path for each in runs if each.name == run]
    if named:
        return next(filter(_has_saved, named), named[0])
    if not _BEGINNING_OF_AN_ID.fullmatch(run):
        return None
    paths = [each.path for each in runs if each.run_id.startswith(run)]
    if len(paths) > 1:
        raise NoRunError(f"several run ids begin with {run}: {', '.join(map(str, paths))}")
    return paths[0] if paths else None


def _has_saved(path: pathlib.Path) -> bool:
    return any(
        True for folder in ("models", "checkpoints") for _ in (path / folder).glob("*.safetensors")
    )


def _below(folder: pathlib.Path) -> Iterator[FoundRun]:
    """A run inside a run is not looked for."""
    for parent, folders, _ in os.walk(folder):
        for name in list(folders):
            path = pathlib.Path(parent, name)
            if (path / _IDENTITY).is_file():
                folders.remove(name)
                yield _read(path)


def _remembered() -> Iterator[FoundRun]:
    """Those that are still there, each once."""
    path = index_path()
    try:
        lines: Iterable[str] = path.read_text(errors="surrogateescape").split("\n") if path else ()
    except OSError:
        return
    for line in dict.fromkeys(lines):
        if line and (pathlib.Path(line) / _IDENTITY).is_file():
            yield _read(pathlib.Path(line))


def _read(path: pathlib.Path) -> FoundRun:
    try:
        identity: Any = json.loads((path / _IDENTITY).read_text())
    except (OSError, ValueError):
        identity = None
    if not isinstance(identity, dict):
        identity = {}
    return FoundRun(
        path,
        str(identity.get("run_id", "")),
        str(identity.get("name") or path.parent.name),
        str(identity.get("begun") or path.name),
    )

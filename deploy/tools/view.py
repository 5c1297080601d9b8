#!/usr/bin/env python3
"""A live web page of robots: starts armature-view, which is of the Python package.

    view ENV_SERVER | RUN | FILE.episodes [--listen HOST:PORT] ...

Tells it where the programs of this build or bundle are, with which a run is played.
Exit status: armature-view's; 2: it is not installed.
Thread safety: one thread.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import shlex
import shutil
import sys

_PROGRAM = "armature-view"
_MISSING = (
    f"view: there is neither {_PROGRAM} nor a python3 with Armature's package: "
    "pip install './envserver/python[view]' in the clone"
)


def programs() -> dict[str, list[str]]:
    """The words that start `play` and `envserver`; none where this file is alone."""
    here = pathlib.Path(__file__).absolute()
    runfiles = here.with_name(here.name + ".runfiles")
    built = {"play": "armature/deploy/play", "envserver": "armature/envserver/envserver"}
    if all((runfiles / path).is_file() for path in built.values()):
        os.environ["RUNFILES_DIR"] = str(runfiles)  # Their data is there too.
        return {name: [str(runfiles / path)] for name, path in built.items()}
    bundle = here.parent.parent / "armature"
    if bundle.is_file():
        return {name: [str(bundle), name] for name in built}
    return {}


def command() -> list[str]:
    """What starts armature-view; empty: it is not installed."""
    if path := shutil.which(_PROGRAM):
        return [path]
    try:
        found = importlib.util.find_spec("armature.view")
    except ModuleNotFoundError:
        found = None
    return [sys.executable, "-m", "armature.view"] if found else []


def main() -> int:
    words = command()
    if not words:
        print(_MISSING, file=sys.stderr)
        return 2
    for name, program in programs().items():
        os.environ.setdefault(f"ARMATURE_VIEW_{name.upper()}", shlex.join(program))
    os.execv(words[0], [*words, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Logs a run to Weights & Biases while it goes on, from the files in its directory.

    wandb_uploader RUN

Every row of progress.csv and evaluations.csv becomes a point by env_steps, every MP4 in videos/
a video; config.yaml the configuration; result.json the summary, and the end, but for a minute in
which the last videos may still be made. The client uploads where it is logged in
(`wandb login`, WANDB_API_KEY); otherwise, or where WANDB_MODE or `wandb offline` says so, it
writes RUN_DIR/wandb/offline-run-* and the command that uploads it is printed. The project is
run.wandb_project, else WANDB_PROJECT, else armature; the group run.wandb_group, else
WANDB_RUN_GROUP; WANDB_ENTITY and the client's other variables are respected.

The run's id there is that of the run. A resumed run that was uploaded goes on with its curves:
RUN_DIR/wandb/logged.json holds how many rows are there. One that was written offline is written
again as a whole, so that one folder holds all of it; the older ones are removed.

A process of its own: nothing that happens here, and no network, holds up training. Ends
when result.json is there, or on SIGTERM or SIGINT, when what is there has been logged.
Thread safety: one thread besides the client's own.
"""

from __future__ import annotations

import ctypes
import json
import netrc
import os
import pathlib
import select
import shlex
import shutil
import signal
import sys
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import runs

try:
    import wandb
except ImportError as missing:
    print(
        f"wandb: {sys.executable} has no {missing.name}, so nothing is logged to Weights & Biases: "
        "pip install wandb",
        file=sys.stderr,
    )
    sys.exit(1)

DEFAULT_PROJECT = "armature"
LOGGED = "logged.json"
RUN = "run.json"
VIDEOS = "videos"
VIDEOS_WITHIN_S = 60.0  # Of the run's end.
# <sys/inotify.h>: a file was written and closed, or moved here.
_IN_CLOSE_WRITE, _IN_MOVED_TO = 0x8, 0x80
_EVENTS_BYTES = 65536


class Changes:
    """Waits for files of a folder to change, and for signals.

    Iterating gives a turn at once, one after each change, and a last one when the run is over or
    after a signal.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._folder = folder
        self._inotify = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        mask = _IN_CLOSE_WRITE | _IN_MOVED_TO
        (folder / VIDEOS).mkdir(exist_ok=True)
        for watched in (folder, folder / VIDEOS):
            if libc.inotify_add_watch(self._inotify, os.fsencode(watched), mask) < 0:
                raise OSError(ctypes.get_errno(), f"cannot watch {watched}")
        self._signals, wakeup = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wakeup)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # The pipe tells.

    def __iter__(self) -> Iterator[None]:
        signalled = False
        while True:
            over = signalled or self._is_over()
            yield
            if over:
                return
            ready, _, _ = select.select([self._inotify, self._signals], [], [], self._patience())
            if self._inotify in ready:
                os.read(self._inotify, _EVENTS_BYTES)
            signalled = self._signals in ready

    def _is_over(self) -> bool:
        if runs.read_result(self._folder) is None:
            return False
        made = {path.stem for path in (self._folder / VIDEOS).glob("*.mp4")}
        awaited = {path.stem for path in (self._folder / VIDEOS).glob("*.episodes")}
        return awaited <= made or self._patience() == 0

    def _patience(self) -> float | None:
        """Seconds that the run's last videos may still take; None: the run goes on."""
        try:
            ended = (self._folder / runs.RESULT).stat().st_mtime
        except FileNotFoundError:
            return None
        return max(0.0, ended + VIDEOS_WITHIN_S - time.time())


def is_logged_in(settings: wandb.Settings) -> bool:
    """As the client looks for it: a variable or file of settings, else the user's netrc."""
    if settings.api_key or settings.identity_token_file:
        return True
    path = os.environ.get("NETRC", pathlib.Path("~/.netrc").expanduser())
    try:
        credentials = netrc.netrc(path).authenticators(urllib.parse.urlsplit(settings.base_url)[1])
    except (OSError, netrc.NetrcParseError):
        return False
    return credentials is not None


def choose_mode() -> tuple[Any, str]:
    """The client's mode, and why it does not upload; empty: it does."""
    settings = wandb.setup().settings
    if settings.mode != "online":
        return settings.mode, f"WANDB_MODE or `wandb {settings.mode}` says so"
    if not is_logged_in(settings):
        return "offline", "there is neither `wandb login` nor WANDB_API_KEY"
    return "online", ""


class Uploader:
    """Logs the rows of a run that are not logged yet."""

    def __init__(self, folder: pathlib.Path, run_id: str) -> None:
        self._folder = folder
        self._logged_path = folder / "wandb" / LOGGED
        self._older = set(folder.glob(f"wandb/offline-run-*-{run_id}"))
        self._logged = {runs.PROGRESS: 0, runs.EVALUATIONS: 0}
        self._videos_until = -1  # Env steps of the last video that is there.
        mode, self._why_not = choose_mode()
        if not self._why_not and self._logged_path.is_file():
            logged = json.loads(self._logged_path.read_text())
            self._videos_until = logged.pop(VIDEOS, -1)
            self._logged.update(logged)
        config = runs.read_config(folder)
        project = config.get("run.wandb_project") or os.environ.get("WANDB_PROJECT")
        self._run = wandb.init(
            id=run_id,
            # What begins at the first row replaces what may be there under this id.
            resume="allow" if any(self._logged.values()) else None,
            dir=str(folder),
            project=project or DEFAULT_PROJECT,
            group=config.get("run.wandb_group") or None,
            name=f"{config.get('run.name', 'run')} {folder.name}",
            tags=[str(config[k]) for k in ("algorithm.name", "environment.id") if k in config],
            config=config,
            mode=mode,
            settings=wandb.Settings(silent=True, console="off", disable_git=True),
        )
        self._run.define_metric("env_steps", hidden=True)
        self._run.define_metric("*", step_metric="env_steps")
        self._tell(mode)

    def log_new_rows(self) -> None:
        for name in self._logged:
            rows = runs.read_rows(self._folder / name)
            for row in rows[self._logged[name] :]:
                self._run.log(row)
            self._logged[name] = max(self._logged[name], len(rows))
        for env_steps, path in sorted(self._videos()):
            if env_steps > self._videos_until:
                self._run.log({"env_steps": env_steps, "evaluation": wandb.Video(str(path))})
                self._videos_until = env_steps
        if not self._why_not:
            logged = {**self._logged, VIDEOS: self._videos_until}
            runs.write_atomically(self._logged_path, json.dumps(logged) + "\n")

    def _videos(self) -> Iterator[tuple[int, pathlib.Path]]:
        for path in (self._folder / VIDEOS).glob("step_*.mp4"):
            yield int(path.stem.removeprefix("step_")), path

    def end(self) -> None:
        for key, value in (runs.read_result(self._folder) or {}).items():
            self._run.summary[f"result/{key}"] = value
        self._run.finish()
        for older in self._older:
            shutil.rmtree(older, ignore_errors=True)

    def _tell(self, mode: str) -> None:
        if not self._why_not:
            print(f"wandb: {self._run.url}", flush=True)
        elif mode == "offline":
            written = shlex.quote(str(pathlib.Path(self._run.dir).parent))
            print(
                f"wandb: offline, as {self._why_not}; upload with: wandb sync {written}", flush=True
            )
        else:
            print(f"wandb: {mode}, as {self._why_not}: nothing is logged", flush=True)


def read_run_id(folder: pathlib.Path) -> str:
    """Empty: the learner has not begun yet."""
    try:
        return str(json.loads((folder / RUN).read_text())["run_id"])
    except FileNotFoundError:
        return ""


def follow(folder: pathlib.Path) -> None:
    uploader = None
    for _ in Changes(folder):
        if uploader is None and (run_id := read_run_id(folder)):
            uploader = Uploader(folder, run_id)
        if uploader is not None:
            uploader.log_new_rows()
    if uploader is not None:
        uploader.end()


def main() -> int:
    parser = runs.Parser(
        prog="wandb_uploader",
        description="Logs a run to Weights & Biases while it goes on.",
        epilog="Example: wandb_uploader outputs/panda_reach_sac/20261121-120000",
    )
    parser.add_argument("run", metavar="RUN", help="a run's directory, id or name")
    try:
        flags = parser.parse()
        runs.enter_users_folder()
        follow(runs.find(flags.run))
    except (runs.WrongUse, OSError, ValueError, KeyError, wandb.Error) as error:
        print(f"wandb: {error}".replace("\n", " "), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The 3D player of report's page: the newest recorded episode, drawn by the browser.

armature-view, of the Python package, writes the player as a page of its own, with viser's client
and the scene in it. That page stands in an attribute of a frame and is started by a click; until
then it costs nothing. Without armature-view the report has a line instead.
Thread safety: free functions.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import tempfile
from typing import NamedTuple

import report_videos
import view
from report_charts import escape
from report_run import Run

_ENDS_WITHIN_S = 180.0
_INSTALL = "pip install './envserver/python[view]'"


class Player(NamedTuple):
    html: str = ""  # Of the report's page.
    said: str = ""  # In a line, for the terminal; empty: there is no recording.
    plays: bool = False


class _NoPlayerError(Exception):
    """Says why, in a line."""


def make(run: Run, player_mb: float) -> Player:
    if not run.recordings or player_mb == 0:
        return Player()
    recording = run.recordings[-1]
    try:
        page, frames = _written(recording.path)
        if len(page) > player_mb * (1 << 20):
            megabytes = len(page) / (1 << 20)
            raise _NoPlayerError(
                f"it has {megabytes:.3g} MB; --player_mb {int(megabytes) + 1} takes it"
            )
    except _NoPlayerError as why:
        name = recording.path.name
        text = f"<p>Without a 3D player of {escape(name)}: {escape(why)}</p>"
        return Player(text, f"without a 3D player of {name}: {why}")
    label = f"{report_videos.label(recording, run)}; {frames}"
    attribute = page.replace("&", "&amp;").replace('"', "&quot;")
    text = (
        f'<div class="player"><p>{escape(label)}</p>'
        "<button>Play in 3D</button>"
        '<iframe hidden sandbox="allow-scripts" title="the episode in 3D" '
        f'data-page="{attribute}"></iframe></div>'
    )
    return Player(text, f"with a 3D player: {frames}", plays=True)


def _written(recording: pathlib.Path) -> tuple[str, str]:
    """The player's page, and which frames it has. _NoPlayerError."""
    words = view.command()
    if not words:
        raise _NoPlayerError(f"it needs armature-view: {_INSTALL} in the clone")
    environment = {**os.environ}
    environment.pop("BUILD_WORKING_DIRECTORY", None)  # It would look for the names there.
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "player.html"
        try:
            ended = subprocess.run(
                [*words, recording.name, f"--output={output}"],
                cwd=recording.parent,
                env=environment,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_ENDS_WITHIN_S,
                check=False,
            )
            if ended.returncode != 0:
                lines = ended.stderr.strip().splitlines() or [f"status {ended.returncode}"]
                raise _NoPlayerError(lines[-1])
            return output.read_text(encoding="utf-8"), ended.stdout.strip().partition(": ")[2]
        except subprocess.TimeoutExpired:
            raise _NoPlayerError(f"armature-view took more than {_ENDS_WITHIN_S:g} s") from None
        except OSError as error:
            raise _NoPlayerError(f"{error}") from None

"""The videos of report's page: the newest, and a slider over all that fit.

Thread safety: free functions.
"""

from __future__ import annotations

import base64
import shlex

import runs
from report_charts import escape, short
from report_run import REWARD, SUCCESS, Run, Video


def choose_videos(videos: list[Video], bytes_max: int) -> list[Video]:
    """Those that fit, in their order: the newest, the first, then ever closer between them."""
    order = [len(videos) - 1, 0] if videos else []
    stretches = [(0, len(videos) - 1)]
    while stretches:
        low, high = stretches.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            order.append(middle)
            stretches += [(low, middle), (middle, high)]
    kept: set[int] = set()
    left = bytes_max
    for i in dict.fromkeys(order):
        if videos[i].bytes <= left:
            left -= videos[i].bytes
            kept.add(i)
    return [videos[i] for i in sorted(kept)]


def label(video: Video, run: Run) -> str:
    if video.env_steps is None:
        return video.path.name
    text = f"at {video.env_steps:,} env steps"
    for row in run.evaluations:
        if row["env_steps"] == video.env_steps and REWARD in row:
            text += f": return {short(row[REWARD])}"
            if SUCCESS in row:
                text += f", success {row[SUCCESS]:.0%}"
            text += ", mean of that evaluation"
    return text


def section(run: Run, video_mb: float) -> str:
    folder = shlex.quote(str(run.folder))
    waiting = ""
    if run.not_filmed:
        waiting = (
            f"<p>Recorded episodes that are no video yet: {run.not_filmed}. This makes them:</p>"
            f"<pre>{escape(runs.how_started('record'))} --follow {escape(folder)}</pre>"
        )
    if not run.videos:
        return waiting or (
            "<p>None yet; this makes one of the policy, as it is now:</p>"
            f"<pre>{escape(runs.how_started('record'))} {escape(folder)}</pre>"
        )
    kept: list[tuple[Video, str]] = []
    for video in choose_videos(run.videos, int(video_mb * (1 << 20))):
        try:
            kept.append((video, base64.b64encode(video.path.read_bytes()).decode("ascii")))
        except OSError as error:  # A resume removes those of steps that are made again.
            run.remarks.append(f"{error}")
    text = ""
    if kept:
        text = (
            '<video controls muted loop playsinline preload="metadata" '
            f'src="data:video/mp4;base64,{kept[-1][1]}"></video>'
        )
        items = "".join(
            f"<li{' hidden' * (i + 1 < len(kept))}>{escape(label(video, run))} "
            f"<small>({i + 1} of {len(kept)})</small></li>"
            for i, (video, _) in enumerate(kept)
        )
        slider = ""
        if len(kept) > 1:
            slider = (
                f'<input type="range" min="0" max="{len(kept) - 1}" value="{len(kept) - 1}" '
                'aria-label="which video, along training">'
            )
        text += (
            f'<div class="chooser">{slider}<ul style="list-style:none;padding:0">{items}</ul></div>'
        )
        text += "".join(
            f'<script type="text/plain" data-video>{data}</script>' for _, data in kept[:-1]
        )
    if missing := len(run.videos) - len(kept):
        all_mb = sum(video.bytes for video in run.videos) / (1 << 20)
        text += (
            f"<p>{missing} of {len(run.videos)} videos left out, as all are more than "
            f"{video_mb:g} MB; --video_mb {int(all_mb) + 1} takes them. They are in "
            f"{escape(run.folder / 'videos')}.</p>"
        )
    return text + waiting

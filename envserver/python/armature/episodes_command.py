"""The program ``armature-episodes``: what recorded episodes hold, and what else they can become."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from armature import episodes
from armature.demonstrations import demonstrations_from_episodes
from armature.errors import ArmatureError

PROGRAM = "armature-episodes"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one line on stderr."""
    flags = _parse(arguments)
    try:
        if flags.verb == "info":
            print(_describe(episodes.load(flags.file)))
        elif flags.verb == "mcap":
            frames = episodes.export_mcap(flags.file, flags.out)
            print(f"{flags.out}: {frames} frames")
        else:
            written = demonstrations_from_episodes(
                flags.file, flags.out, only_successful=flags.only_successful
            )
            print(
                f"{flags.out}: {written.episodes} episodes, {written.steps} steps, "
                f"mean return {written.mean_return:.4g}"
            )
    except ArmatureError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(PROGRAM, description="Recorded episodes (docs/episodes.md).")
    verbs = parser.add_subparsers(dest="verb", required=True)
    info = verbs.add_parser("info", help="print what a file holds")
    mcap = verbs.add_parser("mcap", help="write it as MCAP, for Foxglove and Rerun")
    demonstrations = verbs.add_parser(
        "demonstrations", help="write its steps as demonstrations (docs/demonstrations.md)"
    )
    for verb in (info, mcap, demonstrations):
        verb.add_argument("file", metavar="FILE", help="NAME.episodes")
    for verb in (mcap, demonstrations):
        verb.add_argument("out", metavar="OUT", help="the file to write")
    demonstrations.add_argument(
        "--only_successful",
        action="store_true",
        help="leave out episodes whose last step did not reach the goal",
    )
    return parser.parse_args(arguments)


def _describe(recording: episodes.Recording) -> str:
    spec, played = recording.spec, recording.episodes
    lines = [
        f"{recording.path}: {spec.id}, {len(played)} episodes, "
        f"{sum(episode.steps for episode in played)} steps of {spec.control_period_s:g} s",
        "observation: "
        + ", ".join(f"{field.name} {list(field.shape)}" for field in spec.observation),
        f"action: {spec.action}",
        f"bodies: {', '.join(recording.setting.bodies) or 'none'}",
        f"{'episode':>7} {'steps':>6} {'return':>10}  end",
    ]
    lines += [
        f"{i:>7} {episode.steps:>6} {episode.return_sum:>10.4g}  {_end(episode)}"
        for i, episode in enumerate(played)
    ]
    finished = [episode for episode in played if episode.is_finished]
    if finished:
        mean = float(np.mean([episode.return_sum for episode in finished]))
        said = f"finished: {len(finished)}, mean return {mean:.4g}"
        if spec.reports_success:
            successes = sum(episode.is_success for episode in finished)
            said += f", {successes} successful"
        lines.append(said)
    if recording.is_cut_off:
        lines.append("The file has no end: what wrote it was killed, or is still writing.")
    return "\n".join(lines)


def _end(episode: episodes.Episode) -> str:
    end = "terminated" if episode.terminated else "truncated" if episode.truncated else "unfinished"
    return end + (", success" if episode.is_success else "")


if __name__ == "__main__":
    sys.exit(main())

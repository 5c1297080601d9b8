"""//deploy:report."""

from __future__ import annotations

import base64
import fcntl
import html.parser
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
from typing import Any

import report
import report_charts
import report_run
import report_videos
from report_run import Video
from tool import ROOT, WithFolder, run, write_run

CARD = """# sac on reach

Run `f00d`, seed 1, Armature at commit abc, LibTorch 2.11.0.

## Results

The run has not ended{why}.

Models: none.

## Settings that are not the default

```
run.name=reach
environment.config.command="a=b <c> ```"
```

## Use
"""


class Page(html.parser.HTMLParser):
    """Checks that the page is well nested, and collects what the tests look at."""

    VOID = ("meta", "input", "br", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.players: list[str] = []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.players += [value or "" for name, value in attrs if name == "data-page"]
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "data")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.text.append(data)


class ReportTest(WithFolder):
    def setUp(self) -> None:
        super().setUp()
        self.run = self.folder / "reach"
        write_run(self.run, 1, 0.9, [1, 30, 20])

    def go(self, *words: Any) -> subprocess.CompletedProcess[str]:
        return run("report", self.run, *words)

    def read(self, *words: Any) -> tuple[Page, str]:
        """The page and its text."""
        completed = self.go(*words)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        self.assertEqual(completed.stderr, "")
        page = Page((self.run / "report.html").read_text(encoding="utf-8"))
        return page, " ".join(page.text)

    def write_result(self, solved: bool) -> None:
        self.write("result.json", json.dumps({
            "target_reached": solved, "return_mean": 20.5, "success_rate": None, "env_steps": 300,
            "wall_s": 60.0, "reason": "the budget is spent",
        }))  # fmt: skip

    def write(self, name: str, text: str | bytes) -> None:
        path = self.run / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)

    def test_says_how_the_run_went_and_its_size_and_marks_last_and_best(self) -> None:
        self.write_result(solved=True)
        completed = self.go()
        size = (self.run / "report.html").stat().st_size
        self.assertEqual(
            completed.stdout, f"report: {self.run}/report.html ({report.size(size)})\n"
        )
        page, text = self.read()
        for word in ("solved", "the budget is spent", "300", "1 min 00 s", "20.5"):
            self.assertIn(word, text)
        self.assertEqual(page.tags.count("svg"), 1)
        rows = (self.run / "report.html").read_text()
        self.assertIn('<tr class="marked"><td>last</td><td>300</td><td>20</td>', rows)
        self.assertIn('<tr class="marked"><td>best</td><td>200</td><td>30</td>', rows)
        self.assertIn("run.total_env_steps=600", text)

    def test_loads_nothing_from_elsewhere(self) -> None:
        self.write("videos/step_100.mp4", b"one")
        page, _ = self.read()
        self.assertEqual(page.links, ["data:video/mp4;base64," + base64.b64encode(b"one").decode()])
        text = (self.run / "report.html").read_text()
        self.assertIn("Content-Security-Policy", text)
        for word in ("http:", "https:", "@import", "url("):
            self.assertNotIn(word, text)

    def test_names_cannot_become_elements_of_the_page(self) -> None:
        hostile = "<script>alert('ü')</script>\" &amp;"
        plain, _ = self.read()
        folder = self.folder / hostile.replace("/", "\\")
        self.run.rename(folder)
        self.run = folder
        config = {
            "run": {"name": hostile},
            "algorithm": {"name": "ppo <b>"},
            "environment": {"id": "e", hostile: hostile},
        }
        self.write("config.yaml", json.dumps(config))
        self.write("result.json", json.dumps({"reason": hostile}))
        self.write("logs/actor-0.log", f"[2026-01-01 00:00:00] [warning] {hostile}\n")
        self.write("evaluations.csv", "env_steps,eval/mean_reward,eval/metrics/<i>\n100,1,2\n")
        self.write("progress.csv", "env_steps,metrics/reward/<i>\n100,1\n")
        page, text = self.read()
        self.assertIn(hostile, text)
        self.assertEqual(page.tags.count("script"), plain.tags.count("script"))
        self.assertNotIn("i", page.tags)
        self.assertIn("ppo <b> on e", text)

    def test_a_config_alone_has_a_report(self) -> None:
        (self.run / "evaluations.csv").unlink()
        page, text = self.read()
        for words in ("not ended", "None yet", "No run card", "No logs", "No rows"):
            self.assertIn(words, text)
        self.assertNotIn("svg", page.tags)
        self.assertIn(f"bazel run //deploy:record -- {self.run}", text)

    def test_a_run_in_progress_is_known_by_its_lock(self) -> None:
        self.write("learner.lock", "1234 somewhere\n")
        self.assertIn("no process of this machine writes the run", self.read()[1])
        with open(self.run / "learner.lock", "r+b") as file:
            # As learner/run/run_lock.cc: of the open file, not of the process.
            fcntl.fcntl(file, 37, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
            self.write("README.md", CARD.format(why=": stopped by signal 15"))
            text = self.read()[1]
        self.assertIn("in progress", text)
        self.assertIn("somewhere", text)
        self.assertIn("stopped by signal 15", self.read()[1])

    def test_a_failed_run_says_why_and_how_its_logs_end(self) -> None:
        self.write("README.md", CARD.format(why=": failed: actor-0 exited with status 1"))
        self.write(
            "logs/actor-0.log", "actor actor-0 ready: a\nactor actor-0 ready: b\nactor: hm\n"
        )
        text = self.read()[1]
        self.assertIn("failed: actor-0 exited with status 1", text)
        self.assertIn("actor: hm", text)
        (log,) = report_run.read(self.run).logs
        self.assertEqual((log.starts, log.ready, log.warnings), (2, "actor actor-0 ready: b", 0))

    def test_warnings_are_counted_and_the_first_are_shown(self) -> None:
        self.write_result(solved=True)
        lines = [f"[2026-01-01 00:00:00] [warning] trouble {i}\n" for i in range(1, 9)]
        self.write("logs/learner-0.log", "".join(lines) + "[..] [info] fine\n")
        text = self.read()[1]
        self.assertIn("trouble 5", text)
        self.assertNotIn("trouble 6", text)
        self.assertIn("... and 3 more", text)

    def test_logs_are_in_the_order_of_their_numbers(self) -> None:
        for i in (10, 9, 0):
            self.write(f"logs/actor-{i}.log", "")
        names = [log.name for log in report_run.read(self.run).logs]
        self.assertEqual(names, ["actor-0.log", "actor-9.log", "actor-10.log"])

    def test_settings_that_are_not_the_default_are_the_cards(self) -> None:
        self.write("README.md", CARD.format(why=""))
        found = report_run.read(self.run)
        self.assertEqual(
            report_run.changed_settings(found),
            [("run.name", "reach"), ("environment.config.command", '"a=b <c> ```"')],
        )
        self.assertIn("commit abc", self.read()[1])

    def test_empty_cells_and_values_that_are_not_finite_are_no_points(self) -> None:
        self.write(
            "progress.csv",
            "env_steps,train/a_loss,train/b_loss\n100,,\n200,1,\n300,nan,\n400,3,\n500,inf,\n",
        )
        found = report_run.read(self.run)
        line = report_charts.line("a", found.progress, "train/a_loss")
        self.assertEqual(line.points, [(200, 1), (400, 3)])
        text = self.read()[1]
        self.assertIn("train/a_loss", text)
        self.assertNotIn("train/b_loss", "".join(text.split("Settings")[0]))

    def test_a_damaged_table_is_a_remark(self) -> None:
        self.write("progress.csv", "env_steps,x\n100,y\n")
        self.write("result.json", "{")
        text = self.read()[1]
        self.assertIn("progress.csv: not a table of numbers", text)
        self.assertIn("result.json is damaged", text)

    def test_videos_are_in_order_of_training_and_the_newest_is_shown(self) -> None:
        for name, data in (
            ("step_1000", b"c"),
            ("step_200", b"b"),
            ("final", b"d"),
            ("step_3", b""),
        ):
            self.write(f"videos/{name}.mp4", data)
        page, text = self.read()
        self.assertEqual(page.links, ["data:video/mp4;base64,ZA=="])
        self.assertIn("at 200 env steps: return 30", text)
        names = [video.path.stem for video in report_run.read(self.run).videos]
        self.assertEqual(names, ["step_200", "step_1000", "final"])

    def test_what_does_not_fit_is_left_out_and_said(self) -> None:
        videos = [Video(pathlib.Path(f"{i}"), 10, i) for i in range(9)]
        kept = report_videos.choose_videos(videos, 30)
        self.assertEqual([video.env_steps for video in kept], [0, 4, 8])
        self.assertEqual(report_videos.choose_videos(videos, 9), [])
        self.assertEqual(report_videos.choose_videos(videos, 90), videos)
        self.assertEqual(report_videos.choose_videos([], 90), [])
        self.write("videos/step_100.mp4", b"first")
        self.write("videos/step_200.mp4", b"second")
        page, text = self.read("--video_mb", "0")
        self.assertIn("2 of 2 videos left out", text)
        self.assertNotIn("video", page.tags)

    def test_recordings_without_videos_name_the_command_that_makes_them(self) -> None:
        self.write("videos/step_100.episodes", b"x")
        self.write("videos/step_200.episodes", b"x")
        command = (
            "Recorded episodes that are no video yet: {}. This makes them: "
            f"bazel run //deploy:record -- --follow {self.run}"
        )
        self.assertIn(command.format(2), self.read()[1])
        self.write("videos/step_200.mp4", b"x")
        page, text = self.read()
        self.assertIn(command.format(1), text)
        self.assertIn("video", page.tags)

    def install_view(self, script: str) -> dict[str, str]:
        """An armature-view, and the environment that has it."""
        path = self.folder / "bin" / "armature-view"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)
        return {"PATH": f"{path.parent}:{os.environ['PATH']}"}

    def test_the_newest_recording_has_a_player_that_begins_with_a_click(self) -> None:
        plain = self.read()[1]
        for name in ("step_100", "step_2000", "step_300"):
            self.write(f"videos/{name}.episodes", b"x")
        hostile = "<html>\"&amp;'</script></iframe>"
        page_file = self.write_player(hostile)
        words = self.install_view(
            f'cp "{page_file}" "${{2#--output=}}"; echo "view wrote ${{2#--output=}}: 9 frames of $1"'
        )
        completed = run("report", self.run, **words)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        self.assertIn("with a 3D player: 9 frames of step_2000.episodes", completed.stdout)
        text = (self.run / "report.html").read_text()
        page = Page(text)
        self.assertIn("at 2,000 env steps; 9 frames of step_2000.episodes", " ".join(page.text))
        self.assertEqual(page.players, [hostile])
        self.assertIn("'wasm-unsafe-eval'", text)
        self.assertNotIn("3D", plain)
        too_large = run("report", self.run, "--player_mb", "0.00001", **words)
        self.assertIn("--player_mb 1 takes it", too_large.stdout)
        self.assertEqual(Page((self.run / "report.html").read_text()).players, [])
        self.assertNotIn("3D", run("report", self.run, "--player_mb", "0", **words).stdout)

    def write_player(self, text: str) -> pathlib.Path:
        path = self.folder / "player.html"
        path.write_text(text)
        return path

    def test_without_a_player_a_line_says_why_and_the_rest_is_there(self) -> None:
        self.write("videos/step_100.episodes", b"x")
        words = self.install_view("echo 'armature-view: no viser <i>' >&2; exit 1")
        completed = run("report", self.run, **words)
        said = "without a 3D player of step_100.episodes: armature-view: no viser <i>"
        self.assertIn(said, completed.stdout)
        self.assertEqual((completed.returncode, completed.stderr), (0, ""))
        page = Page((self.run / "report.html").read_text())
        self.assertIn("ithout a 3D player of step_100.episodes", " ".join(page.text))
        self.assertNotIn("i", page.tags)
        self.assertIn("svg", page.tags)
        completed = run("report", self.run, PATH="/usr/bin:/bin")
        self.assertIn("pip install './envserver/python[view]'", completed.stdout)

    def test_a_line_keeps_its_peaks_when_it_is_thinned(self) -> None:
        rows = [{"env_steps": float(i), "y": 0.0} for i in range(5000)]
        rows[3210]["y"] = 7.0
        figure = report_charts.chart("t", [report_charts.line("y", rows, "y")])
        self.assertLess(figure.count("L"), 700)
        points = figure.split('class="line s0" d="M')[1].split('"')[0].split("L")
        heights = [float(point.split()[1]) for point in points]
        self.assertLess(min(heights), max(heights) - 100)

    def test_any_range_of_values_has_an_axis(self) -> None:
        for values in ([0.0], [5.0, 5.0], [-1e300, 1e300], [1e-12, 2e-12], [1e9, 1e9 + 1]):
            rows = [{"env_steps": float(i), "y": y} for i, y in enumerate(values)]
            lines = [report_charts.line("y", rows, "y")]
            for may_be_log in (False, True):
                figure = report_charts.chart("t", lines, may_be_log=may_be_log)
                self.assertNotIn("nan", figure)
                self.assertIn('class="y"', figure)

    def test_the_page_lies_where_it_is_asked_to(self) -> None:
        completed = run(
            "report", self.run, "--output", "here.html", BUILD_WORKING_DIRECTORY=str(self.folder)
        )
        self.assertEqual(completed.returncode, 0, completed.stderr)
        self.assertTrue((self.folder / "here.html").is_file())

    def test_in_a_bundle_commands_begin_with_its_launcher(self) -> None:
        bundle = self.folder / "a bundle"
        shutil.copytree(ROOT / "deploy/tools", bundle / "tools")
        (bundle / "armature").touch()
        words = [sys.executable, bundle / "tools/report.py", self.run]
        subprocess.run(words, check=True, capture_output=True)
        text = " ".join(Page((self.run / "report.html").read_text()).text)
        self.assertIn(f"'{bundle}/armature' play {self.run}", text)
        self.assertNotIn("bazel", text)

    def test_wrong_use_is_told_in_one_line(self) -> None:
        self.assert_refused(run("report", self.folder / "none"), "no run")
        self.assert_refused(self.go("--video_mb", "-1"), "--video_mb")
        self.assert_refused(self.go("--player_mb", "nan"), "--player_mb")
        self.assert_refused(self.go("--output", "/no/such/folder/a.html"), "/no/such")
        self.write("config.yaml", "a: [")
        self.assert_refused(self.go(), "config.yaml: cannot be read")

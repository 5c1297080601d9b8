"""Tests of //deploy:sweep, //deploy:plot and //deploy:wandb_uploader; see tools_test.sh."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from collections.abc import Iterator
from typing import Any

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/tools"))
import plot  # noqa: E402
import run_finder  # noqa: E402
import runs  # noqa: E402
import sweep  # noqa: E402
from running_cluster import heed_stops  # noqa: E402
from wandb.proto import wandb_internal_pb2  # noqa: E402

DEPLOY = pathlib.Path(sys.argv.pop())
heed_stops()
ENDS_WITHIN_S = 120  # Longer than anything here takes, so that a hang is an error.

# Takes the launcher's words, trains nothing: seed=0 fails the first time, gamma=9 is refused,
# sleep=1 waits for SIGTERM after it has told the FIFO `started`; sleep=2 tells it of SIGTERM
# too, and ends with a second one.
FAKE_LAUNCHER = """#!/usr/bin/env python3
import json, pathlib, signal, sys
words = sys.argv[1:]
if "gamma=9" in words:
    sys.exit("launcher: gamma: too large")
if "--cfg" in words:
    output = [w.partition("=")[2] for w in words if w.startswith("run.output_dir=")]
    print("run:\\n  name: x\\n  output_dir:", json.dumps(output[0]) if output else "outputs")
    sys.exit(0)
resumed = "--resume" in words
folder = pathlib.Path(words[words.index("--resume" if resumed else "--run_dir") + 1])
if not resumed:
    (folder / "config.yaml").write_text(json.dumps(dict(w.split("=") for w in words if "=" in w)))
config = json.loads((folder / "config.yaml").read_text())
(folder / "starts").open("a").write("x")
if config.get("seed") == "0" and not resumed:
    sys.exit("launcher: out of luck")
if config.get("sleep") == "1" and not resumed:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    pathlib.Path(config["fifo"]).open("w").write("started")
    signal.pause()
if config.get("sleep") == "2":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    for word in ("started", "writes"):
        pathlib.Path(config["fifo"]).open("w").write(word)
        signal.sigwait([signal.SIGTERM])
    sys.exit("launcher: gave up")
score = float(config["seed"])
(folder / "evaluations.csv").write_text(
    f"env_steps,eval/mean_reward\\n10,{score + 5}\\n20,{score}\\n")
(folder / "result.json").write_text(json.dumps(
    {"target_reached": False, "env_steps": 20, "return_mean": score, "success_rate": None}))
print("launcher: ended")
"""


def run(program: str, *words: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DEPLOY / program, *map(str, words)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )


class WithFolder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def assert_refused(self, completed: subprocess.CompletedProcess[str], text: str) -> None:
        self.assertNotEqual(completed.returncode, 0)
        self.assertIn(text, completed.stderr)
        self.assertEqual(len(completed.stderr.splitlines()), 1, completed.stderr)


class HelpTest(unittest.TestCase):
    def test_who_gives_nothing_is_helped(self) -> None:
        for program in ("sweep", "plot", "wandb_uploader"):
            completed = run(program)
            self.assertEqual(completed.returncode, 2)
            self.assertIn(f"usage: {program}", completed.stderr)
            self.assertIn(f"Example: {program}", completed.stderr)


class SweepWordsTest(unittest.TestCase):
    def test_commas_within_brackets_and_quotes_belong_to_the_value(self) -> None:
        self.assertEqual(
            sweep.split_values("1,[2,[3,4]],{a: 1, b: 2},'x,y'"),
            ["1", "[2,[3,4]]", "{a: 1, b: 2}", "'x,y'"],
        )
        with self.assertRaisesRegex(runs.WrongUse, "never closed"):
            sweep.split_values("[1,2")

    def test_every_combination_is_there_once_and_the_last_key_varies_fastest(self) -> None:
        found = sweep.combinations(["CONFIG", "a=1,2", "b.c=x,y", "d=5"])
        self.assertEqual(
            [run.words[1:3] for run in found],
            [["a=1", "b.c=x"], ["a=1", "b.c=y"], ["a=2", "b.c=x"], ["a=2", "b.c=y"]],
        )
        self.assertEqual([run.name for run in found][:2], ["000-a_1-c_x", "001-a_1-c_y"])
        self.assertEqual(found[0].varied, {"a": "1", "b.c": "x"})
        self.assertEqual(found[0].words[0::3], ["CONFIG", "d=5"])

    def test_values_that_are_empty_or_twice_are_refused(self) -> None:
        for word in ("a=1,", "a=1,1"):
            with self.assertRaises(runs.WrongUse):
                sweep.combinations([word])


class RunFinderTest(WithFolder):
    """As run_finder_test.cc."""

    def setUp(self) -> None:
        super().setUp()
        text = (ROOT / "learner/run_dir/testdata/find_run.json").read_text()
        self.cases = json.loads(text.replace("{root}", str(self.folder)))
        for name, content in self.cases["files"].items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        index = self.folder / "state/armature/runs"
        index.parent.mkdir(parents=True)
        index.write_text("".join(f"\n{path}\n" for path in self.cases["index"]))
        patch = unittest.mock.patch.dict(os.environ, XDG_STATE_HOME=str(self.folder / "state"))
        patch.start()
        self.addCleanup(patch.stop)

    def test_a_word_means_what_the_cases_say(self) -> None:
        for case in self.cases["cases"]:
            with self.subTest(case["why"]):
                try:
                    found = str(run_finder.find_run(case["run"], self.folder / "outputs"))
                except run_finder.NoRunError as error:
                    self.assertIn(case.get("error", "found"), str(error))
                else:
                    self.assertEqual(found, case.get("found"))

    def test_without_a_home_there_is_no_index(self) -> None:
        with unittest.mock.patch.dict(os.environ, clear=True):
            self.assertIsNone(run_finder.index_path())
            with self.assertRaisesRegex(run_finder.NoRunError, "no run 'walker'"):
                run_finder.find_run("walker", self.folder / "outputs")


class SweepTest(WithFolder):
    def setUp(self) -> None:
        super().setUp()
        self.launcher = self.folder / "launcher"
        self.launcher.write_text(FAKE_LAUNCHER)
        self.launcher.chmod(0o755)
        self.sweep = self.folder / "sweep"

    def go(self, *words: Any) -> subprocess.CompletedProcess[str]:
        return run("sweep", *words, ARMATURE_LAUNCHER=str(self.launcher))

    def rows(self) -> list[dict[str, str]]:
        with open(self.sweep / "sweep.csv", newline="") as file:
            return list(csv.DictReader(file))

    def starts(self, name: str) -> int:
        return len((self.sweep / name / "starts").read_text())

    def test_the_table_says_how_each_run_ended_with_final_and_best_evaluation(self) -> None:
        completed = self.go("C", "seed=1,2", "lr=0.1,0.2", "--jobs", 3, "--output", self.sweep)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        rows = self.rows()
        self.assertEqual(
            [row["run"] for row in rows][:2], ["000-seed_1-lr_0.1", "001-seed_1-lr_0.2"]
        )
        self.assertEqual([row["seed"] for row in rows], ["1", "1", "2", "2"])
        self.assertEqual({row["status"] for row in rows}, {"ended"})
        self.assertEqual([row["final_return"] for row in rows], ["1", "1", "2", "2"])
        self.assertEqual([row["best_return"] for row in rows], ["6", "6", "7", "7"])
        self.assertEqual(rows[0]["best_env_steps"], "10")

    def test_a_failure_leaves_the_others_alone_and_resume_repeats_it_only(self) -> None:
        completed = self.go("C", "seed=0,1", "--output", self.sweep)
        self.assertEqual(completed.returncode, 1)
        self.assertEqual([row["status"] for row in self.rows()], ["failed", "ended"])
        self.assertIn("out of luck", completed.stdout)
        completed = self.go("--resume", self.sweep)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        self.assertEqual([row["status"] for row in self.rows()], ["ended", "ended"])
        self.assertEqual((self.starts("000-seed_0"), self.starts("001-seed_1")), (2, 1))

    def test_a_run_that_writes_is_waited_for_until_a_second_ctrl_c(self) -> None:
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        for first in (signal.SIGHUP, signal.SIGINT):
            words = ["C", "seed=1", "sleep=2", f"fifo={fifo}", "--output", self.sweep / first.name]
            process = subprocess.Popen(
                [DEPLOY / "sweep", *words],
                env={**os.environ, "ARMATURE_LAUNCHER": str(self.launcher)},
                stdout=subprocess.PIPE,
                text=True,
            )
            self.assertEqual(fifo.read_text(), "started")
            process.send_signal(first)
            self.assertEqual(fifo.read_text(), "writes")
            if first == signal.SIGHUP:  # A terminal that closes sends it more than once.
                process.send_signal(signal.SIGHUP)
                process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=ENDS_WITHIN_S)
            self.assertEqual(process.returncode, 128 + first)
            self.assertIn("stopped: launcher: gave up", output)

    def test_ctrl_c_ends_the_runs_and_the_sweep_can_go_on(self) -> None:
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        process = subprocess.Popen(
            [DEPLOY / "sweep", "C", "seed=1,2", "sleep=1", f"fifo={fifo}", "--output", self.sweep],
            env={**os.environ, "ARMATURE_LAUNCHER": str(self.launcher)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.assertEqual(fifo.read_text(), "started")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=ENDS_WITHIN_S)
        self.assertEqual(process.returncode, 128 + signal.SIGINT)
        self.assertIn(f"go on with --resume {self.sweep}", output)
        self.assertEqual([row["status"] for row in self.rows()], ["stopped", "pending"])
        (self.sweep / "001-seed_2").mkdir()
        (self.sweep / "001-seed_2/config.yaml").write_text('{"seed": "2"}')
        completed = self.go("--resume", self.sweep)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        self.assertEqual([row["status"] for row in self.rows()], ["ended", "ended"])

    def test_its_runs_are_below_run_output_dir(self) -> None:
        output = self.folder / "two words"
        completed = self.go("C", "seed=1,2", f"run.output_dir={output}")
        self.assertEqual(completed.returncode, 0, completed.stderr)
        results = list(output.glob("sweeps/*/*/result.json"))
        self.assertEqual(len(results), 2)
        self.assert_refused(
            self.go("C", "seed=1", f"run.output_dir={output},{self.folder}"), "one run.output_dir"
        )

    def test_a_value_that_the_launcher_refuses_is_told_before_anything_runs(self) -> None:
        self.assert_refused(
            self.go("C", "seed=1", "gamma=1,9", "--output", self.sweep), "gamma=9: launcher: gamma"
        )
        self.assertFalse(self.sweep.exists())

    def test_wrong_use_is_told_in_one_line(self) -> None:
        self.assert_refused(self.go("--jobs", 2), "CONFIG key=value,value or --resume")
        self.assert_refused(self.go("C", "--resume", self.sweep), "either")
        self.assert_refused(self.go("C", "--jobs", 0), "--jobs is 0")
        self.assert_refused(self.go("C", "--no_such_flag"), "--no_such_flag")
        self.assert_refused(self.go("--resume", self.folder), "is no sweep")
        self.go("C", "seed=1", "--output", self.sweep)
        self.assert_refused(self.go("C", "seed=1", "--output", self.sweep), "is a sweep already")

    def test_a_dry_run_prints_the_runs_and_makes_nothing(self) -> None:
        completed = self.go("C", "seed=1,2", "--dry-run", "--output", self.sweep)
        self.assertEqual(completed.stdout.splitlines()[:2], ["C seed=1", "C seed=2"])
        self.assertFalse(self.sweep.exists())


def write_run(folder: pathlib.Path, seed: int, gamma: float, returns: list[float]) -> None:
    folder.mkdir(parents=True)
    config = {"run": {"seed": seed, "name": folder.name}, "algorithm": {"sac": {"gamma": gamma}}}
    (folder / "config.yaml").write_text(json.dumps(config))  # YAML holds JSON.
    rows = "".join(f"{100 * i},{value}\n" for i, value in enumerate(returns, 1))
    (folder / "evaluations.csv").write_text("env_steps,eval/mean_reward\n" + rows)


class PlotTest(WithFolder):
    def setUp(self) -> None:
        super().setUp()
        self.png = self.folder / "curves.png"
        for seed in (1, 2, 3):
            write_run(self.folder / f"low/{seed}", seed, 0.9, [0, seed])
            write_run(self.folder / f"high/{seed}", seed, 0.95, [0, 10 * seed])

    def go(self, *words: Any) -> subprocess.CompletedProcess[str]:
        return run("plot", *words, "--output", self.png)

    def test_groups_are_what_differs_and_the_interval_is_students(self) -> None:
        completed = self.go(self.folder)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        self.assertEqual(self.png.read_bytes()[1:4], b"PNG")
        # Of 1, 2, 3: mean 2, deviation 1, t(0.975, 2) = 4.303: 4.303 / sqrt(3) = 2.484.
        self.assertIn("| gamma=0.9 | 3 | 2 ± 2.5 |", completed.stdout)
        self.assertIn("| gamma=0.95 | 3 | 20 ± 25 |", completed.stdout)

    def test_a_run_has_no_settings_of_an_algorithm_that_it_does_not_use(self) -> None:
        both = {"sac": {"gamma": 0.9}, "ppo": {"gamma": 0.9, "epochs": 10}}
        for name, other, changed in (
            ("sac", "ppo", {"epochs": 20}),
            ("ppo", "sac", {"gamma": 0.8}),
        ):
            sections = {**both, other: {**both[other], **changed}}
            config = {"run": {"seed": 1}, "algorithm": {"name": name, **sections}}
            (self.folder / name).mkdir()
            (self.folder / name / "config.yaml").write_text(json.dumps(config))
            (self.folder / name / "evaluations.csv").write_text(
                "env_steps,eval/mean_reward\n100,1\n"
            )
        completed = self.go(self.folder / "sac", self.folder / "ppo")
        self.assertIn("| algorithm=sac | 1 | 1 |", completed.stdout)
        self.assertIn("| algorithm=ppo | 1 | 1 |", completed.stdout)

    def test_the_interval_of_many_runs_is_the_normal_ones(self) -> None:
        values = np.array([0.0, 1.0] * 50)
        self.assertAlmostEqual(
            float(plot.half_interval(values)), 1.96 * values.std(ddof=1) / 10, places=9
        )

    def test_points_written_are_read_back_as_a_group(self) -> None:
        table = self.folder / "low.csv"
        self.go(self.folder / "low", "--csv", table)
        completed = self.go(self.folder / "high", f"others={table}")
        self.assertIn("| others | 3 | 2 ± 2.5 |", completed.stdout)

    def test_points_written_keep_every_env_step(self) -> None:
        table = self.folder / "low.csv"
        with open(self.folder / "low/1/evaluations.csv", "a") as file:
            file.write("1000008,-118.532\n")
        self.go(self.folder / "low/1", "--csv", table)
        self.assertEqual(table.read_text().splitlines()[-1], "1,1000008,-118.532")

    def test_group_by_puts_together_what_it_does_not_name(self) -> None:
        completed = self.go(self.folder, "--group-by", "run.seed")
        self.assertIn("| seed=3 | 2 | 16.5 (3 to 30) |", completed.stdout)

    def test_of_two_runs_the_band_lies_between_them_and_that_is_said(self) -> None:
        xs = np.array([100.0, 200.0])
        band = plot.summarise([(xs, np.array([0.0, 4.0])), (xs, np.array([2.0, 6.0]))])
        self.assertEqual([*band.low[[0, -1]], *band.high[[0, -1]]], [0, 4, 2, 6])
        shutil.rmtree(self.folder / "low/3")
        completed = self.go(self.folder / "low")
        self.assertIn("| 2 | 1.5 (1 to 2) |", completed.stdout)
        self.assertIn("the band lies between the two runs", completed.stdout)

    def test_the_mean_goes_on_where_a_run_has_ended_and_that_is_said(self) -> None:
        short = (np.array([100.0, 200.0]), np.array([0.0, 3.0]))
        longer = [(np.array([100.0, 400.0]), np.array([0.0, 9.0 + i])) for i in (0, 2)]
        band = plot.summarise([short, *longer])
        self.assertEqual((band.xs[0], band.xs[-1]), (100, 400))
        self.assertEqual((band.runs[0], band.runs[-1]), (3, 2))
        self.assertEqual(band.mean[-1], 10)
        (at_end,) = np.flatnonzero(band.xs == 200)
        self.assertEqual(band.runs[at_end], 3)
        self.assertAlmostEqual(band.mean[at_end], (3 + 3 + 11 / 3) / 3)
        with open(self.folder / "low/2/evaluations.csv", "a") as file:
            file.write("300,5\n")
        completed = self.go(self.folder / "low")
        self.assertIn("2 of 3 runs end before 300 env_steps, the first at 200", completed.stdout)

    def test_the_picture_lies_with_what_is_drawn_and_not_in_the_clone(self) -> None:
        clone = self.folder / "clone"
        clone.mkdir()
        completed = run("plot", self.folder / "low", BUILD_WORKING_DIRECTORY=str(clone))
        self.assertEqual(completed.returncode, 0, completed.stderr)
        self.assertEqual((self.folder / "low/curves.png").read_bytes()[1:4], b"PNG")
        self.assertEqual(list(clone.iterdir()), [])
        (self.folder / "low/1/run.json").write_text('{"run_id": "abcd0123", "name": "named"}')
        index = self.folder / "state/armature/runs"
        index.parent.mkdir(parents=True)
        index.write_text(f"{self.folder}/low/1\n")
        state = str(self.folder / "state")
        completed = run("plot", "named", BUILD_WORKING_DIRECTORY=str(clone), XDG_STATE_HOME=state)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        self.assertTrue((self.folder / "low/1/curves.png").is_file())
        self.assertEqual(list(clone.iterdir()), [])
        table = self.folder / "t.csv"
        self.go(self.folder / "low", "--csv", table)
        run("plot", f"low={table}", BUILD_WORKING_DIRECTORY=str(clone))
        self.assertEqual([path.name for path in clone.iterdir()], ["curves.png"])

    def test_a_row_that_is_being_written_is_left_out(self) -> None:
        with open(self.folder / "low/1/evaluations.csv", "a") as file:
            file.write("300,1")
        rows = runs.read_rows(self.folder / "low/1/evaluations.csv")
        self.assertEqual([row["env_steps"] for row in rows], [100, 200])

    def test_wrong_use_is_told_in_one_line(self) -> None:
        self.assert_refused(self.go(self.folder / "none"), f"no run '{self.folder}/none'")
        (self.folder / "empty").mkdir()
        self.assert_refused(self.go(self.folder / "empty"), "is no run, and holds none")
        self.assert_refused(
            self.go(self.folder, "--metric", "eval/mean_rewad"), "did you mean 'eval/mean_reward'"
        )
        self.assert_refused(self.go(self.folder, "--group-by", "gama"), "no run has the setting")
        self.assert_refused(self.go("x=none.csv"), "no such file")
        self.assert_refused(self.go(self.folder, "--no_such_flag"), "--no_such_flag")
        self.assert_refused(
            run("plot", self.folder, "--output", "/no/such/folder/a.png"), "/no/such"
        )


class RealSweepTest(WithFolder):
    def test_runs_of_the_real_launcher_are_swept_and_drawn(self) -> None:
        completed = run(
            "sweep", "panda_reach_sac", "run.seed=1,2", "run.total_env_steps=1000", "--jobs", 2,
            "evaluation.every_env_steps=400", "evaluation.episodes=4", "--output",
            self.folder / "sweep",
        )  # fmt: skip
        self.assertEqual(completed.returncode, 0, completed.stdout + completed.stderr)
        drawn = run("plot", self.folder / "sweep", "--output", self.folder / "curves.png")
        self.assertEqual(drawn.returncode, 0, drawn.stderr)
        self.assertIn("| 2 |", drawn.stdout)

    def test_a_key_that_does_not_exist_is_refused_with_the_nearest(self) -> None:
        self.assert_refused(
            run("sweep", "panda_reach_sac", "algorithm.sac.gama=0.9,0.95"), "algorithm.sac.gamma"
        )


def read_offline(run_dir: pathlib.Path) -> list[list[Any]]:
    """The records of each offline run that the client wrote, oldest first."""
    return [list(records(path)) for path in sorted(run_dir.glob("wandb/offline-run-*/run-*.wandb"))]


def records(path: pathlib.Path) -> Iterator[Any]:
    """LevelDB's log format after the client's header of 7 bytes."""
    content, at, whole = path.read_bytes(), 7, b""
    block, header = 1 << 15, struct.Struct("<IHB")
    last_of_record = (1, 4)
    while at < len(content):
        if (left := block - at % block) < header.size:
            at += left
            continue
        _, length, kind = header.unpack_from(content, at)
        at += header.size
        whole += content[at : at + length]
        at += length
        if kind in last_of_record:
            yield wandb_internal_pb2.Record.FromString(whole)
            whole = b""


def history(offline_run: list[Any]) -> list[dict[str, float]]:
    rows = []
    for record in offline_run:
        if record.WhichOneof("record_type") == "history":
            items = {"/".join(i.nested_key) or i.key: i.value_json for i in record.history.item}
            rows.append({k: json.loads(v) for k, v in items.items() if not k.startswith("_")})
    return rows


class UploaderTest(WithFolder):
    def setUp(self) -> None:
        super().setUp()
        for variable in [name for name in os.environ if name.startswith("WANDB_")]:
            self.addCleanup(os.environ.__setitem__, variable, os.environ.pop(variable))
        self.run_dir = self.folder / "run"
        write_run(self.run_dir, 1, 0.9, [-5, -4])
        (self.run_dir / "run.json").write_text('{"run_id": "abc123"}')

        # The client looks into the user's folder for a login: this user has none.
        self.netrc = self.folder / "netrc"
        self.environment = {
            **os.environ,
            "NETRC": str(self.netrc),
            "WANDB_CONFIG_DIR": str(self.folder),
        }

    @contextlib.contextmanager
    def following(self, why: str = "neither", **variables: str) -> Iterator[subprocess.Popen[str]]:
        """The uploader, once it has said where it writes and why there."""
        process = subprocess.Popen(
            [DEPLOY / "wandb_uploader", self.run_dir],
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        said = process.stdout.readline()
        self.assertIn(why, said)
        self.assertIn("upload with: wandb sync", said)
        yield process
        process.communicate(timeout=ENDS_WITHIN_S)
        self.assertEqual(process.returncode, 0)

    def write_result(self) -> None:
        runs.write_atomically(self.run_dir / "result.json", '{"return_mean": -3.0}')

    def test_rows_that_come_while_it_runs_are_logged_until_the_run_ends(self) -> None:
        with self.following():
            with open(self.run_dir / "evaluations.csv", "a") as file:
                file.write("300,-3\n")
            self.write_result()
        (offline,) = read_offline(self.run_dir)
        self.assertEqual(
            history(offline),
            [{"env_steps": 100 * i, "eval/mean_reward": i - 6} for i in (1, 2, 3)],
        )
        (begun,) = [r.run for r in offline if r.WhichOneof("record_type") == "run"]
        self.assertEqual((begun.run_id, begun.project), ("abc123", "armature"))
        config = {item.key: item.value_json for item in begun.config.update}
        self.assertEqual(config["algorithm.sac.gamma"], "0.9")
        summary = {
            (item.key or "/".join(item.nested_key)): item.value_json
            for record in offline
            for item in record.summary.update
        }
        self.assertEqual(summary["result/return_mean"], "-3.0")

    def test_a_resumed_offline_run_is_one_folder_with_its_first_part(self) -> None:
        with self.following() as process:
            process.send_signal(signal.SIGTERM)
        with open(self.run_dir / "evaluations.csv", "a") as file:
            file.write("300,-3\n")
        self.write_result()
        with self.following():
            pass
        (offline,) = read_offline(self.run_dir)
        self.assertEqual([row["env_steps"] for row in history(offline)], [100, 200, 300])
        (begun,) = [r.run for r in offline if r.WhichOneof("record_type") == "run"]
        self.assertEqual(begun.run_id, "abc123")
        # A part that was uploaded already is replaced, not added to.
        self.assertFalse(begun.resumed)

    def test_project_and_group_are_keys_of_the_configuration(self) -> None:
        config = json.loads((self.run_dir / "config.yaml").read_text())
        config["run"].update(wandb_project="arms", wandb_group="table 1")
        (self.run_dir / "config.yaml").write_text(json.dumps(config))
        self.write_result()
        with self.following(WANDB_PROJECT="another"):
            pass
        (offline,) = read_offline(self.run_dir)
        (begun,) = [r.run for r in offline if r.WhichOneof("record_type") == "run"]
        self.assertEqual((begun.project, begun.run_group), ("arms", "table 1"))

    def test_a_login_is_respected_and_so_is_wandb_mode(self) -> None:
        key = "0123456789abcdef" * 3
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(ENDS_WITHIN_S)
            address = "127.0.0.1:%d" % server.getsockname()[1]
            self.netrc.write_text(f"machine {address} login user password {key}\n")
            self.netrc.chmod(0o600)
            url = {"WANDB_BASE_URL": f"http://{address}"}
            process = subprocess.Popen(
                [DEPLOY / "wandb_uploader", self.run_dir],
                env={**self.environment, **url},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                server.accept()[0].close()  # It does not write offline: it calls.
            finally:
                process.kill()
                process.wait()
            self.write_result()
            with self.following("WANDB_MODE", WANDB_MODE="offline", WANDB_API_KEY=key, **url):
                pass
        self.assertEqual(len(read_offline(self.run_dir)), 1)

    def test_a_folder_that_is_no_run_is_told_in_one_line(self) -> None:
        self.assert_refused(run("wandb_uploader", self.folder), "is not a run: it has no config.yaml")

    def test_a_client_that_is_not_installed_is_told_in_one_line(self) -> None:
        (self.folder / "wandb.py").write_text("raise ImportError('no', name='wandb')")
        self.assert_refused(
            run("wandb_uploader", self.run_dir, PYTHONPATH=str(self.folder)), "pip install wandb"
        )


if __name__ == "__main__":
    unittest.main()

"""//deploy:sweep: with a launcher that trains nothing, and with the real one."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import unittest
from typing import Any

import runs
import sweep
from tool import DEPLOY, ENDS_WITHIN_S, ROOT, WithFolder, run

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
        self.assertIn("sweep: 1/2 ended, 1 failed; 001-seed_1 ended", completed.stdout)
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
        self.assertIn("sweep: 0/2 ended, 1 stopped; 000-seed_1 stopped", output)
        self.assertIn(
            f"sweep: stopped; go on with: bazel run //deploy:sweep -- --resume {self.sweep}\n",
            output,
        )
        self.assertEqual([row["status"] for row in self.rows()], ["stopped", "pending"])
        (self.sweep / "001-seed_2").mkdir()
        (self.sweep / "001-seed_2/config.yaml").write_text('{"seed": "2"}')
        completed = self.go("--resume", self.sweep)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        self.assertEqual([row["status"] for row in self.rows()], ["ended", "ended"])

    def test_resume_has_as_many_jobs_as_before_unless_others_are_given(self) -> None:
        self.go("C", "seed=0,1,2", "--jobs", 3, "--output", self.sweep)
        for given, jobs in (((), 3), (("--jobs", 2), 2), ((), 2)):
            self.go("--resume", self.sweep, *given)
            self.assertEqual(sweep.old_sweep(self.sweep, [], None).jobs, jobs)

    def test_a_bundles_sweep_goes_on_by_the_bundles_program(self) -> None:
        bundle = self.folder / "my bundle"
        (bundle / "tools").mkdir(parents=True)
        for name in ("sweep.py", "runs.py", "run_finder.py"):
            (bundle / "tools" / name).write_bytes((ROOT / "deploy/tools" / name).read_bytes())
        (bundle / "armature").touch()
        said = subprocess.check_output(
            [sys.executable, "-c", "import sweep; print(sweep.resume_command('a b'))"],
            env={**os.environ, "PYTHONPATH": str(bundle / "tools")},
            text=True,
        )
        self.assertEqual(said, f"'{bundle}/armature' sweep --resume 'a b'\n")

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

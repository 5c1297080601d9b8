"""//deploy:plot."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import numpy as np
import plot
import runs
from tool import WithFolder, run, write_run


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

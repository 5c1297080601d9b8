"""What the tests of the programs of deploy/tools share; see tools_test.sh.

ARMATURE_DEPLOY is the folder of the programs; deploy/tools and tests/integration are on
PYTHONPATH.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import tempfile
import unittest
from typing import Any

from running_cluster import heed_stops

ROOT = pathlib.Path(__file__).resolve().parents[3]
DEPLOY = pathlib.Path(os.environ["ARMATURE_DEPLOY"])
ENDS_WITHIN_S = 120  # Longer than anything here takes, so that a hang is an error.
heed_stops()


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


def write_run(folder: pathlib.Path, seed: int, gamma: float, returns: list[float]) -> None:
    folder.mkdir(parents=True)
    config = {"run": {"seed": seed, "name": folder.name}, "algorithm": {"sac": {"gamma": gamma}}}
    (folder / "config.yaml").write_text(json.dumps(config))  # YAML holds JSON.
    rows = "".join(f"{100 * i},{value}\n" for i, value in enumerate(returns, 1))
    (folder / "evaluations.csv").write_text("env_steps,eval/mean_reward\n" + rows)

"""What all programs of deploy/tools do alike."""

from __future__ import annotations

import unittest

from tool import run


class HelpTest(unittest.TestCase):
    def test_who_gives_nothing_is_helped(self) -> None:
        for program in ("sweep", "plot", "report", "wandb_uploader"):
            completed = run(program)
            self.assertEqual(completed.returncode, 2)
            self.assertIn(f"usage: {program}", completed.stderr)
            self.assertIn(f"Example: {program}", completed.stderr)

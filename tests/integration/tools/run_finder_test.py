"""run_finder.py on the cases of its twin in C++."""

from __future__ import annotations

import json
import os
import unittest.mock

import run_finder
from tool import ROOT, WithFolder


class RunFinderTest(WithFolder):
    """As run_finder_test.cc."""

    def setUp(self) -> None:
        super().setUp()
        text = (ROOT / "learner/run/testdata/find_run.json").read_text()
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

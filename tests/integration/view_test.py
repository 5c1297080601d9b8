"""The live page in a real browser: the robot is where our own renderer draws it, viewers come and
go, and the page outlives its env server.

    view_test.py ENVSERVER FOLDER

Thread safety: none.
"""

from __future__ import annotations

import pathlib
import re
import signal
import subprocess
import sys
import unittest
from collections.abc import Callable
from typing import Any

import imageio.v3
import numpy as np
import numpy.typing as npt
from conftest import EnvServer
from headless_browser import DEADLINE_S, Browser, Tab
from program import Program

import armature

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVSERVER, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
VIEW = [sys.executable, "-m", "armature.view", "--listen=127.0.0.1:0"]
READY = "view ready on "
# As high as the renderer's pictures, so that a pixel is a pixel; wider by the panel.
WINDOW_PX = (980, 480)
# Where only the panel is read: drawing in software takes time.
SMALL_PX = (640, 120)
# Of the pixels that either picture has of the robot, so many are in both.
OVERLAP_MIN = 0.85
_CLOSE_NOTES = (
    "document.querySelectorAll('.mantine-Notification-closeButton').forEach(b => b.click())"
)
_CANVAS = """(() => {
  const all = [...document.querySelectorAll('canvas')].map(c => c.getBoundingClientRect());
  const r = all.sort((a, b) => b.width * b.height - a.width * a.height)[0];
  return [r.x, r.y, r.width, r.height].map(Math.round);
})()"""

Mask = npt.NDArray[np.bool_]


def coloured(picture: npt.NDArray[np.uint8]) -> tuple[Mask, Mask]:
    """Where it is orange, and where it is of a blue that the sky has not."""
    red, green, blue = (picture[..., i].astype(int) for i in range(3))
    return (red - blue > 60) & (red > green), (blue - red > 70) & (blue > green)


def overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def shown_in(tab: Tab) -> npt.NDArray[np.uint8]:
    """The part of the page with the robot."""
    x, y, width, height = tab.evaluate(_CANVAS)
    return tab.picture()[y : y + height, x : x + width]


def middle(picture: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.uint8]:
    """Of a picture that is at least so wide."""
    left = (picture.shape[1] - width) // 2
    return picture[:, left : left + width]


def has_text(tab: Tab, words: str) -> None:
    tab.wait_for(f"document.body.innerText.includes({words!r})", words)


def steps_shown(tab: Tab) -> tuple[int, int]:
    """Episode and step."""
    text = re.sub(r"\s+", " ", tab.text())
    found = re.search(r"Episode (\d+) Step (\d+)", text)
    assert found, text
    return int(found[1]), int(found[2])


def until(tab: Tab, act: Callable[[], object], reached: Callable[[], bool], what: str) -> None:
    """Acts, and looks after each picture of the page, until it is so."""
    for _ in range(int(DEADLINE_S * 10)):
        act()
        if reached():
            return
        tab.evaluate("new Promise(r => requestAnimationFrame(() => setTimeout(r, 100)))")
    raise AssertionError(f"{what}: not within {DEADLINE_S:g} s; {tab.text()}")


class ViewTest(unittest.TestCase):
    def setUp(self) -> None:
        self.server = EnvServer([ENVSERVER], FOLDER)
        self.addCleanup(lambda: self.server.kill())

    def open_small(self, url: str) -> Tab:
        """In a window of its own: hidden pages paint nothing."""
        return self.enterContext(Browser(*SMALL_PX)).open(url)

    def play(self, env_id: str) -> Any:
        env = armature.make(self.server.address, env_id, render_mode="rgb_array")
        self.addCleanup(env.close)
        env.reset(seed=2)
        return env

    def view(self) -> str:
        """The page's URL."""
        self.program = Program([*VIEW, self.server.address], READY)
        self.addCleanup(self.program.kill)
        return self.program.ready.split(READY)[1].split(": ")[0]

    def assert_drawn_alike(self, tab: Tab, env: Any) -> None:
        """The page has the robot where the renderer has it."""
        expected = env.render()
        overlaps: list[float] = []

        def is_alike() -> bool:
            shown = shown_in(tab)
            width = min(shown.shape[1], expected.shape[1])
            masks = zip(coloured(middle(shown, width)), coloured(middle(expected, width)))
            overlaps[:] = [overlap(*pair) for pair in masks if pair[1].sum() > 100]
            self.assertTrue(overlaps, "the renderer's picture has no robot")
            return min(overlaps) > OVERLAP_MIN

        try:
            until(tab, lambda: None, is_alike, "the robot is where the renderer draws it")
        finally:
            imageio.v3.imwrite(FOLDER / f"{env.spec.id}_page.png", tab.picture())
            imageio.v3.imwrite(FOLDER / f"{env.spec.id}_renderer.png", expected)
            print(f"{env.spec.id}: intersection over union {[round(x, 3) for x in overlaps]}")

    def test_the_robot_is_where_the_renderer_draws_it(self) -> None:
        browser = self.enterContext(Browser(*WINDOW_PX))
        for env_id in ("cartpole", "box_flip_up"):
            env = self.play(env_id)
            tab = browser.open(self.view())
            zero = np.zeros(env.action_space.shape, np.float32)
            until(tab, lambda: env.step(zero), lambda: "Return" in tab.text(), "the first frame")
            tab.evaluate(_CLOSE_NOTES)
            self.assert_drawn_alike(tab, env)
            self.assertIn(env_id, tab.text())
            self.assertEqual(self.program.stop(signal.SIGINT)[0], 128 + signal.SIGINT)
            tab.close()
            env.close()

    def test_viewers_come_and_go_and_so_does_the_env_server(self) -> None:
        env = self.play("cartpole")
        zero = np.zeros(env.action_space.shape, np.float32)

        def step() -> None:
            if any(env.step(zero)[2:4]):
                env.reset()

        url = self.view()
        first = self.open_small(url)
        until(first, step, lambda: "Return" in first.text(), "the first viewer's first frame")
        second = self.open_small(url)
        has_text(second, "Return")
        before = [steps_shown(tab) for tab in (first, second)]
        until(first, step, lambda: steps_shown(first) != before[0], "the first viewer's next frame")
        until(
            second, step, lambda: steps_shown(second) != before[1], "the second viewer's next frame"
        )
        first.close()
        before[1] = steps_shown(second)
        until(second, step, lambda: steps_shown(second) != before[1], "a frame without the first")

        self.server.kill()
        env.close()
        has_text(second, "is away; waiting for it")
        self.server = EnvServer([ENVSERVER], FOLDER, listen=self.server.address)
        env = self.play("box_flip_up")
        zero = np.zeros(env.action_space.shape, np.float32)
        until(second, step, lambda: "box_flip_up" in second.text(), "the server that came back")
        self.assertNotIn("is away", second.text())
        self.assertEqual(self.program.stop(signal.SIGTERM)[0], 128 + signal.SIGTERM)

    def test_time_stands_still_and_goes_back(self) -> None:
        env = self.play("cartpole")
        tab = self.open_small(self.view())
        zero = np.zeros(env.action_space.shape, np.float32)
        until(tab, lambda: env.step(zero), lambda: "Return" in tab.text(), "the first frame")
        self.click(tab, "Pause")
        has_text(tab, "Play")
        paused_at = steps_shown(tab)
        for _ in range(5):
            env.step(zero)
        self.click(tab, "Live")
        until(tab, lambda: None, lambda: steps_shown(tab) != paused_at, "the newest frame")

    def test_a_report_plays_its_last_recorded_episode_without_a_network(self) -> None:
        run = FOLDER / "run"
        (run / "videos").mkdir(parents=True)
        (run / "config.yaml").write_text("run: {name: swing}\n")
        env = self.play("cartpole")
        zero = np.zeros(env.action_space.shape, np.float32)
        armature.record_episodes(
            run / "videos/step_100.episodes", env, lambda observation: zero, 1, seed=2
        )
        self.server.kill()
        report = [sys.executable, ROOT / "deploy/tools/report.py", run]
        said = subprocess.run(report, check=True, capture_output=True, text=True).stdout
        self.assertIn("with a 3D player", said)
        tab = self.enterContext(Browser(*WINDOW_PX)).open((run / "report.html").as_uri())
        tab.ask("Network.enable")
        tab.ask("Network.emulateNetworkConditions", offline=True, latency=0,
                downloadThroughput=0, uploadThroughput=0)  # fmt: skip
        tab.evaluate("document.querySelector('.player button').click()")
        tab.evaluate("document.querySelector('.player iframe').scrollIntoView()")

        def has_robot() -> bool:
            return all(mask.sum() > 100 for mask in coloured(tab.picture()))

        try:
            until(tab, lambda: None, has_robot, "the robot is in the report")
            before = coloured(tab.picture())
            until(
                tab,
                lambda: None,
                lambda: overlap(before[0], coloured(tab.picture())[0]) < 0.95,
                "the robot moves",
            )
        finally:
            tab.save(FOLDER / "report.png")

    def click(self, tab: Tab, label: str) -> None:
        tab.evaluate(
            "[...document.querySelectorAll('button')]"
            f".find(b => b.innerText.trim() === {label!r}).click()"
        )


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)

"""The example play.py: where it plays, with what, and what it says where it cannot."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from test_policy_spaces import Anything, write_policy

from armature.errors import ArmatureError

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"
BOX = spaces.Box(-1, 1, (2,), np.float32)
# As a run's config.yaml has it.
CONFIG = """run:
  name: x
environment:
  id: x
  config:{pairs}algorithm:
  name: sac
"""


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(EXAMPLES)
    import play

    yield play
    del sys.modules["play"]


@pytest.fixture
def go(play: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def go(env_id: str, *flags: str, pairs: str = " {}\n") -> None:
        """Plays a run in env_id."""
        (tmp_path / "models").mkdir()
        write_policy(tmp_path / "models/model_1.safetensors", Anything(BOX, BOX), env_id)
        (tmp_path / "config.yaml").write_text(CONFIG.format(pairs=pairs))
        monkeypatch.setattr(sys, "argv", ["play.py", str(tmp_path), *flags])
        play.main()

    return go


def test_the_runs_own_config_is_read_as_the_run_wrote_it(play: Any, tmp_path: pathlib.Path) -> None:
    policy = tmp_path / "models/model_final.safetensors"
    assert play.run_config(policy) == {}
    pairs = '\n    limit: 3\n    word: a b\n    url: "a: b"\n    quoted: "\\"7\\""\n'
    (tmp_path / "config.yaml").write_text(CONFIG.format(pairs=pairs))
    found = {"limit": "3", "word": "a b", "url": "a: b", "quoted": '"7"'}
    assert play.run_config(policy) == found
    (tmp_path / "config.yaml").write_text(CONFIG.format(pairs=" {}\n"))
    assert play.run_config(policy) == {}


def test_the_server_gets_the_runs_own_config(go: Callable[..., None], python_server: str) -> None:
    with pytest.raises(ArmatureError, match="env_config key 'speed' is not known"):
        go("point_mass", "--server", python_server, pairs="\n    speed: 3\n")


def test_a_server_that_does_not_draw_is_told_in_one_line(
    go: Callable[..., None], equipped_server: str
) -> None:
    with pytest.raises(ArmatureError, match=r"^--gif: the server at \S+ does not draw equipped; "):
        go("equipped", "--server", equipped_server, "--gif", "x.gif")


def test_an_environment_without_render_mode_is_told_in_one_line(go: Callable[..., None]) -> None:
    gym.register("DrawsNothing-v0", lambda: Anything(BOX, BOX))
    with pytest.raises(ArmatureError, match=r"^--gif: DrawsNothing-v0 takes no render_mode"):
        go("DrawsNothing-v0", "--gif", "x.gif")
    gym.registry.pop("DrawsNothing-v0")


def test_what_gymnasium_does_not_know_is_told_with_both_remedies(go: Callable[..., None]) -> None:
    with pytest.raises(ArmatureError, match=r"does not know panda_reach: give --gym .* --server"):
        go("panda_reach", "--gif", "x.gif")

"""The scripted policies of the Panda tasks: they do what the tasks ask for, from any start."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

import armature

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def policies(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(EXAMPLES)
    import panda_policies

    return panda_policies


@pytest.mark.parametrize("task", ["reach", "push", "pick_and_place", "stack"])
def test_a_scripted_policy_succeeds_from_every_seed(server: str, policies: Any, task: str) -> None:
    env = armature.make(server, f"panda_{task}")
    assert policies.success_rate(env, task, 20) == 1
    env.close()

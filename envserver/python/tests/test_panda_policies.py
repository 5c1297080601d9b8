"""The scripted policies of the Panda tasks: they do what the tasks ask for, from any start."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def policies(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(EXAMPLES)
    import panda_policies

    return panda_policies


@pytest.mark.parametrize("task", ["reach", "push", "slide", "pick_and_place", "stack", "flip"])
def test_a_scripted_policy_succeeds_from_every_seed(server: str, policies: Any, task: str) -> None:
    env = policies.make(server, task)
    assert policies.success_rate(env, lambda o: policies.act(task, o), 20) == 1
    env.close()


def test_the_arms_joints_are_found_again_from_where_its_hand_is(policies: Any) -> None:
    import panda_arm

    place, rotation, _ = panda_arm.hand(panda_arm.NEUTRAL + 0.2)
    found = panda_arm.hand(panda_arm.joints_of(place, rotation))
    assert np.abs(found[0] - place).max() < 1e-3
    assert np.abs(panda_arm.rotation_vector(found[1] @ rotation.T)).max() < 5e-3


def test_steps_of_the_joints_stay_within_their_limits(policies: Any) -> None:
    import panda_arm

    twist = np.array([0, 0, 0, 0, 1.0, 0])  # More than a step can do.
    joints = panda_arm.NEUTRAL.copy()
    for _ in range(100):
        steps = panda_arm.joint_steps(joints, twist, np.ones(6), 0.05)
        assert np.abs(steps).max() <= 0.05
        joints += steps
        assert (joints >= panda_arm.LOW).all() and (joints <= panda_arm.HIGH).all()
    assert np.abs(joints - panda_arm.NEUTRAL).max() > 0.5

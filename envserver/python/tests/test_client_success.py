"""Successes that an environment reports, in its every step or its last, at every client."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from conftest import serve

import armature

STEPS = 5


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("serve"), "--env=author_envs:succeeds") as running:
        yield running.address


def expected(when: str) -> list[bool]:
    return [when == "every" or step == STEPS - 1 for step in range(STEPS)]


@pytest.mark.parametrize("when", ["last", "every"])
def test_is_success_reaches_every_client(address: str, when: str) -> None:
    config = {"every": when == "every"}
    single = armature.make(address, config=config)
    vector = armature.make_vec(address, 2, config=config)
    single.reset(seed=0)
    vector.reset(seed=0)
    said = [single.step(np.zeros(1, np.float32))[-1]["is_success"] for _ in range(STEPS)]
    assert said == expected(when)
    actions = np.zeros((2, 1), np.float32)
    rows = [vector.step(actions)[-1] for _ in range(STEPS)]
    assert [row["is_success"].tolist() for row in rows] == [[flag] * 2 for flag in said]
    assert rows[-1]["final_info"]["is_success"].tolist() == [True, True]
    for env in (single, vector):
        env.close()
    pytest.importorskip("stable_baselines3", reason="armature[sb3] is not installed")
    stable = armature.sb3.make_vec_env(address, 2, config=config)
    stable.reset()
    infos = [stable.step(actions)[-1] for _ in range(STEPS)]
    assert [[info["is_success"] for info in row] for row in infos] == [[flag] * 2 for flag in said]
    stable.close()

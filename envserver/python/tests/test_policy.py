"""load_policy on policies that the learner wrote, against PyTorch: see testdata."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import armature
from armature.errors import ArmatureError

TESTDATA = pathlib.Path(__file__).resolve().parent / "testdata"
GOLDEN = json.loads((TESTDATA / "policies.json").read_text())
NOISE_SEED = 7
GAUSSIAN_OR_TANH = ("squashed_gaussian", "diagonal_gaussian", "tanh")
# The network is float32 here and in PyTorch, in another order of sums.
TOLERANCE = {"rtol": 1e-5, "atol": 2e-6}


def policy_of(head: str) -> Any:
    return armature.load_policy(TESTDATA / f"{head}.safetensors")


def observation_of(policy: Any, rows: Any) -> Any:
    """[n, D] as the policy's environment has observations."""
    if policy.spec.is_plain:
        return rows
    ends = np.cumsum([field.size for field in policy.spec.observation])[:-1]
    names = [field.name for field in policy.spec.observation]
    return dict(zip(names, np.split(rows, ends, axis=-1)))


def golden_of(policy: Any, head: str) -> Any:
    return observation_of(policy, np.array(GOLDEN[head]["observation"], np.float32))


@pytest.mark.parametrize("head", sorted(GOLDEN))
def test_mode_is_pytorchs(head: str) -> None:
    policy = policy_of(head)
    actions = policy(golden_of(policy, head))
    np.testing.assert_allclose(actions, GOLDEN[head]["mode"], **TOLERANCE)


@pytest.mark.parametrize("head", GAUSSIAN_OR_TANH)
def test_draw_is_pytorchs_with_the_same_noise(head: str) -> None:
    policy = policy_of(head)
    actions = policy(
        golden_of(policy, head), deterministic=False, generator=np.random.default_rng(NOISE_SEED)
    )
    np.testing.assert_allclose(actions, GOLDEN[head]["drawn"], **TOLERANCE)


def test_choices_are_drawn_as_often_as_their_probabilities_say() -> None:
    policy = policy_of("categorical")
    draws = 20_000
    row = np.array(GOLDEN["categorical"]["observation"][2], np.float32)
    expected = GOLDEN["categorical"]["probabilities"][2][1]
    actions = policy(np.tile(row, (draws, 1)), False, np.random.default_rng(0))
    deviation = np.sqrt(expected * (1 - expected) / draws)
    assert abs(actions.mean() - expected) < 4 * deviation


@pytest.mark.parametrize("head", sorted(GOLDEN))
def test_one_observation_gives_one_action_of_the_space_and_that_of_the_batch(head: str) -> None:
    policy = policy_of(head)
    rows = np.array(GOLDEN[head]["observation"], np.float32)
    batch = policy(golden_of(policy, head))
    assert len(batch) == len(rows)
    for row, expected in zip(rows, batch):
        action = policy(observation_of(policy, row))
        assert policy.action_space.contains(action)
        np.testing.assert_allclose(action, expected, **TOLERANCE)


def test_actions_reach_the_bounds_and_stay_within() -> None:
    policy = policy_of("diagonal_gaussian")
    drawn = policy(np.zeros((500, 4)), False, np.random.default_rng(1))
    assert (drawn.min(), drawn.max()) == (-10, 10)


def test_attributes_say_what_the_policy_is_of() -> None:
    policy = policy_of("squashed_gaussian")
    assert policy.spec.id == "panda_reach"
    assert set(policy.observation_space) == {"observation", "achieved_goal", "desired_goal"}
    assert policy.action_space.shape == (3,)
    assert (policy.version, policy.env_steps, policy.learner_steps) == (49, 1508, 955)
    assert policy_of("categorical").action_space.n == 2


@pytest.mark.parametrize(
    ("observation", "named"),
    [
        ({"observation": np.zeros(6), "achieved_goal": np.zeros(3)}, "no 'desired_goal'"),
        (np.zeros(12), "dict of observation, achieved_goal, desired_goal"),
        (
            {
                "observation": np.zeros(6),
                "achieved_goal": np.zeros(4),
                "desired_goal": np.zeros(3),
            },
            r"'achieved_goal' has shape \[4\], expected \[3\]",
        ),
        (
            {
                "observation": np.zeros((2, 6)),
                "achieved_goal": np.zeros((3, 3)),
                "desired_goal": np.zeros((2, 3)),
            },
            r"'achieved_goal' is a batch of \[3\], but 'observation' one of \[2\]",
        ),
    ],
)
def test_an_observation_that_does_not_fit_is_refused_by_its_name(
    observation: Any, named: str
) -> None:
    with pytest.raises(ArmatureError, match=named):
        policy_of("squashed_gaussian")(observation)


def test_a_run_gives_its_final_policy_once_it_has_ended_else_its_newest(
    tmp_path: pathlib.Path,
) -> None:
    models = tmp_path / "models"
    with pytest.raises(ArmatureError, match="is not a run"):
        armature.load_policy(tmp_path)
    models.mkdir()
    with pytest.raises(ArmatureError, match="no policy in"):
        armature.load_policy(tmp_path)
    shutil.copy(TESTDATA / "tanh.safetensors", models / "model_best.safetensors")
    assert armature.load_policy(tmp_path).path.name == "model_best.safetensors"
    for name in ("model_9", "model_10", "model_final"):
        shutil.copy(TESTDATA / "tanh.safetensors", models / f"{name}.safetensors")
    assert armature.load_policy(tmp_path).path.name == "model_10.safetensors"
    (tmp_path / "result.json").write_text("{}")
    assert armature.load_policy(tmp_path).path.name == "model_final.safetensors"
    with pytest.raises(ArmatureError, match=r"no run '.*nowhere'"):
        armature.load_policy(tmp_path / "nowhere")


def test_a_run_is_found_by_name_and_id_wherever_it_is(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "elsewhere/reach/20260101-000000"
    (run / "models").mkdir(parents=True)
    shutil.copy(TESTDATA / "tanh.safetensors", run / "models/model_best.safetensors")
    (run / "run.json").write_text('{"run_id": "aaaa000000000001", "name": "group/reach"}')
    (tmp_path / "armature").mkdir()
    (tmp_path / "armature/runs").write_text(f"{run}\n")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for word in ("group/reach", "aaaa"):
        assert armature.load_policy(word).path.parent.parent == run


def damaged(original: bytes, old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new) and old in original
    return original.replace(old, new)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "checksum"),
        (lambda content: content[:100], "not a safetensors file"),
        (lambda content: b"", "not a safetensors file"),
        (lambda content: damaged(content, b"armature policy", b"other's recipes"), "other's recip"),
        (lambda content: damaged(content, b'"crc32c"', b'"crc64c"'), "no 'crc32c'"),
        (lambda content: damaged(content, b"actor.0.bias", b"actor.7.bias"), r"actor\.0\.bias"),
        (lambda content: damaged(content, b"HEAD_TANH", b"HEAD_NONE"), "HEAD_NONE"),
        (lambda content: damaged(content, b"ACTIVATION_TANH", b"ACTIVATION_SINE"), "SINE"),
    ],
)
def test_a_file_that_is_no_policy_is_refused_with_what_is_wrong(
    tmp_path: pathlib.Path, change: Any, named: str
) -> None:
    path = tmp_path / "policy.safetensors"
    path.write_bytes(change((TESTDATA / "tanh.safetensors").read_bytes()))
    with pytest.raises(ArmatureError, match=named):
        armature.load_policy(path)


def test_a_policy_needs_neither_torch_nor_grpc() -> None:
    program = (
        "import sys, armature; armature.load_policy(sys.argv[1]); "
        "sys.exit(bool({'torch', 'grpc'} & set(sys.modules)))"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(TESTDATA / "tanh.safetensors")],
        check=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )

"""Metrics, parameters, goal extras and saved states as clients see them."""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import serve
from equipped_env import HORIZON
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers.vector import DictInfoToList
from program import DEADLINE_S
from scripted_server import SPEC, scripted_server, step_batch

import armature
from armature import wire
from armature.action_spec import ActionSpec
from armature.errors import ArmatureError, OptionError, WireError
from armature.spec import EnvSpec, FieldSpec, MetricSpec, ParameterSpec
from armature.tensors import set_tensor

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"
METRICS = {"reward/distance", "reward/effort", "speed", "distance"}
BREAK = [0, 1]
NO_END = {"terminate_on_success": False}


def play(env: Any, steps: int, seed: int = 3) -> list[Any]:
    """What each of some steps gave, as comparable values."""
    random = np.random.default_rng(seed)
    seen = []
    for _ in range(steps):
        observation, reward, terminated, truncated, info = env.step(
            random.uniform(-1, 1, 2).astype(np.float32)
        )
        values = {name: np.asarray(value).tolist() for name, value in info.items()}
        fields = {name: value.tolist() for name, value in observation.items()}
        seen.append((fields, reward, terminated, truncated, values))
    return seen


def test_info_has_metrics_and_extras_by_name(equipped_server: str) -> None:
    env = armature.make(equipped_server, config=NO_END)
    assert env.reset(seed=1)[1] == {}
    action = np.array([0.5, -0.5], np.float32)
    _, reward, _, _, info = env.step(action)
    assert set(info) == {*METRICS, "push", "effort", "executed_action", "is_success"}
    assert info["reward/distance"] + info["reward/effort"] == pytest.approx(reward, abs=1e-6)
    assert type(info["speed"]) is float and type(info["effort"]) is float
    np.testing.assert_array_equal(info["push"], action)
    np.testing.assert_allclose(info["executed_action"], action, atol=0.11)  # It has noise.
    assert (info["executed_action"] != action).all()
    for _ in range(HORIZON - 1):
        *_, is_over, info = env.step(action)
    assert is_over and set(info) >= METRICS
    env.close()


def test_an_environment_with_parameters_passes_gymnasiums_checker(equipped_server: str) -> None:
    env = armature.make(equipped_server)
    check_env(env, skip_render_check=True)
    env.close()


def test_vector_infos_have_arrays_with_masks(equipped_server: str) -> None:
    envs = armature.make_vec(equipped_server, 3, config={**NO_END, "fault": "nan_metric"})
    envs.reset(seed=1)
    *_, infos = envs.step(np.array([[0, 0], BREAK, [0.5, 0]], np.float32))
    assert infos["speed"].shape == (3,)
    assert infos["push"].shape == (3, 2)
    np.testing.assert_allclose(infos["speed"][[0, 2]], [0, 0.5])
    assert infos["executed_action"].shape == (3, 2)
    for name in (*METRICS, "push", "effort", "executed_action"):
        assert infos[f"_{name}"].tolist() == [True, False, True]
    assert "metric 'speed' is nan" in infos["fault"][1]
    for _ in range(HORIZON - 1):
        *_, infos = envs.step(np.zeros((3, 2), np.float32))
    assert infos["_final_info"].tolist() == [True, False, True]
    assert infos["final_info"]["_distance"].tolist() == [True, False, True]
    np.testing.assert_array_equal(infos["final_info"]["distance"], infos["distance"])
    envs.close()


def test_gymnasiums_wrappers_read_the_infos(equipped_server: str) -> None:
    envs = DictInfoToList(armature.make_vec(equipped_server, 2))
    envs.reset(seed=1)
    *_, infos = envs.step(np.zeros((2, 2), np.float32))
    assert all(set(info) >= METRICS for info in infos)
    envs.close()


def test_reset_options_set_parameters_until_they_are_set_again(equipped_server: str) -> None:
    env = armature.make(equipped_server, config=NO_END)
    observation, _ = env.reset(seed=1, options={"level": 0})
    assert not observation["desired_goal"].any()
    assert not env.reset(seed=2)[0]["desired_goal"].any()
    whole = env.reset(seed=1, options={"level": 1})[0]["desired_goal"]
    half = env.reset(seed=1, options={"level": np.float32(0.5)})[0]["desired_goal"]
    np.testing.assert_allclose(half, whole / 2)
    env.close()


def test_options_begin_another_episode_where_one_had_begun_by_itself(equipped_server: str) -> None:
    env = armature.make(equipped_server, config=NO_END)
    env.reset(seed=1)
    play(env, HORIZON)  # The next one has begun, with the old level.
    assert not env.reset(options={"level": 0})[0]["desired_goal"].any()
    play(env, HORIZON)
    env.set_parameters(level=1)
    assert env.reset()[0]["desired_goal"].any()
    env.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"speed": 1}, "equipped has no parameter 'speed'; it has level"),
        ({"level": 2}, r"parameter 'level' of equipped is 2, expected 0 \.\. 1"),
        ({"level": float("nan")}, "parameter 'level' of equipped is nan"),
        ({"level": "high"}, "parameter 'level' is 'high', expected a number"),
        ({"level": [1, 1]}, r"parameter 'level' is \[1, 1\], expected a number"),
    ],
)
def test_options_that_are_no_parameters_are_value_errors(
    equipped_server: str, options: dict[str, Any], words: str
) -> None:
    env = armature.make(equipped_server)
    for error in (ValueError, ArmatureError, OptionError):
        with pytest.raises(error, match=words):
            env.reset(options=options)
    env.reset(seed=1)  # The session goes on.
    env.close()


def test_parameters_of_some_slots(equipped_server: str) -> None:
    envs = armature.make_vec([equipped_server, equipped_server], 4, config=NO_END)
    envs.reset(seed=1, options={"level": 0.5})
    envs.set_parameters({"level": 0}, slots=[1, 2])
    assert envs.episode_parameters["level"].tolist() == [0.5] * 4
    for _ in range(HORIZON):
        observation, *_ = envs.step(np.zeros((4, 2), np.float32))
    assert envs.episode_parameters["level"].tolist() == [0.5, 0, 0, 0.5]
    moved = observation["desired_goal"].any(axis=1)
    assert moved.tolist() == [True, False, False, True]
    with pytest.raises(OptionError, match="level with a reset_mask of some"):
        envs.reset(options={"level": 1, "reset_mask": np.array([True, False, True, True])})
    with pytest.raises(ArmatureError, match=r"slot is 4, expected 0\.\.3"):
        envs.set_parameters({"level": 0}, slots=[4])
    envs.close()


def test_parameters_survive_the_end_of_a_session(equipped_server: str) -> None:
    envs = armature.make_vec(equipped_server, 2, config={"fault": "throw_save"})
    envs.reset(seed=1, options={"level": 0})
    envs.save_state(0)
    with pytest.raises(ArmatureError, match="the disk broke"):
        envs.save_state(0)
    assert not envs.reset(seed=1)[0]["desired_goal"].any()
    envs.set_parameters({"level": 1}, slots=[1])
    envs.save_state(0)
    with pytest.raises(ArmatureError, match="the disk broke"):
        envs.save_state(0)
    assert envs.reset(seed=1)[0]["desired_goal"].any(axis=1).tolist() == [False, True]
    envs.close()


def test_the_same_steps_follow_a_restored_state(equipped_server: str) -> None:
    env = armature.make(equipped_server, config=NO_END)
    env.reset(seed=1, options={"level": 0.5})
    play(env, 5)
    state = env.save_state()
    then = play(env, HORIZON - 5)
    assert then[-1][3]
    other = armature.make(equipped_server, config=NO_END)
    other.reset(seed=9)
    play(other, 2, seed=9)
    observation = other.restore_state(state)
    assert set(observation) == set(then[0][0])
    assert play(other, HORIZON - 5) == then
    assert other.reset()[0]["desired_goal"].any()
    other.close()
    env.close()


def test_a_restored_slot_is_under_way(equipped_server: str) -> None:
    envs = armature.make_vec([equipped_server, equipped_server], 2, config=NO_END)
    envs.reset(seed=1)
    state = envs.save_state(1)
    for _ in range(HORIZON):
        observation, *_ = envs.step(np.zeros((2, 2), np.float32))
    restored = envs.restore_state(1, state)
    assert restored["observation"].shape == (2,)
    with pytest.raises(
        ArmatureError, match=r"reset_mask\[1\] is set, but that episode is under way"
    ):
        envs.reset(options={"reset_mask": np.array([False, True])})
    after = envs.reset(options={"reset_mask": np.array([True, False])})[0]
    np.testing.assert_array_equal(after["observation"][1], restored["observation"])
    np.testing.assert_array_equal(after["observation"][0], observation["observation"][0])
    assert (envs.reset()[0]["desired_goal"][1] != restored["desired_goal"]).any()
    envs.close()


def test_a_state_that_is_refused_changes_nothing(equipped_server: str) -> None:
    env, plain = (armature.make(equipped_server, config=NO_END) for _ in range(2))
    env.reset(seed=1)
    plain.reset(seed=1)
    state = env.save_state()
    with pytest.raises(ArmatureError, match="the state is damaged"):
        env.restore_state(state[:-1])
    assert play(env, 5) == play(plain, 5)
    env.close()
    plain.close()


def test_an_environment_that_saves_nothing_says_so(discrete_server: str) -> None:
    envs = armature.make_vec(discrete_server, 2)
    with pytest.raises(ArmatureError, match=r"Counter on .* does not save its state"):
        envs.save_state(0)
    with pytest.raises(ArmatureError, match=r"Counter on .* does not save its state"):
        envs.restore_state(0, b"")
    envs.reset()
    envs.close()


def test_rewards_of_other_goals_take_the_extras_from_infos(equipped_server: str) -> None:
    env = armature.make(equipped_server, config=NO_END)
    env.reset(seed=1)
    achieved, desired, rewards, infos = [], [], [], []
    for step in range(HORIZON):
        observation, reward, *_, info = env.step(np.full(2, step / HORIZON, np.float32))
        achieved.append(observation["achieved_goal"])
        desired.append(observation["desired_goal"])
        rewards.append(reward)
        infos.append(info)
    again = env.compute_reward(np.array(achieved), np.array(desired), infos)
    np.testing.assert_allclose(again, rewards, atol=1e-5)
    again = env.compute_reward(np.array(achieved), np.array(desired), np.array(infos))
    np.testing.assert_allclose(again, rewards, atol=1e-5)
    one = env.compute_reward(achieved[0], desired[0], infos[0])
    np.testing.assert_allclose(one, rewards[0], atol=1e-5)
    for wrong, words in (
        (None, "depends on push, effort too; expected 20 dicts"),
        (infos[:3], "depends on push, effort too; expected 20 dicts"),
        ([{}] * HORIZON, r"info\[0\] has no 'push' of shape \[2\].*copy_info_dict=True"),
    ):
        with pytest.raises(ArmatureError, match=words):
            env.compute_reward(np.array(achieved), np.array(desired), wrong)
    env.close()


def test_the_example_runs(tmp_path: pathlib.Path) -> None:
    flags = ("--env=levels_env:make", "--env_id=levels")
    with serve(tmp_path, *flags, modules=EXAMPLES) as running:
        ended = subprocess.run(
            [sys.executable, str(EXAMPLES / "levels_env.py"), running.address],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "level 0.1",
        "level 2.0",
        "speed 0.5",
        "speed 1.0",
    ]


REPORTING = EnvSpec(
    id="scripted",
    observation=SPEC.observation,
    action=SPEC.action,
    metrics=(MetricSpec("height", "last"),),
    parameters=(ParameterSpec("level", 0, 1, 0),),
)


def reporting_batch(step: int, metric: Any) -> Any:
    batch = step_batch(step, [[1, 2]])
    set_tensor(batch.step.metric, np.asarray(metric, np.float32))
    set_tensor(batch.step.parameter, np.zeros((1, 1)))
    return batch


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ([[np.nan]], r"metric\[0,0\] is nan"),
        ([[1, 2]], r"metric: shape is \[1,2\], expected \[1,1\]"),
    ],
)
def test_metrics_that_are_none_end_the_session(metric: Any, words: str) -> None:
    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield reporting_batch(0, [[0]])
        next(requests)
        yield reporting_batch(1, metric)
        yield from ()

    with scripted_server(script, spec=REPORTING.to_wire()) as address:
        env = armature.make(address)
        env.reset()
        with pytest.raises(WireError, match=words):
            env.step(np.zeros(1, np.float32))
        env.close()


def executed_batch(step: int, executed: Any) -> Any:
    batch = step_batch(step, [[1, 2]])
    set_tensor(batch.step.executed_action, np.asarray(executed, np.float32))
    return batch


@pytest.mark.parametrize(
    ("executed", "words"),
    [
        ([[0.5]], ""),
        ([[np.nan]], r"executed_action\[0,0\] is nan"),
        ([[1.5]], r"executed_action\[0,0\] is 1\.5, expected -1 \.\. 1"),
        ([[0.5, 0.5]], r"executed_action: shape is \[1,2\], expected \[1,1\]"),
    ],
)
def test_an_executed_action_is_within_the_actions_bounds(executed: Any, words: str) -> None:
    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield executed_batch(0, [[0]])
        next(requests)
        yield executed_batch(1, executed)
        yield from ()

    spec = replaced(SPEC, reports_executed_action=True)
    with scripted_server(script, spec=spec.to_wire()) as address:
        env = armature.make(address)
        env.reset()
        if words:
            with pytest.raises(WireError, match=words):
                env.step(np.zeros(1, np.float32))
        else:
            info = env.step(np.zeros(1, np.float32))[-1]
            np.testing.assert_array_equal(info["executed_action"], executed[0])
        env.close()


def test_a_state_of_another_slot_ends_the_session() -> None:
    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield step_batch(0, [[1, 2]])
        next(requests)
        yield wire.RolloutResponse(state=wire.SlotState(slot=1))
        yield from ()

    saving = SPEC.to_wire()
    saving.saves_state = True
    with scripted_server(script, spec=saving) as address:
        env = armature.make(address)
        with pytest.raises(WireError, match=r"state\.slot is 1, expected 0"):
            env.save_state()
        env.close()


def test_a_server_of_another_version_gets_one_line() -> None:
    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield step_batch(0, [[1, 2]])

    line = r"protocol_version: expected 2, got 1; run the same Armature on both sides$"
    with scripted_server(script, protocol_version=1) as address:
        with pytest.raises(WireError, match=rf"^env server at {address}: {line}"):
            armature.describe(address)
        with pytest.raises(WireError, match=rf"^env server at {address}: handshake.{line}"):
            armature.make(address, SPEC.id)


def test_specs_survive_the_wire_and_hash_what_is_learned_from() -> None:
    spec = EnvSpec(
        id="all",
        observation=(
            FieldSpec("achieved_goal", np.dtype("<f4"), (2,)),
            FieldSpec("desired_goal", np.dtype("<f4"), (2,)),
        ),
        action=SPEC.action,
        achieved_field="achieved_goal",
        desired_field="desired_goal",
        goal_extra=(FieldSpec("effort", np.dtype("<f4"), ()),),
        metrics=(MetricSpec("a/b", "sum"), MetricSpec("c", "mean"), MetricSpec("d", "last")),
        parameters=(ParameterSpec("level", -1, 1, 0.5),),
        saves_state=True,
        has_scene=True,
        reports_executed_action=True,
        render_width_px=3,
        render_height_px=2,
    )
    assert EnvSpec.from_wire(spec.to_wire()) == spec
    for change in ({"saves_state": False}, {"has_scene": False}, {"render_width_px": 0}):
        assert replaced(spec, **change).hash() == spec.hash()
    for change in (
        {"metrics": ()},
        {"parameters": ()},
        {"goal_extra": ()},
        {"reports_executed_action": False},
    ):
        assert replaced(spec, **change).hash() != spec.hash()


def replaced(spec: EnvSpec, **changes: Any) -> EnvSpec:
    return dataclasses.replace(spec, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metrics": (MetricSpec("A", "sum"),)}, "metric name 'A' is not made of a-z"),
        ({"metrics": (MetricSpec("a//b", "sum"),)}, "metric name 'a//b' is not made of"),
        ({"metrics": (MetricSpec("a", "sum"),) * 2}, "metric 'a' is named twice"),
        ({"parameters": (ParameterSpec("a", 1, 1, 1),)}, r"limits \[1, 1\] and is 1 initially"),
        ({"parameters": (ParameterSpec("a", 0, 1, 2),)}, r"limits \[0, 1\] and is 2 initially"),
        ({"goal_extra": (FieldSpec("a", np.dtype("<f4"), ()),)}, "'a' without goal"),
        (
            {"action": ActionSpec(choices=(3,)), "reports_executed_action": True},
            "reports_executed_action is set, but the action is 3 choices; expected a Box",
        ),
    ],
)
def test_a_spec_that_breaks_the_rules_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(WireError, match=words):
        replaced(SPEC, **changes).validate()


def test_an_aggregation_that_is_none_is_refused() -> None:
    message = SPEC.to_wire()
    message.metric.add(name="a", aggregation=9)
    with pytest.raises(WireError, match="metric 'a' has the aggregation '', expected one of sum"):
        EnvSpec.from_wire(message)

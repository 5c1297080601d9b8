"""Metrics, parameters, goal extras and saved states of environments that armature-serve hosts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from equipped_env import HORIZON
from serve_client import Server, run_server, values

from armature import wire
from armature.spec import EnvSpec, MetricSpec, ParameterSpec

METRICS = ["reward/distance", "reward/effort", "speed", "distance"]
PUSH, EFFORT = 0, 1
POINT = 0  # Of the observation.
# A step with it breaks what `fault` names.
BREAK = [0, 1]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    flags = ["--env", "serve_envs:equipped", "--env", "serve_envs:point_mass"]
    with Server(*flags, "--name", "sim", "--step_timeout_s", "5") as running:
        yield running


def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()


def rows_of(batch: Any) -> list[bytes]:
    """Everything that a StepBatch says of its slots."""
    tensors = [*batch.observation, batch.reward, batch.terminated, batch.truncated]
    tensors += [batch.metric, batch.parameter, batch.executed_action]
    tensors += [*batch.goal_extra, *batch.final_observation]
    return [tensor.packed for tensor in tensors]


def test_what_an_environment_declares_is_in_its_spec(server: Server) -> None:
    response = server.describe("equipped")
    spec = EnvSpec.from_wire(response.spec)
    assert spec.metrics == (
        MetricSpec("reward/distance", "sum"),
        MetricSpec("reward/effort", "sum"),
        MetricSpec("speed", "mean"),
        MetricSpec("distance", "last"),
    )
    assert spec.parameters == (ParameterSpec("level", 0, 1, 1),)
    assert [(field.name, field.shape) for field in spec.goal_extra] == [
        ("push", (2,)),
        ("effort", ()),
    ]
    assert spec.saves_state
    assert spec.reports_executed_action
    assert not spec.has_scene
    assert spec.hash() == response.spec_hash
    plain = EnvSpec.from_wire(server.describe("point_mass").spec)
    assert (plain.metrics, plain.parameters, plain.goal_extra) == ((), (), ())
    assert not plain.saves_state
    assert not plain.reports_executed_action
    assert not server.open("point_mass", 1).first[0].HasField("executed_action")


def test_metrics_and_goal_extras_are_of_the_step_that_led_here(server: Server) -> None:
    client = server.open("equipped", 3, parameters={"level": 1})
    assert not values(client.first[0].metric).any()
    assert [values(extra).shape for extra in client.first[0].goal_extra] == [(3, 2), (3,)]
    assert not any(values(extra).any() for extra in client.first[0].goal_extra)
    random = np.random.default_rng(1)
    ended = 0
    for step in range(2 * HORIZON):
        actions = random.uniform(-1, 1, (3, 2)).astype(np.float32)
        batch = client.step(step, actions)
        metric, reward = values(batch.metric), values(batch.reward)
        assert metric.shape == (3, 4)
        np.testing.assert_allclose(metric[:, 0] + metric[:, 1], reward, atol=1e-5)
        np.testing.assert_allclose(metric[:, 2], np.linalg.norm(actions, axis=1), atol=1e-6)
        np.testing.assert_array_equal(values(batch.goal_extra[PUSH]), actions)
        np.testing.assert_allclose(values(batch.goal_extra[EFFORT]), -metric[:, 1], atol=1e-6)
        for k, slot in enumerate(batch.final_slot):  # Of the step that ended the episode.
            achieved, desired = (values(batch.final_observation[i])[k] for i in (0, 1))
            distance = np.linalg.norm(achieved - desired)
            np.testing.assert_allclose(metric[slot, 3], distance, atol=1e-6)
            ended += 1
    assert ended >= 3
    batch = client.reset(batch.step)
    assert not values(batch.metric).any()
    assert not values(batch.goal_extra[PUSH]).any()


def test_an_executed_action_is_of_the_step_that_led_here_within_the_bounds(server: Server) -> None:
    client = server.open("equipped", 3)
    batch = client.first[0]
    assert values(batch.executed_action).shape == (3, 2)
    assert not values(batch.executed_action).any()
    random = np.random.default_rng(1)
    clipped = 0
    for step in range(2 * HORIZON):
        before = values(batch.observation[POINT])
        batch = client.step(step, random.uniform(-1, 1, (3, 2)).astype(np.float32))
        after = values(batch.observation[POINT]).copy()
        for k, slot in enumerate(batch.final_slot):
            after[slot] = values(batch.final_observation[POINT])[k]
        way = (after - before) / 0.1
        executed = values(batch.executed_action)
        np.testing.assert_allclose(executed, np.clip(way, -1, 1), atol=1e-5)
        clipped += int((np.abs(way) > 1.001).sum())
    assert clipped > 0
    batch = client.reset(batch.step)
    assert not values(batch.executed_action).any()


def test_a_wrapper_that_changes_the_actions_takes_the_executed_one_away() -> None:
    flags = ["--env", "serve_envs:equipped_of_unit_actions", "--env", "serve_envs:equipped"]
    with Server(*flags) as running:
        assert not running.describe("equipped_of_unit_actions").spec.reports_executed_action
        assert running.describe("equipped").spec.reports_executed_action


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("nan_metric", "metric 'speed' is nan"),
        ("no_metric", "info has no 'speed', a metric; it has push, effort, executed_action, "),
        ("nan_extra", "goal extra 'effort' is inf"),
        ("long_extra", "goal extra 'push' is array([0., 0., 0.]), expected numbers of shape [2]"),
        ("nan_executed", "executed_action is array(["),
        ("long_executed", "executed_action is array([0., 0., 0.]), expected numbers of shape [2]"),
        ("no_executed", "info has no 'executed_action', a report that metadata declares; it has"),
    ],
)
def test_a_value_that_is_no_metric_or_extra_voids_the_step(
    server: Server, fault: str, text: str
) -> None:
    client = server.open("equipped", 2, env_config={"fault": fault})
    batch = client.step(0, [BREAK, [0.5, 0.5]])
    assert values(batch.restarted).tolist() == [1, 0]
    assert f"slot 0 step 1: {text}" in batch.fault[0]
    assert not values(batch.metric)[0].any()
    assert values(batch.metric)[1].any()
    assert not values(batch.goal_extra[PUSH])[0].any()
    assert values(batch.goal_extra[PUSH])[1].any()
    assert not values(batch.executed_action)[0].any()
    assert values(batch.executed_action)[1].any()


def test_metrics_of_an_environment_that_declares_none_come_from_a_flag() -> None:
    flags = ["--env", "serve_envs:point_mass", "--metrics", "is_success:mean, x:last"]
    ended = run_server(*flags)
    assert ended.returncode == 2
    assert "info has no 'x', a metric; it has is_success" in ended.stderr
    with Server(*flags[:3], "is_success:mean") as running:
        client = running.open("point_mass", 1)
        assert client.opened.spec.metric[0].name == "is_success"
        assert values(client.step(0, [[0, 0]]).metric).shape == (1, 1)


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("speed", "speed: expected KEY:HOW"),
        ("speed:most", "HOW one of sum, mean, last"),
        ("a:sum,a:last", "each KEY once"),
    ],
)
def test_a_wrong_metrics_flag_is_refused(flag: str, text: str) -> None:
    ended = run_server("--env", "serve_envs:point_mass", "--metrics", flag)
    assert ended.returncode == 2
    assert text in ended.stderr


def test_a_name_that_no_metric_may_have_is_refused_at_the_start() -> None:
    ended = run_server("--env", "serve_envs:point_mass", "--metrics", "Is Success:sum")
    assert ended.returncode == 2
    assert "metric name 'Is Success' is not made of a-z, 0-9 and _" in ended.stderr


def test_parameters_hold_from_the_next_episode_on(server: Server) -> None:
    client = server.open("equipped", 2, parameters={"level": 0.25})
    assert values(client.first[0].parameter).tolist() == [[0.25], [0.25]]
    assert all(np.abs(values(field)).max() <= 0.25 for field in client.first[0].observation)
    client.set_parameters(1, level=0)
    batch = client.step(0, np.zeros((2, 2)))
    assert values(batch.parameter).tolist() == [[0.25], [0.25]]
    batch = client.reset(1)
    assert values(batch.parameter).tolist() == [[0.25], [0]]
    assert not values(batch.observation[0])[1].any()
    assert values(batch.observation[0])[0].any()
    client.set_parameters(level=1)
    batch = client.reset(0)
    assert values(batch.parameter).tolist() == [[1], [1]]
    assert np.abs(values(batch.observation[0])).max() > 0.25


def test_a_slot_that_ends_its_episode_begins_with_its_parameters(server: Server) -> None:
    client = server.open("equipped", 1, env_config={"terminate_on_success": "false"})
    client.set_parameters(level=0.5)
    for step in range(HORIZON):
        batch = client.step(step, [[0.5, 0.5]])
        assert values(batch.parameter).tolist() == [[1 if step < HORIZON - 1 else 0.5]]
    assert values(batch.truncated).tolist() == [1]


def test_a_step_begins_episodes_with_what_was_sent_before_it(server: Server) -> None:
    client = server.open("equipped", 1)
    for step in range(HORIZON - 1):
        client.step(step, [[1, -1]])
    client.send_actions(HORIZON - 1, [[1, -1]])
    client.set_parameters(level=0.125)  # Perhaps before the step is done.
    batch = client.receive().step
    assert values(batch.parameter).tolist() == [[1]]
    assert values(client.reset(HORIZON).parameter).tolist() == [[0.125]]


def test_parameters_may_come_before_the_session_has_opened(server: Server) -> None:
    request = wire.RolloutRequest()
    request.parameters.values["level"] = 0.5
    client = server.open("equipped", 1, behind_open=request)
    assert values(client.first[0].parameter).tolist() == [[1]]  # OpenSession has begun it.
    assert values(client.reset(0).parameter).tolist() == [[0.5]]


def test_wrong_parameters_end_the_session(server: Server) -> None:
    def set_wrong(*slots: int, **parameters: float) -> Any:
        client = server.open("equipped", 2)
        client.set_parameters(*slots, **parameters)
        return refusal(client.receive)

    code, text = set_wrong(speed=1)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "SetParameters: equipped has no parameter 'speed'; it has level" in text
    assert "parameter 'level' of equipped is 1.5, expected 0 .. 1" in set_wrong(level=1.5)[1]
    assert "parameter 'level' of equipped is nan" in set_wrong(level=float("nan"))[1]
    assert "SetParameters.slot is 2, expected 0..1" in set_wrong(2, level=1)[1]
    code, text = refusal(lambda: server.open("equipped", 1, parameters={"level": -1}))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "OpenSession.parameters: parameter 'level' of equipped is -1" in text
    code, text = refusal(lambda: server.open("point_mass", 1, parameters={"level": 1}))
    assert "point_mass has no parameter 'level'; it has none" in text


def test_rewards_of_other_goals_get_the_extras(server: Server) -> None:
    goals = np.zeros((3, 2)), np.ones((3, 2))
    efforts = [0, 1, 2]
    reward, _ = server.compute_reward("equipped", *goals, [np.zeros((3, 2)), efforts])
    np.testing.assert_allclose(reward, -np.sqrt(2) - np.array(efforts), atol=1e-6)
    code, text = refusal(lambda: server.compute_reward("equipped", *goals))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "extra: 0 fields came, expected 2: ['push', 'effort']" in text
    wrong = [np.zeros((3, 2)), np.zeros((2,))]
    code, text = refusal(lambda: server.compute_reward("equipped", *goals, wrong))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "extra 'effort': shape is [2], expected [3]" in text


def test_from_a_restored_state_the_same_actions_give_the_same_bits(server: Server) -> None:
    random = np.random.default_rng(2)
    actions = random.uniform(-1, 1, (HORIZON, 1, 2))
    one = server.open("equipped", 1, parameters={"level": 0.5})
    for step in range(4):
        one.step(step, actions[step])
    state = one.save(0)
    then = [rows_of(one.step(step, actions[step])) for step in range(4, HORIZON)]

    other = server.open("equipped", 1, seed=99)  # Another session, and another episode.
    other.step(0, actions[0])
    restored = other.restore(0, state)
    assert restored.refusal == ""
    assert restored.slot == 0
    again = [other.step(step - 3, actions[step]) for step in range(4, HORIZON)]
    ended = next(i for i, batch in enumerate(again) if batch.final_slot)
    for i in range(ended):
        assert rows_of(again[i]) == then[i]
    last, theirs = again[ended], then[ended]
    assert last.reward.packed in theirs
    assert last.metric.packed in theirs
    assert [field.packed for field in last.final_observation] == theirs[-3:]
    assert values(last.parameter).tolist() == [[1]]  # The next episode is the slot's own.


def test_steps_before_a_saved_state_count_towards_the_horizon(server: Server) -> None:
    far = {"terminate_on_success": "false"}
    client = server.open("equipped", 1, env_config=far)
    early = client.save(0)
    for step in range(HORIZON - 2):
        client.step(step, [[0.1, 0.1]])
    state = client.save(0)
    assert client.restore(0, early).refusal == ""
    for step in range(HORIZON - 2, 2 * HORIZON - 3):
        assert not client.step(step, [[0, 0]]).final_slot  # A TimeLimit counts anew, too.
    assert list(client.step(2 * HORIZON - 3, [[0, 0]]).final_slot) == [0]
    client.reset(2 * HORIZON - 2)
    assert client.restore(0, state).refusal == ""
    assert not client.step(0, [[0, 0]]).final_slot
    assert list(client.step(1, [[0, 0]]).final_slot) == [0]
    assert client.restore(0, state).refusal == ""
    assert not client.step(2, [[0, 0]]).final_slot


def test_saving_changes_nothing(server: Server) -> None:
    actions = np.random.default_rng(3).uniform(-1, 1, (30, 2, 2))
    plain, saved = server.open("equipped", 2), server.open("equipped", 2)
    for step in range(30):
        saved.save(step % 2)
        assert rows_of(saved.step(step, actions[step])) == rows_of(plain.step(step, actions[step]))


def test_one_slot_of_several_is_restored_in_place(server: Server) -> None:
    client = server.open("equipped", 4, num_groups=2)
    state = client.save(3)
    client.step(0, np.ones((2, 2)) * 0.5, group=1)
    restored = client.restore(2, state)
    assert restored.slot == 2
    one = values(client.first[1].observation[2])[1]
    np.testing.assert_array_equal(values(restored.observation[2]), one)
    assert values(restored.observation[0]).shape == (2,)
    assert client.step(1, np.zeros((2, 2)), group=1).step == 2


def test_bytes_that_are_no_state_are_refused_and_change_nothing(server: Server) -> None:
    with Server("--env", "serve_envs:equipped", "--metrics", "is_success:sum") as other:
        others = other.open("equipped", 1).save(0)
    actions = np.random.default_rng(3).uniform(-1, 1, (30, 1, 2))
    plain, client = server.open("equipped", 1), server.open("equipped", 1)
    state = client.save(0)
    damaged = bytearray(state)
    damaged[-1] ^= 1
    for wrong, text in (
        (b"", "the 0 bytes are no state that armature-serve has saved"),
        (state[:20], "the 20 bytes are no state"),
        (state[:-1], "damaged: the checksum of its"),
        (bytes(damaged), "damaged: the checksum of its"),
        (b"X" + state[1:], "no state that armature-serve has saved"),
        (others, "of another environment: its spec hash is"),
    ):
        restored = client.restore(0, wrong)
        assert text in restored.refusal
        assert "env equipped slot 0 step 0" in restored.refusal
        assert not restored.observation
    for step in range(30):
        step_rows = rows_of(client.step(step, actions[step]))
        assert step_rows == rows_of(plain.step(step, actions[step]))


def test_states_of_an_environment_that_saves_none_are_refused(server: Server) -> None:
    client = server.open("point_mass", 1)
    code, text = refusal(lambda: client.save(0))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "env point_mass: the environment does not save its state" in text
    client = server.open("equipped", 2)
    code, text = refusal(lambda: client.save(2))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "SaveState.slot is 2, expected 0..1" in text
    client = server.open("equipped", 1, env_config={"fault": "hang_save"})
    client.save(0)
    client.send(wire.RolloutRequest(save=wire.SaveState(slot=0)))  # Hangs, so is not answered.
    code, text = refusal(lambda: client.restore(0, b""))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "RestoreState of slot 0 came before the last message of group 0" in text


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("throw_save", "SaveState threw: RuntimeError: the disk broke"),
        ("kill_save", "SaveState: worker process"),
        ("throw_restore", "RestoreState threw: RuntimeError: the disk broke"),
    ],
)
def test_a_fault_of_saving_or_restoring_ends_the_session(
    server: Server, fault: str, text: str
) -> None:
    client = server.open("equipped", 1, env_config={"fault": fault})

    def save_and_restore() -> None:
        state = client.save(0)
        for _ in range(3):
            assert client.restore(0, state).refusal == ""
        client.save(0)

    code, details = refusal(save_and_restore)
    assert code is grpc.StatusCode.INTERNAL
    assert f"slot 0 step 0: {text}" in details


def test_a_save_that_hangs_ends_the_session() -> None:
    with Server("--env", "serve_envs:equipped", "--step_timeout_s", "0.3") as running:
        client = running.open("equipped", 1, env_config={"fault": "hang_save"})
        code, text = refusal(lambda: [client.save(0), client.save(0)])
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "save_state has not returned for 300ms (--step_timeout_s)" in text


def test_an_environment_whose_states_are_incomplete_saves_none(server: Server) -> None:
    response = server.describe("equipped", fault="forget")
    assert not response.spec.saves_state
    assert response.spec_hash == server.describe("equipped").spec_hash


def test_an_environment_with_another_kind_of_save_state_is_hosted_without(server: Server) -> None:
    """panda-gym's gives a number."""
    response = server.describe("equipped", fault="no_bytes")
    assert not response.spec.saves_state
    assert response.spec_hash == server.describe("equipped").spec_hash


def test_wrappers_that_may_hold_more_keep_states_from_being_saved() -> None:
    flags = ["--env=serve_envs:equipped_in_frames", "--env=serve_envs:equipped_of_unit_actions"]
    ended = run_server(*flags, "--list")
    assert (
        "env equipped_in_frames: Equipped has save_state, but FrameStackObservation around it may "
        "hold more: states are not saved"
    ) in ended.stdout
    assert "equipped_of_unit_actions has" not in ended.stdout
    with Server(*flags) as running:
        assert not running.describe("equipped_in_frames").spec.saves_state
        spec = running.describe("equipped_of_unit_actions").spec
        assert spec.saves_state
        assert not spec.goal.extra  # The goals have been filtered out.
        client = running.open("equipped_of_unit_actions", 1)
        state = client.save(0)
        after = client.step(0, [[1, 1]])
        assert list(client.restore(0, state).observation) == [
            wire.Tensor(dtype=1, shape=[2], packed=client.first[0].observation[0].packed)
        ]
        assert client.step(1, [[1, 1]]).observation == after.observation


def test_a_viewer_hears_that_there_is_no_scene(server: Server) -> None:
    client = server.open("equipped", 2)
    code, text = refusal(lambda: server.watch(client.opened.session_id, 1))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "a Gymnasium environment has no scene to watch" in text
    code, text = refusal(lambda: server.watch(10**6))
    assert code is grpc.StatusCode.NOT_FOUND
    assert "session 1000000 is not open; open: " in text
    assert f"{client.opened.session_id} of tester" in text
    assert refusal(lambda: server.watch(slot=2))[0] is grpc.StatusCode.NOT_FOUND
    assert client.step(0, np.zeros((2, 2))).step == 1  # A viewer is no harm to the session.


def test_a_client_of_another_version_gets_one_line(server: Server) -> None:
    code, text = refusal(lambda: server.open("equipped", 1, protocol_version=1))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert text == (
        "env server sim, env equipped: handshake.protocol_version: expected 2, got 1; run the "
        "same Armature on both sides"
    )

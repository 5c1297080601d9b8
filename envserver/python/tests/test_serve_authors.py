"""Environments as people write them: what is taken, what is refused, and what is said."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator
from typing import Any

import author_envs
import grpc
import gymnasium
import numpy as np
import pytest
from author_envs import HORIZON
from gymnasium import spaces
from serve_client import Server, values

from armature.errors import ArmatureError
from armature.serve.env_source import HostOptions, parse_source, space_spec
from armature.serve.probe_worker import ProbeWorker

ENVS = ("reward", "returns", "succeeds", "reach", "bits", "outside", "named", "environment")
ZERO = [[0.0]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    flags = [word for env in ENVS for word in ("--env", f"author_envs:{env}")]
    with Server(*flags, "--name", "sim", "--num-envs", "64") as running:
        yield running


def probe(factory: str, options: HostOptions | None = None, **config: str) -> ProbeWorker:
    """What the server learns of an environment before it hosts it."""
    return ProbeWorker(parse_source(f"author_envs:{factory}"), config, options or HostOptions())


def play(server: Server, env: str, steps: int, action: Any = ZERO, **config: str) -> list[Any]:
    client = server.open(env, 1, env_config=config)
    return [client.step(step, action) for step in range(steps)]


def test_a_name_that_a_module_does_not_have_is_told_with_those_that_it_has() -> None:
    for name, text in (
        (
            "rewrad",
            r"module author_envs \(\S+/author_envs.py\) has no rewrad; did you mean reward\? ",
        ),
        ("rewrad", r"It has \w+(, \w+){9}, \.\.\.$"),
        ("HORIZON", "author_envs:HORIZON is of type int: expected what makes a"),
    ):
        with pytest.raises(ArmatureError, match=text):
            probe(name)


def test_a_module_that_the_users_module_lacks_is_told_as_python_does(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "incomplete_envs.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_library'"):
        ProbeWorker(parse_source("incomplete_envs:make"), {}, HostOptions())


def test_an_environment_without_render_mode_is_told_so_where_pictures_are_asked_for() -> None:
    with pytest.raises(ArmatureError, match=r"^--render: asserts takes no render_mode .*TypeError"):
        probe("asserts", HostOptions(render=True))
    with pytest.raises(ArmatureError, match=r"^--render: counter takes no render_mode"):
        ProbeWorker(parse_source("serve_envs:counter"), {"limit": "3"}, HostOptions(render=True))


@pytest.mark.parametrize(
    "form", ["float", "array", "list", "scalar_array", "numpy", "bool", "integer"]
)
def test_a_reward_is_one_number_whatever_holds_it(server: Server, form: str) -> None:
    probe("reward", form=form)
    for batch in play(server, "reward", 2, form=form):
        assert not batch.fault
        (observation,) = (values(tensor) for tensor in batch.observation)
        given = author_envs.REWARDS[form](-abs(float(observation[0, 0])))
        expected = np.asarray(given, np.float32).item()
        assert values(batch.reward).tolist() == pytest.approx([expected])


@pytest.mark.parametrize(
    ("factory", "config", "text"),
    [
        ("reward", {"form": "none"}, "reward is None, expected one number"),
        ("reward", {"form": "word"}, "reward is '-0"),
        ("reward", {"form": "two"}, "reward is [-0"),
        ("reward", {"form": "complex"}, "reward is (-0"),
        ("returns", {"what": "flag_of_word"}, "terminated is 'False', expected one bool"),
        ("returns", {"what": "flag_of_none"}, "truncated is None, expected one bool"),
        ("returns", {"what": "info_of_none"}, "info is None, expected a dict"),
        ("returns", {"what": "four"}, "step gave a tuple of 4, expected a tuple of observation,"),
        ("returns", {"what": "reset_alone"}, "reset gave a ndarray, expected a tuple of obs"),
        ("succeeds", {"form": "word"}, "info['is_success'] is 'True', expected one bool"),
        ("succeeds", {"form": "two"}, "info['is_success'] is array([ True, True]), expected"),
        ("succeeds", {"form": "number"}, "info['is_success'] is 0.7, expected one bool"),
    ],
)
def test_what_a_step_may_not_give_is_refused_before_hosting(
    factory: str, config: dict[str, str], text: str
) -> None:
    with pytest.raises(ArmatureError) as caught:
        probe(factory, **config)
    assert text in str(caught.value)


@pytest.mark.parametrize("what", ["flags_of_numpy", "flag_of_int", "plain"])
def test_flags_may_be_of_python_or_numpy(server: Server, what: str) -> None:
    probe("returns", what=what)
    ends = [int(values(b.terminated)[0]) for b in play(server, "returns", 6, what=what)]
    assert ends == [0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize("form", ["bool", "numpy", "float", "array"])
@pytest.mark.parametrize("every", ["true", "false"])
def test_a_success_in_the_last_step_alone_is_reported_too(
    server: Server, form: str, every: str
) -> None:
    config = {"form": form, "every": every}
    assert server.describe("succeeds", **config).spec.reports_success
    said = [int(values(b.is_success)[0]) for b in play(server, "succeeds", 5, **config)]
    assert said == ([1] * 5 if every == "true" else [0, 0, 0, 0, 1])


def test_whether_success_is_reported_can_be_said_where_no_trial_shows_it() -> None:
    assert not probe("succeeds", from_episode="3").spec.reports_success
    assert not probe("succeeds", from_episode="3").warnings
    yes, no = HostOptions(reports_success=True), HostOptions(reports_success=False)
    assert probe("succeeds", yes, from_episode="3").spec.reports_success
    assert not probe("succeeds", no).spec.reports_success
    assert not probe("succeeds", no, form="word").spec.reports_success
    (warning,) = probe("endless").warnings
    assert "in 1000 steps, in which no episode ended" in warning
    assert "--reports_success=yes" in warning
    assert not probe("endless", no).warnings


def test_a_success_that_no_trial_showed_is_said_once() -> None:
    with Server("--env", "author_envs:succeeds") as server:
        play(server, "succeeds", 25, from_episode="4")
        _, said = server.stop()
    assert said.count("info['is_success'] has come, but not in the episode") == 1
    assert "start with --reports_success=yes" in said


def test_a_success_key_of_a_wrong_form_is_a_fault_by_its_name() -> None:
    flags = ["--env", "author_envs:succeeds", "--reports_success=yes"]
    with Server(*flags) as server:
        config = {"form": "two", "from_episode": "3"}
        (*_, last) = play(server, "succeeds", 20, **config)
    assert "info['is_success'] is array([ True, True]), expected one bool" in last.fault[0]


@pytest.mark.parametrize("how", ["plain", "wrapped", "wrapped_outside", "made"])
def test_rewards_of_goals_are_the_outermost_wrappers(server: Server, how: str) -> None:
    client = server.open("reach", 8, env_config={"how": how})
    names = [field.name for field in client.opened.spec.observation]
    random = np.random.default_rng(0)
    for step in range(HORIZON - 1):
        batch = client.step(step, random.uniform(-1, 1, (8, 2)))
        goals = (
            values(batch.observation[names.index(f"{w}_goal")]) for w in ("achieved", "desired")
        )
        rewards, _ = server.compute_reward("reach", *goals, how=how)
        np.testing.assert_allclose(rewards, values(batch.reward), rtol=1e-5)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("get", r"the reward of a step was -\d.*, but compute_reward .* gives -\d"),
        ("key", r"compute_reward .* without its info, threw KeyError: 'effort' \(author_envs.py:"),
        ("penalised", r"the reward of a step was -[01]\.5, but .* gives -[01] "),
        ("stops", r"compute_terminated says .* that the episode ends, but it went on"),
        ("without", r"the environment has a goal but no method compute_reward"),
    ],
)
def test_rewards_that_goals_do_not_tell_are_refused_with_both_numbers(
    server: Server, how: str, text: str
) -> None:
    assert server.describe("reach", how=how).spec.goal.achieved_field == "achieved_goal"
    with pytest.raises(grpc.RpcError) as caught:
        server.compute_reward("reach", np.zeros((1, 2)), np.ones((1, 2)), how=how)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert re.search(text, caught.value.details())
    (warning,) = probe("reach", how=how).warnings
    assert re.search(text + r".*: hindsight will be refused", warning)


def test_rewards_that_differ_only_later_are_refused_from_then_on(server: Server) -> None:
    config = {"how": "penalised", "begin": "12"}
    goals = np.zeros((1, 2)), np.ones((1, 2))
    assert server.compute_reward("reach", *goals, **config)[0].tolist() == [-1]
    play(server, "reach", 20 * HORIZON, [[0, 0]], **config)
    with pytest.raises(grpc.RpcError) as caught:
        server.compute_reward("reach", *goals, **config)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert re.search(r"a step was -[01]\.5, but .* gives -[01]", caught.value.details())


@pytest.mark.parametrize("space", ["multi_binary", "box"])
def test_goals_of_bits_reach_compute_reward_as_the_environment_gives_them(
    server: Server, space: str
) -> None:
    spec = server.describe("bits", space=space).spec
    assert (spec.goal.achieved_field, spec.goal.desired_field) == ("achieved_goal", "desired_goal")
    goals = np.array([[0, 0, 1, 1]]), np.array([[1, 0, 1, 0]])
    assert server.compute_reward("bits", *goals, space=space)[0].tolist() == [-2]


@pytest.mark.parametrize("what", ["observation", "reward"])
def test_wrappers_with_running_statistics_are_refused_or_insisted_on(what: str) -> None:
    with pytest.raises(ArmatureError) as caught:
        probe("normalised", what=what)
    assert f"wrapped in Normalize{what.title()}" in str(caught.value)
    assert "algorithm.network.normalize_observation=true" in str(caught.value)
    assert "--running_statistics" in str(caught.value)
    probe("normalised", HostOptions(running_statistics=True), what=what)
    probe("normalised", what=what, frozen="true")


def test_the_bounds_below_clip_action_are_those_of_its_actions() -> None:
    space = spaces.Box(-2, 3, (1,), np.float32)
    for env in (
        author_envs.acts(space, clip=True),
        gymnasium.wrappers.ClipAction(author_envs.acts(space, clip=True)),
        gymnasium.wrappers.RescaleAction(author_envs.acts(space), -2, 3),
    ):
        spec = space_spec(env, "p", HostOptions())
        assert (spec.action.low, spec.action.high) == ((-2.0,), (3.0,))


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize(("low", "high"), [(-np.inf, np.inf), (0, np.inf)])
def test_what_is_advised_for_unbounded_actions_works(low: float, high: float, clip: bool) -> None:
    env = author_envs.acts(spaces.Box(low, high, (1,), np.float32), clip)
    with pytest.raises(ArmatureError) as caught:
        space_spec(env, "p", HostOptions())
    advice = re.search(r"gymnasium\.wrappers\..*\)\)", str(caught.value))
    assert advice is not None
    wrapped = eval(advice.group(), {"gymnasium": gymnasium, "env": env})
    spec = space_spec(wrapped, "p", HostOptions())
    assert (spec.action.low, spec.action.high) == ((-1.0,), (1.0,))
    wrapped.reset(seed=0)
    wrapped.step(wrapped.action_space.sample())


def test_observations_outside_their_bounds_are_counted_and_said_once() -> None:
    with Server("--env", "author_envs:outside", "--workers", "1") as server:
        client = server.open("outside", 2)
        for step in range(HORIZON):
            batch = client.step(step, np.zeros((2, 1)))
            assert not batch.fault
        name = 'armature_envserver_observations_outside_bounds_total{env="outside"}'
        assert server.metrics()[name] == HORIZON  # 2 slots, every other step.
        _, said = server.stop()
    sentence = "observation 'observation'[0] was 5, its space declares -1..1"
    assert said.count(sentence) == 1


def test_words_stay_words_where_the_factory_takes_no_other(server: Server) -> None:
    for config in ({"name": "3"}, {"name": "true"}, {"mode": "3", "size": "4"}, {"mode": "null"}):
        assert server.describe("named", **config).spec.horizon == 100, config
    assert server.describe("named", size="x").spec.horizon == 1


def test_libraries_in_workers_have_one_thread_unless_told(server: Server) -> None:
    (batch,) = play(server, "environment", 1)
    assert values(batch.observation[0])[0, 0] == 1

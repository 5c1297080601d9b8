"""make and make_vec on the C++ env server."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

import armature
from armature.errors import ArmatureError, ServerError

PANDA_HORIZON = 50
END_TIMEOUT_S = 30.0


def panda_actions(num_envs: int, steps: int) -> Any:
    """The same numbers for slot i, however many slots there are: [steps, num_envs, 3]."""
    slots = [np.random.default_rng(i).uniform(-1, 1, (steps, 3)) for i in range(num_envs)]
    return np.stack(slots, axis=1).astype(np.float32)


def rollout(env: Any, actions: Any, seed: int) -> list[Any]:
    """Observations and rewards of an episode and what follows."""
    seen: list[Any] = [env.reset(seed=seed)[0]]
    for action in actions:
        observation, reward, *_ = env.step(action)
        seen.append({**observation, "reward": reward})
    return seen


def assert_equal(one: list[Any], other: list[Any], rows: Any = slice(None)) -> None:
    for a, b in zip(one, other):
        for key in a:
            np.testing.assert_array_equal(np.asarray(a[key])[rows], b[key])


def test_spaces_are_those_of_the_servers_spec(server: str) -> None:
    with_goal = armature.make_vec(server, 3, "panda_reach")
    assert set(with_goal.single_observation_space) == {
        "observation",
        "achieved_goal",
        "desired_goal",
    }
    assert with_goal.single_observation_space["observation"].shape == (6,)
    assert with_goal.single_action_space == gym.spaces.Box(-1, 1, (3,))
    assert with_goal.action_space.shape == (3, 3)
    assert with_goal.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observation, infos = with_goal.reset(seed=0)
    assert observation in with_goal.observation_space
    assert infos == {}
    with_goal.close()
    plain = armature.make_vec(server, 2, "cartpole")
    assert plain.single_observation_space.shape == (4,)
    observation, reward, terminated, truncated, _ = plain.step(plain.action_space.sample())
    assert observation in plain.observation_space
    assert (reward.dtype, terminated.dtype, truncated.dtype) == (np.float64, bool, bool)
    plain.close()


def test_env_config_reaches_the_environment(server: str) -> None:
    env = armature.make(server, "panda_reach", {"reward_type": "dense"})
    env.reset(seed=0)
    assert env.step(np.zeros(3, np.float32))[1] not in (-1.0, 0.0)
    env.close()


def test_equal_seeds_give_equal_episodes_however_slots_are_split(server: str) -> None:
    actions = panda_actions(5, PANDA_HORIZON + 10)
    whole = armature.make_vec(server, 5, "panda_reach")
    split = armature.make_vec([server, server], 5, "panda_reach")
    single = armature.make(server, "panda_reach")
    reference = rollout(whole, actions, seed=7)
    assert_equal(reference, rollout(split, actions, seed=7))
    assert_equal(reference, rollout(whole, actions, seed=7))
    seen = rollout(single, actions[:PANDA_HORIZON, 0], seed=7)
    assert_equal(reference[:PANDA_HORIZON], seen[:PANDA_HORIZON], rows=0)
    other = rollout(whole, actions, seed=8)
    assert not np.array_equal(other[0]["desired_goal"], reference[0]["desired_goal"])
    for env in (whole, split, single):
        env.close()


def test_seed_of_make_vec_is_that_of_the_first_reset(server: str) -> None:
    seeded = armature.make_vec(server, 2, "panda_reach", seed=5)
    first = seeded.reset()[0]["desired_goal"]
    np.testing.assert_array_equal(seeded.reset(seed=5)[0]["desired_goal"], first)
    assert not np.array_equal(seeded.reset()[0]["desired_goal"], first)
    seeded.close()


def test_episodes_end_at_the_horizon_with_final_obs_and_go_on_in_the_same_step(
    server: str,
) -> None:
    env = armature.make_vec(server, 2, "panda_reach", {"terminate_on_success": False}, seed=1)
    observation, _ = env.reset()
    away = np.array([[-1, -1, -1], [-1, 1, -1]], np.float32)
    for _ in range(PANDA_HORIZON - 1):
        before = observation
        observation, _, terminated, truncated, infos = env.step(away)
        assert not (terminated | truncated).any()
        assert "final_obs" not in infos
    before = observation
    observation, _, terminated, truncated, infos = env.step(away)
    assert truncated.all() and not terminated.any()
    assert infos["_final_obs"].all() and infos["_final_info"].all()
    assert not infos["final_info"]["is_success"].any()
    for slot in range(2):
        final = infos["final_obs"][slot]
        np.testing.assert_array_equal(final["desired_goal"], before["desired_goal"][slot])
        assert not np.array_equal(observation["desired_goal"][slot], final["desired_goal"])
        assert final in env.single_observation_space
    env.close()


def test_single_env_ends_in_its_final_observation_and_reset_begins_the_next(server: str) -> None:
    env = armature.make(server, "cartpole")
    reference = armature.make_vec(server, 1, "cartpole")
    np.testing.assert_array_equal(env.reset(seed=3)[0], reference.reset(seed=3)[0][0])
    push = np.array([10], np.float32)
    terminated = False
    while not terminated:
        observation, _, terminated, truncated, _ = env.step(push)
        batch, _, _, _, infos = reference.step(push[np.newaxis])
        assert not truncated
    np.testing.assert_array_equal(observation, infos["final_obs"][0])
    np.testing.assert_array_equal(env.reset()[0], batch[0])
    env.close()
    reference.close()


def test_gymnasiums_processes_are_spawned(server: str) -> None:
    envs = gym.vector.AsyncVectorEnv(
        [functools.partial(armature.make, server, "cartpole")] * 2, context="spawn"
    )
    observation, _ = envs.reset(seed=[3, 4])
    whole = armature.make(server, "cartpole")
    np.testing.assert_array_equal(observation[0], whole.reset(seed=3)[0])
    envs.step(envs.action_space.sample())
    whole.close()
    envs.close()


def test_a_list_of_seeds_is_one_for_each_slot(server: str) -> None:
    single = armature.make(server, "cartpole")
    for addresses in (server, [server, server]):
        env = armature.make_vec(addresses, 3, "cartpole")
        for seeds in ([5, 9, 5], np.array([1, 2, 3])):
            first = env.reset(seed=seeds)[0]
            second = env.reset()[0]
            for slot, seed in enumerate(seeds):
                np.testing.assert_array_equal(first[slot], single.reset(seed=seed)[0])
                np.testing.assert_array_equal(second[slot], single.reset()[0])
        env.close()
    single.close()


@pytest.mark.parametrize("env_id", ["cartpole", "panda_reach"])
def test_single_env_passes_gymnasiums_checker(server: str, env_id: str) -> None:
    env = armature.make(server, env_id)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The checker's advice on bounds: the task is what it is.
        warnings.filterwarnings("ignore", message=".*(infinity|symmetric and normalized).*")
        check_env(env)
    env.close()


def test_gymnasiums_episode_statistics_work(server: str) -> None:
    env = RecordEpisodeStatistics(armature.make_vec(server, 2, "panda_reach"))
    env.reset(seed=1)
    returns = np.zeros(2)
    truncated = np.zeros(2, bool)
    while not truncated.all():  # Nobody reaches a goal at rest.
        _, reward, _, truncated, infos = env.step(np.zeros((2, 3), np.float32))
        returns += reward
    assert infos["_episode"].all()
    np.testing.assert_array_equal(infos["episode"]["r"], returns)
    assert infos["episode"]["l"].tolist() == [PANDA_HORIZON] * 2
    env.close()


def test_infos_have_gymnasiums_form(server: str) -> None:
    env = DictInfoToList(armature.make_vec(server, 2, "panda_reach"))
    env.reset(seed=1)
    for _ in range(PANDA_HORIZON):
        infos = env.step(np.zeros((2, 3), np.float32))[-1]
    for info in infos:
        assert set(info) == {"is_success", "final_obs", "final_info"}
        assert set(info["final_info"]) == {"is_success"}
        assert info["final_obs"] in env.single_observation_space
    env.close()


def test_compute_reward_is_that_of_the_steps_for_one_goal_or_many(server: str) -> None:
    env = armature.make_vec(server, 4, "panda_reach", {"reward_type": "dense"})
    env.reset(seed=2)
    observation, reward, *_ = env.step(panda_actions(4, 1)[0])
    goals = observation["achieved_goal"], observation["desired_goal"]
    np.testing.assert_allclose(env.compute_reward(*goals, [{}] * 4), reward)
    env.close()
    single = armature.make(server, "panda_reach", {"reward_type": "dense"})
    one = single.compute_reward(goals[0][1], goals[1][1], {})
    assert one.shape == () and one == np.float32(reward[1])
    nested = single.compute_reward(goals[0].reshape(2, 2, 3), goals[1].reshape(2, 2, 3))
    np.testing.assert_allclose(nested.ravel(), reward)
    assert single.compute_terminated(*goals).shape == (4,)
    with pytest.raises(ArmatureError, match=r"shapes are \[4, 3\] and \[1, 3\]"):
        single.compute_reward(goals[0], goals[1][:1])
    single.close()


def test_environment_without_goal_refuses_compute_reward(server: str) -> None:
    env = armature.make(server, "cartpole")
    with pytest.raises(ArmatureError, match=r"cartpole on .*: the environment has no goal"):
        env.compute_reward(np.zeros(3), np.zeros(3))
    env.close()


def test_observations_and_infos_belong_to_the_caller(server: str) -> None:
    env = armature.make_vec(server, 2, "cartpole")
    observation, _ = env.reset(seed=0)
    kept = observation.copy()
    stepped, *_ = env.step(env.action_space.sample())
    stepped[:] = 0
    np.testing.assert_array_equal(observation, kept)
    env.close()


def test_it_works_inside_a_running_event_loop_as_in_notebooks(server: str) -> None:
    async def cell() -> None:
        env = armature.make(server, "cartpole")
        env.reset(seed=0)
        env.step(np.zeros(1, np.float32))
        env.close()

    asyncio.run(cell())


def test_program_that_forgets_close_ends_by_itself(server: str) -> None:
    program = (
        "import armature\n"
        f"vector = armature.make_vec('{server}', 2, 'cartpole')\n"
        f"single = armature.make('{server}', 'cartpole')\n"
        "vector.reset(), single.reset()\n"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program], timeout=END_TIMEOUT_S, capture_output=True, text=True
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"env_id": "nosuch"}, "NOT_FOUND.*nosuch.*cartpole"),
        ({"env_id": "cartpole", "config": {"colour": 1}}, "INVALID_ARGUMENT.*colour"),
        ({"env_id": "cartpole", "num_envs": 100_000}, "RESOURCE_EXHAUSTED"),
        ({}, "hosts anymal, .*box_flip_up, cartpole, .*panda_flip, .*choose one with env_id"),
        ({"env_id": "cartpole", "num_envs": 0}, "num_envs is 0"),
        ({"env_id": "cartpole", "render_mode": "human"}, "render_mode is 'human'"),
        ({"env_id": "cartpole", "seed": -1}, "seed is -1"),
        ({"env_id": "cartpole", "config": {"sizes": {1}}}, r"config\['sizes'\]"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(
    server: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArmatureError, match=message):
        armature.make_vec(server, **{"num_envs": 1, **arguments})


def test_server_error_has_code_and_address(server: str) -> None:
    with pytest.raises(ServerError) as caught:
        armature.describe(server, "nosuch")
    assert (caught.value.code, caught.value.address) == ("NOT_FOUND", server)
    assert server in str(caught.value)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            np.zeros((2, 3), np.float32),
            r"of shape \[2, 3\] came, expected numbers of shape \[n, 1\]",
        ),
        (np.zeros(2, np.float32), r"of shape \[2\] came, expected numbers of shape \[n, 1\]"),
        (np.array([[0], [np.nan]], np.float32), r"action\[1,0\] is nan"),
    ],
)
def test_bad_actions_are_refused_before_they_are_sent(
    server: str, action: Any, message: str
) -> None:
    env = armature.make_vec(server, 2, "cartpole")
    env.reset(seed=0)
    with pytest.raises(ArmatureError, match=message):
        env.step(action)
    env.step(np.zeros((2, 1), np.float32))  # The session goes on.
    env.close()


@pytest.mark.parametrize(
    ("seed", "words"),
    [
        ([1, 2, 3], "seed has 3 values, expected one integer, or 2 of them"),
        ([1, 1.5], "seed is 1.5, expected an integer"),
        (1.5, "seed is 1.5, expected an integer"),
        (-3, "seed is -3, expected an integer"),
    ],
)
def test_a_seed_that_is_none_is_refused(server: str, seed: Any, words: str) -> None:
    env = armature.make_vec(server, 2, "cartpole")
    with pytest.raises(ArmatureError, match=words):
        env.reset(seed=seed)
    with pytest.raises(ArmatureError, match=r"no parameter 'low'.* goes into config"):
        env.reset(options={"low": 0})
    env.close()


def test_a_reset_mask_takes_slots_whose_episodes_have_ended(server: str) -> None:
    env = armature.make_vec(server, 2, "cartpole", seed=1)
    env.reset()
    ended = np.zeros(2, np.bool_)
    while not ended.any() or ended.all():  # Slots fall at different times, sooner or later.
        observation, _, terminated, truncated, _ = env.step(np.array([[10], [0]], np.float32))
        ended = terminated | truncated
    kept, infos = env.reset(options={"reset_mask": ended})
    np.testing.assert_array_equal(kept, observation)
    assert infos == {}
    with pytest.raises(ArmatureError, match=r"reset_mask\[[01]\] is set, but that episode"):
        env.reset(options={"reset_mask": ~ended})
    with pytest.raises(ArmatureError, match="with a reset_mask of some"):
        env.reset(seed=1, options={"reset_mask": ended})
    with pytest.raises(ArmatureError, match=r"expected bool of shape \[2\]"):
        env.reset(options={"reset_mask": np.zeros(3, np.bool_)})
    fresh, _ = env.reset(options={"reset_mask": np.ones(2, np.bool_)})
    assert not np.array_equal(fresh, observation)
    env.close()


def test_describe_says_what_is_hosted(server: str) -> None:
    hosted = armature.describe(server)
    others = (
        "anymal",
        "anymal_rough",
        "box_flip_up",
        "cartpole",
        "human_pick_place",
        "human_reach",
        "human_reach_cart",
        "human_robot_handover",
    )
    panda = ("flip", "pick_and_place", "push", "reach", "reach_human", "slide", "stack")
    assert hosted.env_ids == (*others, *(f"panda_{task}" for task in panda))
    assert hosted.spec is None and hosted.slots_free <= hosted.slots_total
    spec = armature.describe(server, "panda_reach").spec
    assert spec is not None and spec.has_goal and spec.horizon == PANDA_HORIZON


def test_nothing_listening_is_an_error_at_once_that_names_the_address() -> None:
    with pytest.raises(ServerError, match=r"127.0.0.1:9: UNAVAILABLE.*is an env server running"):
        armature.make("127.0.0.1:9", "cartpole")


def test_killed_server_is_an_error_and_reset_goes_on_when_it_is_back(
    start_server: Callable[..., Any],
) -> None:
    first = start_server()
    env = armature.make_vec(first.address, 2, "cartpole")
    env.reset(seed=0)
    first.kill()
    for _ in range(2):  # The same again, until reset.
        with pytest.raises(ServerError, match=f"{first.address}: UNAVAILABLE: step 1"):
            env.step(np.zeros((2, 1), np.float32))
    with pytest.raises(ServerError, match="UNAVAILABLE: OpenSession"):
        env.reset()
    start_server(listen=first.address)
    env.reset(seed=0)
    env.step(np.zeros((2, 1), np.float32))
    env.close()


def test_closing_gives_the_slots_back(start_server: Callable[..., Any]) -> None:
    address = start_server("--slots=2").address
    for _ in range(3):
        env = armature.make_vec(address, 2, "cartpole")
        with pytest.raises(ServerError, match="RESOURCE_EXHAUSTED"):
            armature.make(address, "cartpole")
        env.close()
        env.close()  # Allowed.
        with pytest.raises(ArmatureError, match=f"{address} is closed"):
            env.step(np.zeros((2, 1), np.float32))

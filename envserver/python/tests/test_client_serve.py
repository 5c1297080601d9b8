"""make and make_vec on armature-serve: the package's two ends."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import serve_envs
from gymnasium.utils.env_checker import check_env

import armature

HORIZON = 20


@pytest.mark.parametrize(
    ("fixture", "env_id"), [("python_server", "point_mass"), ("discrete_server", "Counter")]
)
def test_hosted_env_passes_gymnasiums_checker(
    request: pytest.FixtureRequest, fixture: str, env_id: str
) -> None:
    env = armature.make(request.getfixturevalue(fixture), env_id)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)  # Rendering, too, where it renders.
    env.close()


def test_spaces_of_a_hosted_env_are_its_own(python_server: str) -> None:
    env = armature.make(python_server, "point_mass")
    original = serve_envs.PointMass()
    assert env.observation_space == original.observation_space
    assert env.action_space == original.action_space
    assert env.spec is not None and env.spec.max_episode_steps == HORIZON
    env.close()


def test_what_has_no_wire_form_comes_as_the_nearest_that_has(discrete_server: str) -> None:
    env = armature.make(discrete_server, config={"limit": 3})  # The only one there.
    assert env.action_space == gym.spaces.Discrete(3, start=-1)
    spaces: Any = env.observation_space
    assert (spaces["count"].shape, spaces["count"].dtype) == ((), np.int64)
    assert spaces["odd"].shape == (2,)  # Discrete: one-hot.
    env.reset(seed=0)
    observation, reward, terminated, _, _ = env.step(1)
    assert (observation["count"], reward, terminated) == (2, 2.0, False)
    assert observation["odd"].tolist() == [1, 0]
    assert env.step(1)[2]  # The sum, 4, exceeds `limit`.
    env.close()


def test_several_choices_at_once_are_taken(discrete_server: str) -> None:
    env = armature.make_vec(discrete_server, 2, config={"wheels": 3})
    assert env.single_action_space == gym.spaces.MultiDiscrete([3, 3, 3])
    env.reset(seed=0)
    observation, reward, *_ = env.step(np.array([[0, 2, 1], [2, 2, 2]]))
    assert reward.tolist() == [3, 6]
    assert observation["count"].tolist() == [3, 6]
    with pytest.raises(armature.ArmatureError, match=r"action\[1,2\] is 3, expected 0..2"):
        env.step(np.array([[0, 2, 1], [2, 2, 3]]))
    env.step(env.action_space.sample())
    env.close()


def test_equal_seeds_give_equal_episodes_however_slots_are_split(python_server: str) -> None:
    whole = armature.make_vec(python_server, 4, "point_mass", seed=3)
    split = armature.make_vec([python_server] * 2, 4, "point_mass", seed=3)
    actions = np.random.default_rng(0).uniform(-1, 1, (2 * HORIZON, 4, 2)).astype(np.float32)
    np.testing.assert_array_equal(
        whole.reset()[0]["desired_goal"], split.reset()[0]["desired_goal"]
    )
    for action in actions:
        one, other = whole.step(action), split.step(action)
        np.testing.assert_array_equal(one[0]["observation"], other[0]["observation"])
        np.testing.assert_array_equal(one[1], other[1])
    whole.close()
    split.close()


def test_each_slot_is_drawn_in_its_own_state(python_server: str) -> None:
    env = armature.make_vec(python_server, 3, "point_mass", render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    expected = [int(255 * abs(place[0])) for place in observation["achieved_goal"]]
    frames = env.render()
    assert [frame.shape for frame in frames] == [(16, 24, 3)] * 3
    assert [int(frame[0, 0, 0]) for frame in frames] == expected
    env.close()


def test_the_picture_after_an_episode_shows_its_end_until_reset(python_server: str) -> None:
    env = armature.make(python_server, "point_mass", render_mode="rgb_array")

    def shade(observation: Any) -> int:
        return int(255 * abs(observation["achieved_goal"][0]))

    for _ in range(2):
        observation, _ = env.reset()
        assert env.render()[0, 0, 0] == shade(observation)
        ended = False
        while not ended:
            observation, _, terminated, truncated, _ = env.step(np.array([0.3, 0.1], np.float32))
            ended = terminated or truncated
            assert env.render()[0, 0, 0] == shade(observation)
    observation, _ = env.reset()
    assert env.render()[0, 0, 0] == shade(observation)
    env.close()


def test_an_environment_that_does_not_draw_is_refused_by_name(discrete_server: str) -> None:
    with pytest.raises(armature.ArmatureError, match="does not render; an environment hosted by"):
        armature.make(discrete_server, render_mode="rgb_array")


def test_compute_reward_is_the_hosted_envs(python_server: str) -> None:
    env = armature.make_vec(python_server, 4, "point_mass", {"terminate_on_success": False})
    env.reset(seed=0)
    observation, reward, *_ = env.step(np.zeros((4, 2), np.float32))
    goals = observation["achieved_goal"], observation["desired_goal"]
    np.testing.assert_allclose(env.compute_reward(*goals), reward, rtol=1e-6)
    env.close()


@pytest.mark.parametrize("fault", ["throw", "kill", "nan_reward", "wrong_shape"])
def test_failed_env_is_replaced_and_its_step_void(python_server: str, fault: str) -> None:
    env = armature.make(python_server, "faulty", {"fault": fault})
    before, _ = env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(np.array([0, 1], np.float32))
    assert np.isnan(reward) and (terminated, truncated) == (False, True)
    assert info["restarted"] and "faulty slot 0 step 1" in info["fault"]
    np.testing.assert_array_equal(observation["observation"], before["observation"])
    env.reset()
    assert not env.step(np.zeros(2, np.float32))[3]
    env.close()

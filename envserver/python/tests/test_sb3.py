"""armature.sb3 on the C++ env server, and Stable-Baselines3's own algorithms on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import armature
from armature.errors import ArmatureError

pytest.importorskip("stable_baselines3", reason="armature[sb3] is not installed")

import torch
from scripted_server import SPEC, scripted_server, step_batch
from stable_baselines3 import PPO, SAC, HerReplayBuffer
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import armature.sb3

PANDA_HORIZON = 50
SPARSE_PANDA = {"terminate_on_success": False}

torch.set_num_threads(1)  # These nets are too small for more.


def test_steps_and_infos_are_those_of_a_dummy_vec_env_of_monitored_envs(server: str) -> None:
    ours = armature.sb3.make_vec_env(server, 2, "cartpole")
    theirs = DummyVecEnv([lambda: Monitor(armature.make(server, "cartpole"))])
    ours.seed(4)
    theirs.seed(4)
    observation = ours.reset()
    np.testing.assert_array_equal(observation[:1], theirs.reset())  # Slot 0 of both.
    episodes = 0
    while episodes < 2:
        action = np.full((2, 1), 8, np.float32)
        observation, reward, ended, infos = ours.step(action)
        expected_observation, expected_reward, expected_ended, expected_infos = theirs.step(
            action[:1]
        )
        np.testing.assert_array_equal(observation[:1], expected_observation)
        np.testing.assert_array_equal(reward[:1], expected_reward)
        assert (reward.dtype, ended.dtype) == (expected_reward.dtype, expected_ended.dtype)
        assert ended[0] == expected_ended[0]
        assert set(infos[0]) == set(expected_infos[0])
        assert infos[0]["TimeLimit.truncated"] == expected_infos[0]["TimeLimit.truncated"]
        if ended[0]:
            episodes += 1
            np.testing.assert_array_equal(
                infos[0]["terminal_observation"], expected_infos[0]["terminal_observation"]
            )
            for key in ("r", "l"):
                assert infos[0]["episode"][key] == expected_infos[0]["episode"][key]
    ours.close()
    theirs.close()


def test_truncation_is_told_from_termination_and_success_is_reported(server: str) -> None:
    env = armature.sb3.make_vec_env(server, 2, "panda_reach", SPARSE_PANDA)
    env.seed(1)
    env.reset()
    for _ in range(PANDA_HORIZON):
        observation, _, ended, infos = env.step(np.zeros((2, 3), np.float32))
    assert ended.all()
    for slot, info in enumerate(infos):
        assert info["TimeLimit.truncated"] is True
        assert info["is_success"] is False
        assert info["episode"]["l"] == PANDA_HORIZON
        final = info["terminal_observation"]["desired_goal"]
        assert not np.array_equal(final, observation["desired_goal"][slot])
    env.close()


def test_seed_decides_the_episodes_of_the_next_reset_only(server: str) -> None:
    env = armature.sb3.make_vec_env(server, 3, "panda_reach")
    env.seed(9)
    first = env.reset()["desired_goal"]
    second = env.reset()["desired_goal"]
    assert not np.array_equal(first, second)
    env.seed(9)
    np.testing.assert_array_equal(env.reset()["desired_goal"], first)
    np.testing.assert_array_equal(env.reset()["desired_goal"], second)
    env.close()


def test_env_method_computes_the_rewards_of_a_batch(server: str) -> None:
    env = armature.sb3.make_vec_env(server, 2, "panda_reach", {"reward_type": "dense"})
    env.reset()
    observation, reward, _, infos = env.step(np.zeros((2, 3), np.float32))
    arguments = ("compute_reward", observation["achieved_goal"], observation["desired_goal"], infos)
    batch = env.env_method(*arguments, indices=[0])
    assert len(batch) == 1
    np.testing.assert_allclose(batch[0], reward)
    assert len(env.env_method(*arguments)) == env.num_envs
    with pytest.raises(AttributeError, match="'jump'"):
        env.env_method("jump")
    env.close()


def test_attributes_say_what_is_known_of_environments_elsewhere(server: str) -> None:
    env = armature.sb3.make_vec_env(server, 2, "panda_reach")
    assert env.get_attr("render_mode") == [None, None]
    assert env.get_attr("spec", indices=0)[0].id == "panda_reach"
    assert env.has_attr("compute_reward") and not env.has_attr("sim")
    assert env.env_is_wrapped(Monitor) == [True, True]
    assert env.env_is_wrapped(VecNormalize) == [False, False]
    with pytest.raises(AttributeError, match="use config"):
        env.set_attr("gravity", 0)
    env.set_options({"low": 1})
    with pytest.raises(ArmatureError, match="use config"):
        env.reset()
    env.close()


def test_restarted_slot_is_truncated_and_counts_in_no_statistics() -> None:
    def script(requests: Any) -> Any:
        yield step_batch(0, [[1, 2], [3, 4]])
        next(requests)
        batch = step_batch(1, [[5, 6], [7, 8]], restarted=[1, 0])
        batch.step.fault.append("slot 0: hung")
        yield batch
        for _ in requests:
            pass

    with scripted_server(script) as address:
        env = armature.sb3.make_vec_env(address, 2, SPEC.id)
        env.reset()
        _, _, ended, infos = env.step(np.zeros((2, 1), np.float32))
        env.close()
    assert ended.tolist() == [True, False]
    assert infos[0].keys() == {"TimeLimit.truncated", "terminal_observation", "restarted", "fault"}
    assert infos[0]["fault"] == "slot 0: hung"
    np.testing.assert_array_equal(infos[0]["terminal_observation"], [1, 2])
    assert infos[1] == {"TimeLimit.truncated": False}


def test_discrete_actions_are_choices() -> None:
    spec = SPEC.to_wire()
    spec.action.discrete.count = 3
    sent: list[list[float]] = []

    def script(requests: Any) -> Any:
        yield step_batch(0, [[1, 2], [3, 4]])
        for step, request in enumerate(requests):
            action = request.actions.action
            sent.append(np.frombuffer(action.packed, "<f4").reshape(action.shape).tolist())
            yield step_batch(step + 1, [[1, 2], [3, 4]])

    with scripted_server(script, spec=spec) as address:
        env = armature.sb3.make_vec_env(address, 2)
        env.reset()
        env.step(np.array([2, 0]))
        assert sent == [[[2.0], [0.0]]]
        with pytest.raises(ArmatureError, match=r"action\[1\] is 3, expected 0..2"):
            env.step(np.array([0, 3]))
        with pytest.raises(ArmatureError, match="expected integers"):
            env.step(np.array([0.5, 1.0]))
        env.close()


def test_sac_with_hindsight_replay_trains_on_a_goal_environment(server: str) -> None:
    env = armature.sb3.make_vec_env(server, 4, "panda_reach")
    model = SAC(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        learning_starts=250,
        gradient_steps=-1,
        batch_size=32,
        policy_kwargs={"net_arch": [16]},
        seed=0,
        device="cpu",
    )
    model.learn(320)
    assert model.num_timesteps == 320
    assert model.replay_buffer is not None
    batch = model.replay_buffer.sample(64)
    assert set(batch.rewards.unique().tolist()) == {-1.0, 0.0}  # Relabelled ones reach.
    assert len(model.ep_info_buffer or []) >= 4
    mean_return, _ = evaluate_policy(model, env, n_eval_episodes=4)
    assert -PANDA_HORIZON <= mean_return <= 0
    env.close()


def test_ppo_trains_and_its_log_has_episode_returns(server: str) -> None:
    env = VecNormalize(armature.sb3.make_vec_env(server, 4, "cartpole"), norm_obs=False)
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=2, seed=0, device="cpu")
    model.learn(512)
    assert model.num_timesteps == 512
    assert model.ep_info_buffer
    assert all(episode["l"] > 0 for episode in model.ep_info_buffer)
    env.close()

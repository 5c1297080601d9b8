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
from stable_baselines3.common.buffers import ReplayBuffer
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
    env.seed(1)  # Without one, a goal may lie at the hand: a new episode begins at once.
    env.reset()
    observation, reward, ended, infos = env.step(np.zeros((2, 3), np.float32))
    assert not ended.any()
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
    with pytest.raises(ArmatureError, match="goes into config"):
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
        env = armature.sb3.make_vec_env(address, 2, SPEC.id, marks_void_steps=True)
        env.reset()
        _, reward, ended, infos = env.step(np.zeros((2, 1), np.float32))
        env.close()
    assert np.isnan(reward[0]) and reward[1] == 0
    assert ended.tolist() == [True, False]
    assert infos[0].keys() == {"TimeLimit.truncated", "terminal_observation", "restarted", "fault"}
    assert infos[0]["fault"] == "slot 0: hung"
    np.testing.assert_array_equal(infos[0]["terminal_observation"], [1, 2])
    assert infos[1] == {"TimeLimit.truncated": False}


def flaky(requests: Any) -> Any:
    """Observation [k, slot] after k steps, reward -1; each third step of a slot is void."""
    rows = np.array([[0, 0], [0, 1]], np.float32)
    yield step_batch(0, rows)
    for step, request in enumerate(requests, 1):
        if request.WhichOneof("kind") != "actions":
            continue
        rows[:, 0] += 1
        void = [int(step % 3 == 0 or step == 1), int((step + 1) % 3 == 0 or step == 6)]
        batch = step_batch(step, rows, restarted=void, reward=[-1 + flag for flag in void])
        batch.step.fault.extend(f"slot {slot}: threw" for slot in range(2) if void[slot])
        yield batch


def test_a_void_step_is_an_error_where_a_learner_would_store_it() -> None:
    with scripted_server(flaky) as address:
        env = armature.sb3.make_vec_env(address, 2)
        with pytest.raises(ArmatureError, match=r"slot 0: threw: .*without_void_steps"):
            SAC("MlpPolicy", env, learning_starts=100, device="cpu").learn(20)
        env.close()


@pytest.mark.parametrize("num_steps", [60, 15])  # The buffer, of 16 steps, wraps; or not.
def test_a_replay_without_void_steps_has_only_what_happened(num_steps: int) -> None:
    with scripted_server(flaky) as address:
        env = armature.sb3.make_vec_env(address, 2, marks_void_steps=True)
        model = SAC(
            "MlpPolicy",
            env,
            buffer_size=32,
            replay_buffer_class=armature.sb3.without_void_steps(ReplayBuffer),
            learning_starts=8,
            batch_size=4,
            policy_kwargs={"net_arch": [4]},
            device="cpu",
        )
        model.learn(2 * num_steps)
        env.close()
    buffer = model.replay_buffer
    assert buffer is not None
    stored = slice(0, buffer.size())
    assert buffer.size() == min(num_steps, 16)
    observation, after = buffer.observations[stored], buffer.next_observations[stored]
    np.testing.assert_array_equal(after[..., 0], observation[..., 0] + 1)
    np.testing.assert_array_equal(after[..., 1], observation[..., 1])
    assert set(buffer.rewards[stored].ravel().tolist()) == {-1.0}
    # No step of these is the environment's end: each is bootstrapped from.
    assert not (buffer.dones[stored] * (1 - buffer.timeouts[stored])).any()
    assert buffer.dones[stored].any()


def test_hindsight_without_void_steps_stays_within_episodes(python_server: str) -> None:
    env = armature.sb3.make_vec_env(
        python_server, 2, "faulty", {"fault": "throw"}, marks_void_steps=True
    )
    buffer = armature.sb3.without_void_steps(HerReplayBuffer)(
        64, env.observation_space, env.action_space, env, "cpu", 2
    )
    env.seed(1)
    observation: Any = env.reset()
    for step in range(24):
        inwards = -0.5 * np.sign(observation["achieved_goal"][:, 0])
        action = np.stack([inwards, [step % 7 == 3, step % 5 == 1]], axis=1).astype(np.float32)
        new, reward, ended, infos = env.step(action)
        after = {key: values.copy() for key, values in new.items()}
        for slot in np.flatnonzero(ended):
            for key, value in infos[slot]["terminal_observation"].items():
                after[key][slot] = value
        buffer.add(observation, after, action, reward, ended, infos)
        observation = new
    env.close()
    assert np.isfinite(buffer.rewards).all()
    moved = buffer.next_observations["achieved_goal"] - buffer.observations["achieved_goal"]
    assert moved[:24, :, 0].all()  # A step that was made up would stand still.
    for slot in range(2):
        for row in np.flatnonzero(buffer.ep_length[:, slot]):
            start, length = buffer.ep_start[row, slot], buffer.ep_length[row, slot]
            goals = buffer.observations["desired_goal"][start : start + length, slot]
            # Only a void first step repeats the episode before, alone.
            assert length == 1 or (goals == goals[0]).all()


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

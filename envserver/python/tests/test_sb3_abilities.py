"""Metrics, parameters, goal extras and saved states through armature.sb3."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import armature
from armature.errors import ArmatureError, OptionError

pytest.importorskip("stable_baselines3", reason="armature[sb3] is not installed")

from equipped_env import HORIZON
from stable_baselines3 import SAC, HerReplayBuffer

import armature.sb3

METRICS = {"reward/distance", "reward/effort", "speed", "distance"}
NO_END = {"terminate_on_success": False}


def run(env: Any, steps: int) -> list[Any]:
    random = np.random.default_rng(5)
    seen = []
    for _ in range(steps):
        action = random.uniform(-1, 1, (env.num_envs, 2)).astype(np.float32)
        observation, reward, _, infos = env.step(action)
        seen.append((observation["observation"].tolist(), reward.tolist(), infos[0]["distance"]))
    return seen


def test_infos_have_metrics_and_extras(equipped_server: str) -> None:
    env = armature.sb3.make_vec_env(equipped_server, 2, config=NO_END)
    env.reset()
    action = np.array([[0.5, 0], [0, -0.5]], np.float32)
    _, reward, _, infos = env.step(action)
    for slot, info in enumerate(infos):
        assert set(info) >= {*METRICS, "push", "effort", "is_success"}
        assert type(info["speed"]) is float
        np.testing.assert_array_equal(info["push"], action[slot])
        total = info["reward/distance"] + info["reward/effort"]
        assert total == pytest.approx(float(reward[slot]), abs=1e-6)
    env.close()


def test_options_set_parameters_of_all_slots_or_each(equipped_server: str) -> None:
    env = armature.sb3.make_vec_env(equipped_server, 2, config=NO_END)
    env.set_options({"level": 0})
    assert not env.reset()["desired_goal"].any()
    env.set_options([{}, {"level": 1}])
    assert env.reset()["desired_goal"].any(axis=1).tolist() == [False, True]
    assert env.reset()["desired_goal"].any(axis=1).tolist() == [False, True]  # They hold.
    env.env_method("set_parameters", {"level": 1}, indices=[0])
    assert env.reset()["desired_goal"].any(axis=1).tolist() == [True, True]
    env.set_options({"speed": 1})
    with pytest.raises(OptionError, match="equipped has no parameter 'speed'; it has level"):
        env.reset()
    env.close()


def test_slots_are_saved_and_restored(equipped_server: str) -> None:
    env = armature.sb3.make_vec_env(equipped_server, 1, config=NO_END, seed=4)
    env.reset()
    run(env, 3)
    (state,) = env.env_method("save_state")
    then = run(env, HORIZON - 4)
    (observation,) = env.env_method("restore_state", state, indices=0)
    assert observation["observation"].shape == (2,)
    assert run(env, HORIZON - 4) == then
    *_, infos = env.step(np.zeros((1, 2), np.float32))
    assert infos[0]["episode"]["l"] == HORIZON - 3  # Steps since it was restored.
    with pytest.raises(ArmatureError, match="no state that armature-serve has saved"):
        env.env_method("restore_state", b"")
    env.close()


def test_hindsight_rewards_are_of_the_extras_of_each_step(equipped_server: str) -> None:
    env = armature.sb3.make_vec_env(equipped_server, 2, config=NO_END)
    model = SAC(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "copy_info_dict": True},
        learning_starts=100,
        batch_size=32,
        policy_kwargs={"net_arch": [8]},
        seed=0,
        device="cpu",
    )
    model.learn(120)
    assert model.replay_buffer is not None
    batch = model.replay_buffer.sample(64)
    after: Any = batch.next_observations
    distance = np.linalg.norm(after["achieved_goal"] - after["desired_goal"], axis=1)
    # What the agent did, within [-1, 1] as the space has it.
    effort = 0.1 * np.square(batch.actions.numpy()).sum(axis=1)
    np.testing.assert_allclose(batch.rewards.numpy()[:, 0], -distance - effort, atol=1e-5)
    env.close()


def test_without_info_dicts_hindsight_says_what_is_missing(equipped_server: str) -> None:
    env = armature.sb3.make_vec_env(equipped_server, 2, config=NO_END)
    model = SAC(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        learning_starts=60,
        policy_kwargs={"net_arch": [8]},
        device="cpu",
    )
    with pytest.raises(ArmatureError, match="copy_info_dict=True"):
        model.learn(100)
    env.close()


def test_void_steps_that_are_left_out_keep_the_extras_of_what_is_stored(
    equipped_server: str,
) -> None:
    config = {**NO_END, "fault": "nan_metric"}
    env = armature.sb3.make_vec_env(equipped_server, 2, config=config, marks_void_steps=True)
    buffer = armature.sb3.without_void_steps(HerReplayBuffer)(
        64, env.observation_space, env.action_space, env, "cpu", 2, copy_info_dict=True
    )
    observation: Any = env.reset()
    for step in range(12):
        action = np.full((2, 2), 0.05 * (step % 9), np.float32)
        action[1, 1] = 1 if step % 5 in (0, 3) else -0.5
        new, reward, ended, infos = env.step(action)
        assert bool(infos[1].get("restarted")) == (action[1, 1] == 1)
        assert ("speed" in infos[1]) != (action[1, 1] == 1)
        buffer.add(observation, new, action, reward, ended, infos)
        observation = new
    for row in range(12):
        for slot in range(2):
            np.testing.assert_allclose(buffer.infos[row, slot]["push"], buffer.actions[row, slot])
    env.close()

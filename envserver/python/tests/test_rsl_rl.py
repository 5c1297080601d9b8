"""armature.rsl_rl on the C++ env server, and rsl_rl's own PPO on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import armature
from armature.errors import ArmatureError

pytest.importorskip("rsl_rl", reason="rsl-rl-lib is not installed")

import torch
from rsl_rl.runners import OnPolicyRunner
from scripted_server import scripted_server, step_batch

import armature.rsl_rl

torch.set_num_threads(1)  # These nets are too small for more.


def test_steps_are_those_of_a_vector_env(server: str) -> None:
    ours = armature.rsl_rl.make_vec_env(server, 3, "panda_reach", seed=4)
    theirs = armature.make_vec(server, 3, "panda_reach", seed=4)
    expected, _ = theirs.reset()
    rng = np.random.default_rng(1)
    for _ in range(60):
        observation = ours.get_observations()
        assert sorted(observation.keys()) == sorted(ours.fields) == sorted(expected)
        for name in ours.fields:
            np.testing.assert_array_equal(observation[name].numpy(), expected[name])
        action = rng.uniform(-2, 2, (3, 3)).astype(np.float32)
        _, reward, ended, extras = ours.step(torch.from_numpy(action))
        expected, theirs_reward, terminated, truncated, _ = theirs.step(np.clip(action, -1, 1))
        np.testing.assert_array_equal(reward.numpy(), theirs_reward)
        np.testing.assert_array_equal(ended.numpy(), terminated | truncated)
        np.testing.assert_array_equal(extras["time_outs"].numpy(), truncated)
    ours.close()
    theirs.close()


def test_log_has_the_mean_of_each_metric_and_time_outs_are_truncations(server: str) -> None:
    env = armature.rsl_rl.make_vec_env(server, 2, "box_flip_up")
    names = [f"/{metric.name}" for metric in env._slots.spec.metrics]
    horizon = env.max_episode_length
    assert names and horizon > 1
    for step in range(horizon):
        _, _, ended, extras = env.step(torch.zeros(2, env.num_actions))
        assert sorted(extras["log"]) == sorted([*names, "/restarted"])
        assert ended.all() == extras["time_outs"].all() == (step == horizon - 1)
        assert env.episode_length_buf.tolist() == [0 if ended.all() else step + 1] * 2
    env.close()


def test_a_void_step_is_a_time_out_without_a_reward() -> None:
    def script(requests: Any) -> Any:
        yield step_batch(0, [[1, 2], [3, 4]])
        next(requests)
        batch = step_batch(1, [[5, 6], [7, 8]], restarted=[1, 0], reward=[3, 4])
        batch.step.fault.append("slot 0: hung")
        yield batch
        for _ in requests:
            pass

    with scripted_server(script) as address:
        env = armature.rsl_rl.make_vec_env(address, 2)
        _, reward, ended, extras = env.step(torch.zeros(2, 1))
        env.close()
    assert reward.tolist() == [0, 4]
    assert ended.tolist() == extras["time_outs"].tolist() == [True, False]
    assert extras["log"]["/restarted"] == 1


def test_what_rsl_rl_cannot_have_is_refused_in_a_sentence(
    server: str, discrete_server: str
) -> None:
    with pytest.raises(ArmatureError, match="are choices"):
        armature.rsl_rl.make_vec_env(discrete_server, 2)
    env = armature.rsl_rl.make_vec_env(server, 2, "cartpole")
    with pytest.raises(ArmatureError, match="init_at_random_ep_len=False"):
        env.episode_length_buf = torch.ones(2)
    env.close()


def test_rsl_rls_ppo_learns_to_keep_the_pole_up(server: str) -> None:
    torch.manual_seed(1)
    env = armature.rsl_rl.make_vec_env(server, 16, "cartpole", seed=1)
    net = {"class_name": "MLPModel", "hidden_dims": [32, 32], "activation": "tanh"}
    config = {
        "num_steps_per_env": 32,
        "save_interval": 1000,
        "run_name": "test",
        "obs_groups": {"actor": env.fields, "critic": env.fields},
        "actor": {**net, "distribution_cfg": {"class_name": "GaussianDistribution"}},
        "critic": net,
        "algorithm": {"class_name": "PPO", "learning_rate": 3e-3, "entropy_coef": 0.0},
    }
    runner = OnPolicyRunner(env, config, log_dir=None, device="cpu")

    def falls() -> int:
        policy, count = runner.get_inference_policy(), 0
        for _ in range(env.max_episode_length):
            with torch.inference_mode():
                _, _, ended, extras = env.step(policy(env.get_observations()))
            count += int((ended & ~extras["time_outs"]).sum())
        return count

    before = falls()
    runner.learn(20)
    after = falls()
    env.close()
    assert before >= 16 and after <= before / 2, (before, after)

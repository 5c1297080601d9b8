"""load_policy in an environment's own spaces: what goes in and comes out is the environment's."""

from __future__ import annotations

import pathlib
import struct
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from google.protobuf import json_format
from gymnasium import spaces
from safetensors.numpy import save

import armature
from armature import wire
from armature.checksum import crc32c
from armature.errors import ArmatureError
from armature.serve.env_source import HostOptions, space_spec
from armature.serve.spaces import observation_fields, write_observation

BOX = spaces.Box(-1, 1, (2,), np.float32)
TAKES_ANYTHING = spaces.Dict(
    {
        "arm": spaces.Dict({"place": BOX, "mode": spaces.Discrete(3, start=5)}),
        "image": spaces.Box(0, 255, (2, 2), np.uint8),
        "flags": spaces.MultiBinary(3),
        "levels": spaces.MultiDiscrete([2, 4]),
    }
)


class Anything(gym.Env[Any, Any]):
    """Refuses every action that is not of its space."""

    def __init__(self, observation_space: Any, action_space: Any) -> None:
        self.observation_space = observation_space
        self.action_space = action_space

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), action
        return self.observation_space.sample(), 0.0, False, False, {}


def write_policy(
    path: pathlib.Path, env: gym.Env[Any, Any], env_id: str = "anything"
) -> pathlib.Path:
    """A policy of one random linear layer, as the learner writes those of `env`."""
    spec = space_spec(env, env_id, HostOptions())
    size = sum(field.size for field in spec.observation)
    outputs = spec.action.policy_size
    generator = np.random.default_rng(0)
    tensors = {
        "actor.0.weight": generator.normal(size=(outputs, size)).astype(np.float32),
        "actor.0.bias": generator.normal(size=outputs).astype(np.float32),
    }
    network = wire.PolicySpec(
        head=wire.PolicySpec.DESCRIPTOR.fields_by_name["head"]
        .enum_type.values_by_name["HEAD_CATEGORICAL" if spec.action.is_discrete else "HEAD_TANH"]
        .number,
        activation=wire.PolicySpec.DESCRIPTOR.fields_by_name["activation"]
        .enum_type.values_by_name["ACTIVATION_TANH"]
        .number,
        observation_size=size,
        action_size=outputs,
        choices=spec.action.choices if spec.action.size > 1 else (),
    )
    metadata = {
        "kind": "armature policy",
        "format_version": "1",
        "env": json_format.MessageToJson(spec.to_wire()),
        "policy": json_format.MessageToJson(network),
        **dict.fromkeys(("policy_version", "env_steps", "learner_steps"), "0"),
    }
    content = save(tensors, metadata=metadata)
    begin = 8 + struct.unpack("<Q", content[:8])[0]
    path.write_bytes(save(tensors, {**metadata, "crc32c": f"{crc32c(content[begin:]):08x}"}))
    return path


def as_hosted(env: gym.Env[Any, Any], observation: Any) -> dict[str, Any]:
    """What armature-serve would have sent of `observation`."""
    fields = observation_fields(env.observation_space)
    rows = [np.zeros(field.spec.shape, field.spec.dtype) for field in fields]
    write_observation(fields, observation, rows)
    return {field.spec.name: row for field, row in zip(fields, rows)}


@pytest.mark.parametrize(
    "action_space",
    [
        BOX,
        spaces.Box(-2, 1, (2, 3), np.float32),
        spaces.Box(-0.1, 0.3, (1,), np.float64),
        spaces.Discrete(3, start=-1),
        spaces.Discrete(2),
        spaces.MultiDiscrete([[3, 1], [2, 4]]),
        spaces.MultiBinary(3),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "observation_space",
    [BOX, spaces.Discrete(4), spaces.Discrete(4, start=-2), TAKES_ANYTHING],
    ids=["box", "discrete", "discrete from -2", "nested"],
)
def test_a_policy_takes_and_gives_the_environments_own_spaces(
    tmp_path: pathlib.Path, observation_space: Any, action_space: Any
) -> None:
    env = Anything(observation_space, action_space)
    path = write_policy(tmp_path / "policy.safetensors", env)
    policy, wired = armature.load_policy(path, env), armature.load_policy(path)
    assert policy.action_space == action_space and policy.observation_space == observation_space
    observation, _ = env.reset(seed=1)
    for _ in range(5):
        action = policy(observation)
        # The same network without the environment: another dtype at most.
        np.testing.assert_allclose(action, wired(as_hosted(env, observation)), rtol=1e-6)
        observation, *_ = env.step(action)


@pytest.mark.parametrize(
    "action_space",
    [
        spaces.Box(-2, 1, (2, 3)),
        spaces.Discrete(3, start=-1),
        spaces.MultiDiscrete([3, 2]),
    ],
)
def test_a_vector_environments_batches_are_taken_and_given(
    tmp_path: pathlib.Path, action_space: Any
) -> None:
    envs = gym.vector.SyncVectorEnv([lambda: Anything(TAKES_ANYTHING, action_space)] * 4)
    policy = armature.load_policy(write_policy(tmp_path / "policy", envs.envs[0]), envs)
    observation, _ = envs.reset(seed=1)
    actions = policy(observation)
    assert actions in envs.action_space
    envs.step(actions)


def test_what_the_file_alone_tells_is_taken_without_the_environment(
    tmp_path: pathlib.Path,
) -> None:
    space = spaces.Dict({"arm": spaces.Dict({"place": BOX, "mode": spaces.Discrete(3)})})
    env = Anything(space, BOX)
    policy = armature.load_policy(write_policy(tmp_path / "policy", env))
    observation, _ = env.reset(seed=1)
    env.step(policy(observation))
    np.testing.assert_array_equal(policy(observation), policy(as_hosted(env, observation)))


def test_a_choice_that_does_not_fit_names_the_remedy(tmp_path: pathlib.Path) -> None:
    path = write_policy(tmp_path / "policy", Anything(spaces.Discrete(4, start=-2), BOX))
    policy = armature.load_policy(path)
    with pytest.raises(ArmatureError, match=r"is -2, expected whole numbers in 0..3.*env=env"):
        policy(-2)
    with pytest.raises(ArmatureError, match=r"shape \[3\], expected \[4\].*env=env"):
        policy(np.array([0, 1, 2]))


@pytest.mark.parametrize(
    ("observation_space", "action_space", "named"),
    [
        (spaces.Box(-1, 1, (3,)), BOX, r"'observation' of anything has shape \[2\].*shape \[3\]"),
        (spaces.Dict({"place": BOX}), BOX, "'observation' of anything.*no such field"),
        (BOX, spaces.Box(-1, 2, (2,)), r"action space of env is Box\(-1.0, 2.0"),
        (BOX, spaces.Discrete(2), r"action space of env is Discrete\(2\)"),
    ],
)
def test_another_environment_is_refused_by_what_differs(
    tmp_path: pathlib.Path, observation_space: Any, action_space: Any, named: str
) -> None:
    path = write_policy(tmp_path / "policy", Anything(BOX, BOX))
    with pytest.raises(ArmatureError, match=named):
        armature.load_policy(path, Anything(observation_space, action_space))

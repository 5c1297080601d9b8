"""Policies that an Armature run has trained, acted with in NumPy.

The file's format, and how an observation becomes an action, is docs/policy_file.md.
Thread safety: immutable, but for the generator that draws are made with.
"""

from __future__ import annotations

import json
import pathlib
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from google.protobuf import json_format
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from armature import wire
from armature.checksum import crc32c
from armature.errors import ArmatureError
from armature.policy_spaces import Observation, PolicySpaces
from armature.run_finder import NoRunError, find_run
from armature.spec import EnvSpec

Array = npt.NDArray[Any]

_KIND = "armature policy"
_FORMAT_VERSION = "1"
_STEPS = ("policy_version", "env_steps", "learner_steps")
_METADATA = ("kind", "format_version", "env", "policy", *_STEPS, "crc32c")
_LOG_STD_MIN, _LOG_STD_MAX = -20.0, 2.0
_LEAKY_SLOPE = 0.01
_LAYER_NORM_EPSILON = 1e-5

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "ACTIVATION_RELU": lambda x: np.maximum(x, 0),
    "ACTIVATION_TANH": np.tanh,
    "ACTIVATION_ELU": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "ACTIVATION_LEAKY_RELU": lambda x: np.where(x > 0, x, x * np.float32(_LEAKY_SLOPE)),
}
# Outputs of the last layer for each component of an action, or each choice.
_HEADS = {
    "HEAD_SQUASHED_GAUSSIAN": 2,
    "HEAD_DIAGONAL_GAUSSIAN": 1,
    "HEAD_CATEGORICAL": 1,
    "HEAD_TANH": 1,
}


def load_policy(path: str | pathlib.Path, env: Any = None) -> Policy:
    """The policy in a file, or that of a run: the final one, else the newest.

    A run is its directory, its id or its name, as everywhere: see run_finder.find_run.
    With `env` (a gymnasium.Env, a VectorEnv, a VecEnv; only its spaces are read) the policy
    takes the observations of its space and gives actions of its space, whatever they are. The
    file alone does not say the dtype of a Box action (float32 then), nor where a Discrete of the
    observation starts (0 then).
    ArmatureError: there is none, or the file is damaged or not a policy of this format; or
    `env` is not the environment that it was trained in.
    """
    path = pathlib.Path(path)
    if path.is_file():
        return Policy(path, env)
    if (path / "models").is_dir():
        return Policy(_policy_of_run(path), env)
    try:
        return Policy(_policy_of_run(find_run(str(path))), env)
    except NoRunError as error:
        raise ArmatureError(str(error)) from error


class Policy:
    """Made by `load_policy`. `policy(observation)` is an action for the environment.

    Attributes: `path`; `spec`, the environment's EnvSpec; `observation_space` and
    `action_space`; `version`, `env_steps` and `learner_steps`: where in its run it is from.
    """

    def __init__(self, path: pathlib.Path, env: Any = None) -> None:
        metadata, tensors = _read(path)
        self.path = path
        self.version, self.env_steps, self.learner_steps = (int(metadata[key]) for key in _STEPS)
        self.spec = EnvSpec.from_wire(_parse(metadata["env"], wire.EnvSpec(), path))
        self._spaces = PolicySpaces(self.spec, env)
        self.observation_space: gym.spaces.Space[Any] = self._spaces.observation
        self.action_space: gym.spaces.Space[Any] = self._spaces.action
        network = _parse(metadata["policy"], wire.PolicySpec(), path)
        self._head = _known(network, "head", _HEADS, path)
        self._activation = _ACTIVATIONS[_known(network, "activation", _ACTIVATIONS, path)]
        self._action_size = network.action_size
        self._choices = list(network.choices) or [network.action_size]
        self._clip = np.float32(network.observation_clip)
        self._take(tensors, network)

    def __call__(
        self,
        observation: Observation,
        deterministic: bool = True,
        generator: np.random.Generator | None = None,
    ) -> Any:
        """The action for one observation, or the actions for a batch of n.

        `observation`: an array, or a dict of arrays (nested, or with names "a/b"), as the
        environment's space has it, with or without a batch dimension in front; a Discrete as a
        number or one-hot (a batch of numbers needs `env`). Returns an action of `action_space`,
        a batch of them stacked: a Discrete as an int, or int64 [n].
        Deterministic is the mode, which evaluations use; otherwise the action is drawn with
        `generator`, NumPy's default one if there is none.
        ArmatureError: a field is missing, or has another shape.
        """
        x, is_batch = self._spaces.flatten(observation)
        head = self._forward(x)
        if not deterministic and generator is None:
            generator = np.random.default_rng()
        action = self._act(head, None if deterministic else generator)
        return self._spaces.actions(action, is_batch)

    def _take(self, tensors: dict[str, Array], network: Any) -> None:
        """Checks names and shapes; ArmatureError names the tensor that does not fit."""
        sizes = [network.observation_size, *network.hidden_sizes]
        sizes.append(_HEADS[self._head] * self._action_size)
        shapes: dict[str, tuple[int, ...]] = {}
        for i in range(len(sizes) - 1):
            shapes[f"actor.{i}.weight"] = (sizes[i + 1], sizes[i])
            shapes[f"actor.{i}.bias"] = (sizes[i + 1],)
            if network.layer_norm and i + 2 < len(sizes):
                shapes[f"actor.{i}.norm_gain"] = (sizes[i + 1],)
                shapes[f"actor.{i}.norm_bias"] = (sizes[i + 1],)
        if self._head == "HEAD_DIAGONAL_GAUSSIAN":
            shapes["actor.log_std"] = (self._action_size,)
        if network.normalize_observation:
            shapes["observation_normalizer.mean"] = (sizes[0],)
            shapes["observation_normalizer.std"] = (sizes[0],)
        for name in sorted(shapes.keys() | tensors.keys()):
            found = tensors[name].shape if name in tensors else None
            if found != shapes.get(name):
                raise ArmatureError(
                    f"{self.path}: tensor {name} is {found}, expected {shapes.get(name)}"
                )
        flat = sum(field.size for field in self.spec.observation)
        action = self.spec.action
        is_categorical = self._head == "HEAD_CATEGORICAL"
        if (flat, action.policy_size, action.is_discrete) != (
            sizes[0],
            self._action_size,
            is_categorical,
        ) or (is_categorical and list(action.choices) != self._choices):
            raise ArmatureError(
                f"{self.path}: the network takes {sizes[0]} values and gives {self._action_size} "
                f"({self._head}), but {self.spec.id} has {flat} and {action}"
            )
        self._layers = [
            (tensors[f"actor.{i}.weight"].T, tensors[f"actor.{i}.bias"])
            for i in range(len(sizes) - 1)
        ]
        self._norms = [
            (tensors[f"actor.{i}.norm_gain"], tensors[f"actor.{i}.norm_bias"])
            for i in range(len(network.hidden_sizes) if network.layer_norm else 0)
        ]
        self._log_std = tensors.get("actor.log_std")
        self._mean = tensors.get("observation_normalizer.mean")
        self._std = tensors.get("observation_normalizer.std")

    def _forward(self, x: npt.NDArray[np.float32]) -> Array:
        if self._mean is not None and self._std is not None:
            x = np.clip((x - self._mean) / self._std, -self._clip, self._clip)
        for i, (weight, bias) in enumerate(self._layers):
            x = x @ weight + bias
            if i + 1 == len(self._layers):
                break
            if self._norms:
                x = _layer_norm(x, *self._norms[i])
            x = self._activation(x)
        return x

    def _act(self, head: Array, generator: np.random.Generator | None) -> Array:
        """Rows as on the wire, [n, size]."""
        if self._head == "HEAD_CATEGORICAL":
            if generator is not None:
                # The largest of logits with Gumbel noise is a draw from their softmax.
                head = head + generator.gumbel(size=head.shape)
            components = np.split(head, np.cumsum(self._choices)[:-1], axis=1)
            return np.stack([logits.argmax(axis=1) for logits in components], axis=1)
        size = self._action_size
        u = head[:, :size]
        if generator is not None and self._head != "HEAD_TANH":
            log_std = (
                self._log_std
                if self._log_std is not None
                else np.clip(head[:, size:], _LOG_STD_MIN, _LOG_STD_MAX)
            )
            u = u + np.exp(log_std) * generator.standard_normal(u.shape)
        if self._head != "HEAD_DIAGONAL_GAUSSIAN":
            u = np.tanh(u)
        low, high = np.array(self.spec.action.low), np.array(self.spec.action.high)
        return (low + (np.clip(u, -1, 1).astype(np.float64) + 1) / 2 * (high - low)).astype(
            np.float32
        )


def _layer_norm(x: Array, gain: Array, bias: Array) -> Array:
    centred = x - x.mean(axis=1, keepdims=True)
    variance = np.square(centred).mean(axis=1, keepdims=True)
    return centred / np.sqrt(variance + np.float32(_LAYER_NORM_EPSILON)) * gain + bias


def _policy_of_run(run_dir: pathlib.Path) -> pathlib.Path:
    models = run_dir / "models"
    final = models / "model_final.safetensors"
    if final.is_file() and (run_dir / "result.json").is_file():
        return final
    steps = [
        (int(match[1]), path)
        for path in models.glob("model_*.safetensors")
        if (match := re.fullmatch(r"model_(\d+)\.safetensors", path.name))
    ]
    if steps:
        return max(steps)[1]
    best = models / "model_best.safetensors"
    if best.is_file():
        return best
    raise ArmatureError(
        f"{run_dir}: no policy in {models}; the first is written after checkpoint.save_freq "
        "env steps"
    )


def _read(path: pathlib.Path) -> tuple[dict[str, str], dict[str, Array]]:
    """Metadata and tensors of a policy file, checksum compared."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArmatureError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        tensors = load_tensors(content)
        end = 8 + struct.unpack("<Q", content[:8])[0]
        metadata = json.loads(content[8:end]).get("__metadata__", {})
    except (SafetensorError, ValueError, struct.error) as error:
        raise ArmatureError(f"{path}: not a safetensors file: {error}") from error
    missing = [key for key in _METADATA if key not in metadata]
    if missing:
        raise ArmatureError(f"{path}: not an Armature policy: no '{missing[0]}' in its metadata")
    found = (metadata["kind"], metadata["format_version"])
    if found != (_KIND, _FORMAT_VERSION):
        raise ArmatureError(
            f"{path}: is '{found[0]}' of format {found[1]}, expected '{_KIND}' of format "
            f"{_FORMAT_VERSION}"
        )
    if int(metadata["crc32c"], 16) != crc32c(content[end:]):
        raise ArmatureError(f"{path}: is damaged: its checksum does not match")
    return metadata, tensors


def _known(network: Any, field: str, known: Mapping[str, Any], path: pathlib.Path) -> str:
    """The name of an enumeration's value."""
    values = network.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    name = str(values[getattr(network, field)].name)
    if name not in known:
        raise ArmatureError(f"{path}: metadata: {field} is {name}")
    return name


def _parse(text: str, message: Any, path: pathlib.Path) -> Any:
    try:
        return json_format.Parse(text, message)
    except json_format.ParseError as error:
        raise ArmatureError(f"{path}: metadata: {error}") from error

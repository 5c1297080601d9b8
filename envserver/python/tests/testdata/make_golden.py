"""Writes policies.json: what PyTorch makes of the policies beside it.

    python make_golden.py        # needs torch

The policies are the learner's own (`models/model_final.safetensors` of short runs with
`algorithm.network.hidden_sizes=[6, 5]`): SAC on panda_reach (elu, normalised), PPO on
cartpole (leaky_relu, normalised, observation_clip=1.5), TD3 on cartpole (tanh) and PPO on
CartPole-v1 (relu); layer_norm is TD3 on cartpole (elu).
For each: observations [6, D], `mode` and, drawn with NumPy's default_rng(NOISE_SEED),
`drawn`, both in the environment's units; of choices the indices and `probabilities`.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import torch
from safetensors import safe_open

HERE = pathlib.Path(__file__).resolve().parent
NOISE_SEED = 7
ACTIVATIONS = {
    "ACTIVATION_RELU": torch.nn.ReLU,
    "ACTIVATION_TANH": torch.nn.Tanh,
    "ACTIVATION_ELU": torch.nn.ELU,
    "ACTIVATION_LEAKY_RELU": torch.nn.LeakyReLU,
}


def golden(path: pathlib.Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        policy = json.loads(file.metadata()["policy"])
        action = json.loads(file.metadata()["env"])["action"]
    layers: list[torch.nn.Module] = []
    for i in range(len(policy["hiddenSizes"]) + 1):
        weight = tensors[f"actor.{i}.weight"]
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
        linear.load_state_dict({"weight": weight, "bias": tensors[f"actor.{i}.bias"]})
        layers.append(linear)
        if f"actor.{i}.norm_gain" in tensors:
            norm = torch.nn.LayerNorm(weight.shape[0])
            gain, shift = (tensors[f"actor.{i}.norm_{part}"] for part in ("gain", "bias"))
            norm.load_state_dict({"weight": gain, "bias": shift})
            layers.append(norm)
        layers.append(ACTIVATIONS[policy["activation"]]())
    size = policy["observationSize"]
    observation = torch.randn(6, size, generator=torch.Generator().manual_seed(3))
    x = observation
    if policy.get("normalizeObservation"):
        x = (x - tensors["observation_normalizer.mean"]) / tensors["observation_normalizer.std"]
        x = x.clamp(-policy["observationClip"], policy["observationClip"])
    with torch.no_grad():
        head = torch.nn.Sequential(*layers[:-1])(x)
    values: dict[str, Any] = {"observation": observation.tolist()}
    if policy["head"] == "HEAD_CATEGORICAL":
        distribution = torch.distributions.Categorical(logits=head)
        values["probabilities"] = distribution.probs.tolist()
        return {**values, "mode": distribution.mode.tolist()}
    count = policy["actionSize"]
    noise = np.random.default_rng(NOISE_SEED).standard_normal((6, count))
    mode = drawn = head[:, :count]
    if policy["head"] == "HEAD_SQUASHED_GAUSSIAN":
        drawn = mode + head[:, count:].clamp(-20, 2).exp() * torch.from_numpy(noise)
    if policy["head"] == "HEAD_DIAGONAL_GAUSSIAN":
        drawn = mode + tensors["actor.log_std"].exp() * torch.from_numpy(noise)
    else:
        mode, drawn = mode.tanh(), drawn.tanh()
    low, high = torch.tensor(action["box"]["low"]), torch.tensor(action["box"]["high"])
    for name, u in (("mode", mode), ("drawn", drawn)):
        values[name] = (low + (u.clamp(-1, 1) + 1) / 2 * (high - low)).tolist()
    return values


def main() -> None:
    result = {path.stem: golden(path) for path in sorted(HERE.glob("*.safetensors"))}
    (HERE / "policies.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Trains an actuator network on a simulated series-elastic joint, and writes it to a file.

    python train_actuator.py anymal_sea.safetensors
    python train_actuator.py small.safetensors --hidden 16 16 --activation tanh --seed 3

The network is that of Hwangbo et al. 2019 (Science Robotics 4, eaau5872): position error and
velocity of a joint, now, 0.01 s and 0.02 s ago, to the joint's torque. docs/actuators.md describes
the file; a task names it in its configuration. For the joint of a robot of your own, fill a
Recording with what you have measured and call `train` with it.

Needs torch, which the package does not. The same seed gives the same file with the same torch on
the same kind of CPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import struct
import time
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import series_elastic
import torch
from series_elastic import RECORD_S, Drive, Recording

from armature.checksum import crc32c

Floats = npt.NDArray[np.float32]

ACTIVATIONS = {"softsign": torch.nn.Softsign, "tanh": torch.nn.Tanh, "elu": torch.nn.ELU}
HISTORY = 3  # Samples that the network sees.
INTERVAL = 4  # Recorded samples from one of them to the next: 0.01 s.
BATCH = 4096
LEARNING_RATE = 3e-3  # At the start; falls to 0 as a cosine.


@dataclasses.dataclass(frozen=True)
class Examples:
    """What a network learns from, or is measured with."""

    inputs: Floats  # [n, 2 HISTORY]: position errors, rad, newest first; velocities, rad/s
    torque: Floats  # [n], N.m
    ideal: Floats  # [n], N.m: of a perfect drive


def examples_of(recording: Recording, drive: Drive) -> Examples:
    """Every moment that has a whole history."""
    error = recording.target - recording.position
    begin, end = INTERVAL * (HISTORY - 1), len(error)
    inputs = [
        values[begin - INTERVAL * age : end - INTERVAL * age]
        for values in (error, recording.velocity)
        for age in range(HISTORY)
    ]
    ideal = series_elastic.ideal_torque(
        drive, recording.target, recording.position, recording.velocity
    )
    return Examples(
        inputs=np.stack(inputs, axis=-1).reshape(-1, 2 * HISTORY).astype(np.float32),
        torque=recording.torque[begin:].reshape(-1).astype(np.float32),
        ideal=ideal[begin:].reshape(-1).astype(np.float32),
    )


def generate(drive: Drive, joints: int, seconds: float, seed: Sequence[int]) -> Recording:
    """Records `joints` joints with loads, targets and pushes of their own."""
    generator = np.random.default_rng(seed)
    loads = series_elastic.draw_loads(joints, generator)
    targets = series_elastic.draw_targets(joints, round(seconds / RECORD_S), generator)
    return series_elastic.simulate(drive, loads, targets, generator)


def rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


class ActuatorNetwork:
    """The network with its scales; what the file holds."""

    def __init__(self, hidden: Sequence[int], activation: str, examples: Examples) -> None:
        sizes = [2 * HISTORY, *hidden]
        layers: list[torch.nn.Module] = []
        for inputs, outputs in zip(sizes, sizes[1:]):
            layers += [torch.nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
        self.layers = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], 1))
        self.activation = activation
        # Of errors and of velocities, the same for every age.
        scales = [rms(examples.inputs[:, k * HISTORY : (k + 1) * HISTORY]) for k in (0, 1)]
        self.input_scale = torch.tensor(np.repeat(scales, HISTORY), dtype=torch.float32)
        self.output_scale = torch.tensor([rms(examples.torque)], dtype=torch.float32)

    def scaled(self, inputs: torch.Tensor) -> torch.Tensor:
        """[n]: torques, in units of the output scale."""
        return self.layers(inputs / self.input_scale).squeeze(-1)

    @torch.no_grad()
    def torque(self, inputs: Floats) -> Floats:
        """[n]: torques, N.m."""
        parts = torch.from_numpy(inputs).split(1 << 18)
        return torch.cat([self.scaled(part) * self.output_scale for part in parts]).numpy()

    def tensors(self) -> dict[str, Floats]:
        linear = [layer for layer in self.layers if isinstance(layer, torch.nn.Linear)]
        tensors = {"input.scale": self.input_scale, "output.scale": self.output_scale}
        for i, layer in enumerate(linear):
            tensors[f"layer.{i}.weight"] = layer.weight.detach()
            tensors[f"layer.{i}.bias"] = layer.bias.detach()
        return {name: tensor.numpy() for name, tensor in tensors.items()}


def train(
    examples: Examples, hidden: Sequence[int], activation: str, updates: int, seed: int
) -> ActuatorNetwork:
    """Least squares on the torques, by Adam."""
    torch.manual_seed(seed)
    network = ActuatorNetwork(hidden, activation, examples)
    inputs, torque = torch.from_numpy(examples.inputs), torch.from_numpy(examples.torque)
    optimizer = torch.optim.Adam(network.layers.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    for update in range(updates):
        chosen = torch.randint(len(torque), (BATCH,))
        missed = network.scaled(inputs[chosen]) - torque[chosen] / network.output_scale
        loss = missed.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (update + 1) % max(1, updates // 10) == 0:
            error = float(loss.detach().sqrt() * network.output_scale)
            print(f"update {update + 1}: error of its batch {error:.3f} N.m", flush=True)
    return network


def write(path: pathlib.Path, network: ActuatorNetwork, torque_max: float) -> None:
    """As safetensors, of the same bytes each time (the library mixes the metadata's order)."""
    header: dict[str, object] = {}
    content = b""
    for name, values in sorted(network.tensors().items()):
        end = len(content) + values.nbytes
        header[name] = {
            "dtype": "F32",
            "shape": list(values.shape),
            "data_offsets": [len(content), end],
        }
        content += values.astype("<f4").tobytes()
    header["__metadata__"] = {
        "kind": "armature actuator network",
        "format_version": "1",
        "activation": network.activation,
        "history_interval_s": repr(INTERVAL * RECORD_S),
        "torque_max": repr(torque_max),
        "crc32c": f"{crc32c(content):08x}",
    }
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)


def table(recording: Recording, error: Floats, examples: Examples) -> Iterator[str]:
    """RMS values, N.m, of all joints and of thirds of them by how much their targets jitter."""
    jitter = np.median(np.abs(np.diff(recording.target, axis=0))[INTERVAL - 1 :: INTERVAL], axis=0)
    order = np.argsort(jitter)
    names = ["all", "smoothest third", "middle third", "most jittery third"]
    yield f"{'targets':20}{'joints':>8}{'torque':>8}{'error':>8}{'of an ideal drive':>20}"
    for name, joints in zip(names, [order, *np.array_split(order, 3)]):
        torque, wrong, ideal = (
            rms(values.reshape(-1, len(order))[:, joints])
            for values in (examples.torque, error, examples.ideal - examples.torque)
        )
        yield f"{name:20}{len(joints):8}{torque:8.2f}{wrong:8.2f}{ideal:20.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--hidden", type=int, nargs="+", default=[32, 32, 32], metavar="UNITS")
    parser.add_argument("--activation", choices=ACTIVATIONS, default="softsign")
    parser.add_argument("--joints", type=int, default=1500, help="joints to learn from")
    parser.add_argument("--seconds", type=float, default=4, help="recorded of each joint")
    parser.add_argument("--updates", type=int, default=12000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)

    torch.set_num_threads(1)  # The network is too small for more.
    drive = Drive()
    began = time.monotonic()
    learn = examples_of(generate(drive, args.joints, args.seconds, [args.seed, 0]), drive)
    others = generate(drive, max(3, args.joints // 4), args.seconds, [args.seed, 1])
    print(f"{len(learn.torque)} examples, {time.monotonic() - began:.0f} s")
    network = train(learn, args.hidden, args.activation, args.updates, args.seed)
    write(args.file, network, drive.torque_max)
    held_out = examples_of(others, drive)
    error = network.torque(held_out.inputs) - held_out.torque
    print(f"{args.file}, on joints that were not learned from:")
    for line in table(others, error, held_out):
        print(line)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Reads an event file with the real tensorboard package.

    read_events.py --check WRITE_EXAMPLE_EVENTS   what the binary wrote must come back
    read_events.py FOLDER                         prints every tag's last value
"""
import subprocess
import sys
import tempfile

from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util


def read(folder):
    """{tag: [(step, wall time, value), ...]}"""
    events = EventAccumulator(folder)
    events.Reload()
    return {
        tag: [(point.step, point.wall_time, point.value) for point in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def read_as_the_server(folder):
    """As read, with what TensorBoard's own server loads events by."""
    events = plugin_event_accumulator.EventAccumulator(folder)
    events.Reload()
    return {
        tag: [
            (point.step, point.wall_time, tensor_util.make_ndarray(point.tensor_proto).item())
            for point in events.Tensors(tag)
        ]
        for tag in events.Tags()["tensors"]
    }


def check(binary):
    """The points after the checkpoint are those of the resumed run, and no others."""
    start = 1700000000.0
    scales = {1: 1, 2: 1, 3: 2}
    expected = {
        "eval/success_rate": [(1000 * i, start + i, 0.25 * i * s) for i, s in scales.items()],
        "rollout/ep_rew_mean": [(1000 * i, start + i, -50.0 / i * s) for i, s in scales.items()],
    }
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([binary, folder], check=True)
        both = [read(folder), read_as_the_server(folder)]
    for actual in both:
        assert actual.keys() == expected.keys(), actual.keys()
        for tag, points in expected.items():
            for point, (step, wall_time, value) in zip(actual[tag], points, strict=True):
                assert point[:2] == (step, wall_time), (tag, point)
                assert abs(point[2] - value) < 1e-5, (tag, point)
    print("tensorboard reads what the learner writes")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        check(sys.argv[2])
    elif len(sys.argv) == 2:
        for name, points in sorted(read(sys.argv[1]).items()):
            print(f"{name}: {len(points)} points, last {points[-1][2]:g} at {points[-1][0]}")
    else:
        sys.exit(__doc__)

#!/usr/bin/env python3
"""Reads an event file with the real tensorboard package.

    read_events.py --check WRITE_EXAMPLE_EVENTS   what the binary wrote must come back
    read_events.py FOLDER                         prints every tag's last value, and what the
                                                  HPARAMS tab shows
"""
import os
import subprocess
import sys
import tempfile

from google.protobuf import json_format
from tensorboard.backend.event_processing import (
    data_provider,
    plugin_event_accumulator,
    plugin_event_multiplexer,
)
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
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
        for tag in events.PluginTagToContent("scalars")
    }


def read_hparams(folder):
    """What the HPARAMS tab shows of the one run below `folder`: settings, metrics, its end."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(folder)
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, folder)
    context = base_plugin.TBContext(data_provider=provider)
    backend = backend_context.Context(context)
    request = api_pb2.ListSessionGroupsRequest(
        slice_size=10, allowed_statuses=api_pb2.Status.values()
    )
    answer = list_session_groups.Handler(RequestContext(), backend, "0", request).run()
    (group,) = answer.session_groups
    (session,) = group.sessions
    shown = {key: json_format.MessageToDict(value) for key, value in group.hparams.items()}
    metrics = {value.name.tag: value.value for value in group.metric_values}
    return shown, metrics, api_pb2.Status.Name(session.status)


def check(binary):
    """The points after the checkpoint are those of the resumed run, and no others."""
    start = 1700000000.0
    scales = {1: 1, 2: 1, 3: 2}
    expected = {
        # A success rate of 0 is a point as well.
        "eval/success_rate": [
            (1000 * i, start + i, 0.25 * (i - 1) * s) for i, s in scales.items()
        ],
        "rollout/ep_rew_mean": [(1000 * i, start + i, -50.0 / i * s) for i, s in scales.items()],
    }
    with tempfile.TemporaryDirectory() as parent:
        folder = os.path.join(parent, "run")
        subprocess.run([binary, folder], check=True)
        both = [read(folder), read_as_the_server(folder)]
        settings, metrics, status = read_hparams(parent)
        videos = EventAccumulator(os.path.join(folder, "videos"))
        videos.Reload()
        (image,) = videos.Images("evaluation")
    for actual in both:
        assert actual.keys() == expected.keys(), actual.keys()
        for tag, points in expected.items():
            for point, (step, wall_time, value) in zip(actual[tag], points, strict=True):
                assert point[:2] == (step, wall_time), (tag, point)
                assert abs(point[2] - value) < 1e-5, (tag, point)
    assert settings == {
        "algorithm.name": "sac",
        "algorithm.sac.gamma": 0.95,
        "replay.hindsight": False,
    }, settings
    assert status == "STATUS_SUCCESS", status
    assert abs(metrics["eval/success_rate"] - 1.0) < 1e-5, metrics
    assert (image.step, image.width, image.height) == (2000, 4, 3), image
    assert image.encoded_image_string == b"GIF89a and more", image
    print("tensorboard reads what the learner writes")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        check(sys.argv[2])
    elif len(sys.argv) == 2:
        for name, points in sorted(read(sys.argv[1]).items()):
            print(f"{name}: {len(points)} points, last {points[-1][2]:g} at {points[-1][0]}")
        print(*read_hparams(os.path.dirname(os.path.abspath(sys.argv[1]))), sep="\n")
    else:
        sys.exit(__doc__)

"""Recorded episodes for tests: on an env server, and made up message by message."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

import armature
from armature import wire
from armature.episode_file import Writer
from armature.tensors import set_tensor

SEED = 3


def towards_goal(observation: Any) -> Any:
    return np.clip(10 * (observation["desired_goal"] - observation["achieved_goal"]), -1, 1)


def record_reach(address: str, folder: pathlib.Path) -> pathlib.Path:
    """Two episodes of Panda Reach: an observation of three fields, meshes, success."""
    path = folder / "reach.episodes"
    env = armature.make(address, "panda_reach")
    armature.record_episodes(path, env, towards_goal, 2, seed=SEED)
    env.close()
    return path


def scene_message(*names: str, colour: float = 0.5) -> Any:
    """`opened` of an environment whose bodies, so named, are a box each."""
    message = wire.WatchResponse()
    spec = message.opened.spec
    spec.id = "boxes"
    spec.observation.add(name="observation", dtype=1, shape=[2])
    spec.action.box.size = 1
    spec.action.box.low.append(-1)
    spec.action.box.high.append(1)
    spec.control_period_s = 0.1
    for i, name in enumerate(names):
        message.opened.scene.body.add(name=name)
        message.opened.scene.shape.add().CopyFrom(box_shape(i, colour))
    return message


def box_shape(body: int, colour: float) -> Any:
    shape = wire.SceneShape(body=body, pose=[0, 0, 0, 0, 0, 0, 1], colour=[colour, 0, 0, 1])
    shape.box.x = shape.box.y = shape.box.z = 1
    return shape


def frame_message(step: int, bodies: int = 1, *, episode: int = 0, last: bool = False) -> Any:
    message = wire.WatchResponse()
    frame = message.frame
    set_tensor(frame.pose, np.full((bodies, 7), step, np.float32))
    frame.episode = episode
    frame.episode_step = step
    frame.time_s = 0.1 * step
    frame.observation.extend([step, -step])
    if step:
        frame.action.append(0.5)
        frame.reward = step
        frame.return_sum = step * (step + 1) / 2
    frame.terminated = last
    return message


def write(path: pathlib.Path, *messages: Any) -> pathlib.Path:
    with Writer(path) as writer:
        for message in messages:
            writer.write(message)
    return path

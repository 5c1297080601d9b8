"""What an env server shows by Watch, made up: for tests of whatever draws it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from armature import wire
from armature.action_spec import ActionSpec
from armature.spec import EnvSpec, FieldSpec, MetricSpec
from armature.tensors import set_tensor

SPEC = EnvSpec(
    id="shapes",
    observation=(FieldSpec("observation", np.dtype("f4"), (2,)),),
    action=ActionSpec((-1.0,), (1.0,)),
    control_period_s=0.1,
    reports_success=True,
    metrics=(MetricSpec("reward/alive", "sum"), MetricSpec("distance_m", "last")),
    has_scene=True,
)
NOWHERE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
RED = (1.0, 0.0, 0.0, 1.0)


def shape(body: int = 0, colour: Sequence[float] = RED, **geometry: Any) -> Any:
    """A SceneShape: shape(box={"x": 1, "y": 2, "z": 3})."""
    return wire.SceneShape(body=body, pose=NOWHERE, colour=colour, **geometry)


def opened(
    shapes: Sequence[Any],
    markers: Sequence[bool] = (False,),
    session_id: int = 0,
    tracked_body: str = "",
) -> Any:
    """With a body for each of `markers`."""
    response = wire.WatchResponse()
    response.opened.session_id = session_id
    response.opened.client = "somebody"
    response.opened.num_envs = 4
    response.opened.spec.CopyFrom(SPEC.to_wire())
    scene = response.opened.scene
    for i, is_marker in enumerate(markers):
        scene.body.add(name=f"body_{i}", is_marker=is_marker)
    scene.shape.extend(shapes)
    scene.camera.add(
        name="front",
        position=[0, -2, 1],
        target=[0, 0, 0.5],
        vertical_field_of_view_deg=60,
        tracked_body=tracked_body,
    )
    return response


def mesh(name: str, vertices: Any, triangles: Any) -> Any:
    response = wire.WatchResponse()
    response.mesh.name = name
    set_tensor(response.mesh.vertex, np.asarray(vertices, np.float32))
    set_tensor(response.mesh.triangle, np.asarray(triangles, np.int32))
    return response


def frame(
    episode: int,
    step: int,
    poses: Sequence[Sequence[float]] = (NOWHERE,),
    contacts: Sequence[Sequence[float]] = (),
    changed: dict[int, Any] | None = None,
    **fields: Any,
) -> Any:
    response = wire.WatchResponse()
    response.frame.episode = episode
    response.frame.episode_step = step
    response.frame.time_s = step * SPEC.control_period_s
    response.frame.metric.extend([1.0, 0.5])
    set_tensor(response.frame.pose, np.asarray(poses, np.float32))
    if contacts:
        set_tensor(response.frame.contact, np.asarray(contacts, np.float32))
    for index, new in (changed or {}).items():
        response.frame.changed_index.append(index)
        response.frame.changed_shape.append(new)
    for name, value in fields.items():
        setattr(response.frame, name, value)
    return response

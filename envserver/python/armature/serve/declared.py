"""What an environment declares beside its spaces, in its ``metadata``, all of it optional:

    metadata = {
        "metrics": {"distance_m": "last"},              # name: "sum", "mean" or "last"
        "parameters": {"radius_m": (0.01, 0.2, 0.05)},  # name: low, high, initial value
        "goal_extra": {"effort": ()},                   # name: shape, of float32
        "executed_action": True,                        # whether it is reported
    }

Values of metrics and goal extras come in `info` of each step, under the same names; so does the
executed action: what was done, as an action of the environment's space, a Box.
Parameters go to `reset(options={"radius_m": 0.05})`, all of them for each episode.
Errors: ArmatureError names the key and what was expected.
Thread safety: free functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from armature.errors import ArmatureError
from armature.spec import AGGREGATIONS, FieldSpec, MetricSpec, ParameterSpec


def declared_metrics(metadata: Any, chosen: Mapping[str, str]) -> tuple[MetricSpec, ...]:
    """Those of `metadata`, then those that `chosen` (--metrics) has beside them.

    Where both name one, `chosen` says how its steps become one number.
    """
    metrics = {**_declared(metadata, "metrics"), **chosen}
    for name, aggregation in metrics.items():
        if not isinstance(aggregation, str) or aggregation not in AGGREGATIONS:
            raise ArmatureError(
                f"metadata['metrics']['{name}'] is {aggregation!r}, expected one of "
                f"{', '.join(AGGREGATIONS)}"
            )
    return tuple(MetricSpec(name, aggregation) for name, aggregation in metrics.items())


def declared_parameters(metadata: Any) -> tuple[ParameterSpec, ...]:
    parameters = []
    for name, values in _declared(metadata, "parameters").items():
        try:
            low, high, initial = (float(value) for value in values)
        except (TypeError, ValueError):
            raise ArmatureError(
                f"metadata['parameters']['{name}'] is {values!r}, expected (low, high, initial)"
            ) from None
        parameters.append(ParameterSpec(name, low, high, initial))
    return tuple(parameters)


def declared_extra(metadata: Any) -> tuple[FieldSpec, ...]:
    fields = []
    for name, shape in _declared(metadata, "goal_extra").items():
        is_shape = isinstance(shape, (tuple, list)) and all(
            isinstance(extent, int) and extent > 0 for extent in shape
        )
        if not is_shape:
            raise ArmatureError(
                f"metadata['goal_extra']['{name}'] is {shape!r}, expected a shape: () or e.g. (3,)"
            )
        fields.append(FieldSpec(name, np.dtype("<f4"), tuple(shape)))
    return tuple(fields)


def declares_executed_action(env: gym.Env[Any, Any]) -> bool:
    """Whether it is declared, for the space that `env` has: one that a wrapper has changed takes
    other actions.
    """
    declared = (env.metadata or {}).get("executed_action", False)
    if not isinstance(declared, bool):
        raise ArmatureError(f"metadata['executed_action'] is {declared!r}, expected a bool")
    layer: Any = env
    while isinstance(layer, gym.Wrapper) and layer.metadata is layer.env.metadata:
        layer = layer.env
    return declared and bool(layer.action_space == env.action_space)


def _declared(metadata: Any, key: str) -> Mapping[str, Any]:
    declared = (metadata or {}).get(key, {})
    if not isinstance(declared, Mapping) or not all(isinstance(name, str) for name in declared):
        raise ArmatureError(f"metadata['{key}'] is {declared!r}, expected a dict by name")
    return declared

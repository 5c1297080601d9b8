"""An env server whose every answer a test writes itself, for what real ones never do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import numpy as np
from program import DEADLINE_S

from armature import wire
from armature.action_spec import ActionSpec
from armature.spec import EnvSpec, FieldSpec
from armature.tensors import set_tensor
from armature.transport import PROTOCOL_VERSION, make_handshake

SPEC = EnvSpec(
    id="scripted",
    observation=(FieldSpec("observation", np.dtype("f4"), (2,)),),
    action=ActionSpec((-1.0,), (1.0,)),
    render_width_px=3,
    render_height_px=2,
)
LEASE_S = 30.0

# Gets the requests after OpenSession, but for heartbeats, which come when a test is slow; yields
# what follows SessionOpened.
Script = Callable[[Iterator[Any]], Iterator[Any]]


def step_batch(step: int, observation: Any, **flags: Any) -> Any:
    """A StepBatch. `observation`: [n, 2]; `flags`: reward, terminated and so on, [n]."""
    rows = np.asarray(observation, np.float32)
    response = wire.RolloutResponse()
    response.step.step = step
    set_tensor(response.step.observation.add(), rows)
    set_tensor(response.step.reward, np.asarray(flags.get("reward", np.zeros(len(rows))), "f4"))
    for name in ("terminated", "truncated", "restarted", "is_success"):
        flag = np.asarray(flags.get(name, np.zeros(len(rows))), np.uint8)
        set_tensor(getattr(response.step, name), flag)
    return response


def frame(slot: int, rgb: Any) -> Any:
    response = wire.RolloutResponse()
    response.frame.slot = slot
    set_tensor(response.frame.rgb, np.asarray(rgb, np.uint8))
    return response


@contextlib.contextmanager
def scripted_server(
    script: Script,
    lease_s: float = LEASE_S,
    spec: Any = None,
    before_describe: Callable[[], Any] = lambda: None,
    on_heartbeat: Callable[[], Any] = lambda: None,
    protocol_version: int = PROTOCOL_VERSION,
) -> Iterator[str]:
    """Runs it; gives its address."""

    def describe(request: Any, context: Any) -> Any:
        before_describe()
        return wire.DescribeResponse(protocol_version=protocol_version, env_ids=[SPEC.id])

    def rollout(requests: Iterator[Any], context: Any) -> Iterator[Any]:
        assert next(requests).WhichOneof("kind") == "open"
        opened = wire.RolloutResponse()
        opened.opened.handshake.CopyFrom(make_handshake("scripted", 1))
        opened.opened.handshake.protocol_version = protocol_version
        opened.opened.spec.CopyFrom(spec or SPEC.to_wire())
        opened.opened.lease_s = lease_s
        yield opened
        yield from script(without_heartbeats(requests))

    def without_heartbeats(requests: Iterator[Any]) -> Iterator[Any]:
        for request in requests:
            if request.WhichOneof("kind") == "heartbeat":
                on_heartbeat()
            else:
                yield request

    handlers = {
        "Describe": grpc.unary_unary_rpc_method_handler(
            describe,
            request_deserializer=wire.DescribeRequest.FromString,
            response_serializer=wire.DescribeResponse.SerializeToString,
        ),
        "Rollout": grpc.stream_stream_rpc_method_handler(
            rollout,
            request_deserializer=wire.RolloutRequest.FromString,
            response_serializer=wire.RolloutResponse.SerializeToString,
        ),
    }
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("armature.v1.EnvService", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        assert server.stop(grace=None).wait(DEADLINE_S)

"""What a session asks of a stream, of either kind: its user's own thread, and gRPC's threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from program import DEADLINE_S
from scripted_server import scripted_server, step_batch

import armature
from armature import stream
from armature.errors import ServerError

FIRST = [[1.0, 2.0], [3.0, 4.0]]
SECOND = [[5.0, 6.0], [7.0, 8.0]]
ACTION = np.zeros((2, 1), np.float32)


def _without_its_parts(*_: Any) -> None:
    raise AttributeError("segregated_call")


@pytest.fixture(params=[stream.OwnThreadStream, stream.ThreadedStream])
def kind(request: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The class of stream that sessions get: the second one with a gRPC without the first's."""
    if request.param is stream.ThreadedStream:
        monkeypatch.setattr(stream.OwnThreadStream, "__init__", _without_its_parts)
    return request.param


def _stream_of(envs: armature.vector.RemoteVectorEnv) -> Any:
    return envs._slots._sessions[0]._stream


def test_steps_and_closes_on_either_stream(kind: Any) -> None:
    ended = threading.Event()

    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield step_batch(0, FIRST)
        for step, request in enumerate(requests, 1):
            assert request.actions.step == step - 1
            yield step_batch(step, SECOND)
        ended.set()  # The client closed its half, and cut nothing off.

    with scripted_server(script) as address:
        envs = armature.make_vec(address, 2)
        assert type(_stream_of(envs)) is kind
        np.testing.assert_array_equal(envs.reset()[0], FIRST)
        for _ in range(50):
            np.testing.assert_array_equal(envs.step(ACTION)[0], SECOND)
        envs.close()
        assert ended.wait(DEADLINE_S)


def test_heartbeats_go_out_while_nobody_waits(kind: Any) -> None:
    beats = threading.Semaphore(0)

    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield step_batch(0, FIRST)
        next(requests)
        yield step_batch(1, SECOND)
        for _ in requests:
            pass

    with scripted_server(script, lease_s=0.3, on_heartbeat=beats.release) as address:
        envs = armature.make_vec(address, 2)
        envs.reset()
        for _ in range(5):  # More than one: the end of each is taken by nobody.
            assert beats.acquire(timeout=DEADLINE_S)
        np.testing.assert_array_equal(envs.step(ACTION)[0], SECOND)
        envs.close()


def test_the_servers_reason_is_raised(kind: Any) -> None:
    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield step_batch(0, FIRST)
        next(requests)
        raise RuntimeError("out of steps")

    with scripted_server(script) as address:
        envs = armature.make_vec(address, 2)
        envs.reset()
        with pytest.raises(ServerError, match=r"step 1.*out of steps"):
            envs.step(ACTION)
        envs.close()


def test_a_session_that_nobody_closes_is_cut_off(kind: Any) -> None:
    reading, ended = threading.Event(), threading.Event()

    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield step_batch(0, FIRST)
        reading.set()
        try:
            for _ in requests:
                pass
        finally:
            ended.set()

    with scripted_server(script) as address:
        envs = armature.make_vec(address, 2)
        session = envs._slots._sessions[0]
        assert reading.wait(DEADLINE_S)
        end = session._end
        end()  # As when it is collected.
        assert not end.alive
        assert ended.wait(DEADLINE_S)
        session._stream.end()  # May be called again.
        with pytest.raises(grpc.RpcError):
            session._stream.receive()
        envs.close()

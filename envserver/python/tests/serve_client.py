"""A server of its own for a test, and a bare gRPC client of it."""

from __future__ import annotations

import os
import pathlib
import queue
import signal
import subprocess
import sys
import urllib.request
from typing import Any

import grpc
import numpy as np
from program import DEADLINE_S, Program

import armature
from armature import wire
from armature.tensors import NUMPY_DTYPES, set_tensor
from armature.transport import CHANNEL_OPTIONS, PROTOCOL_VERSION, make_handshake

TESTS = pathlib.Path(__file__).resolve().parent
PACKAGE = pathlib.Path(armature.__file__).resolve().parent.parent


def run_server(*flags: str) -> subprocess.CompletedProcess[str]:
    """For starts that fail or --list: the server's end and what it said."""
    return subprocess.run(
        _command(flags), capture_output=True, text=True, timeout=DEADLINE_S, **_places()
    )


class Server(Program):
    """``armature-serve`` in a process; to be used in a `with`, which kills it."""

    def __init__(self, *flags: str) -> None:
        command = _command(("--listen", "127.0.0.1:0", *flags))
        super().__init__(command, "envserver ready", **_places())
        words = self.ready.split()
        assert words[:3] == ["envserver", "ready", "on"], self.ready
        self.address = words[3].rstrip(",")
        self.metrics_url = words[5].rstrip(",")
        self.channel = grpc.insecure_channel(self.address, options=CHANNEL_OPTIONS)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.kill()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        return super().stop(number)

    def fork_server(self) -> int:
        return children(self.process.pid)[0]

    def metrics(self) -> dict[str, float]:
        """Each series with its labels, e.g. ``name{env="x"}``, and its value."""
        with urllib.request.urlopen(self.metrics_url, timeout=DEADLINE_S) as page:
            lines = page.read().decode().splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
        return {name: float(value) for name, value in pairs}

    def describe(self, env_id: str = "", **env_config: str) -> Any:
        call = self.channel.unary_unary(
            "/armature.v1.EnvService/Describe",
            wire.DescribeRequest.SerializeToString,
            wire.DescribeResponse.FromString,
        )
        request = wire.DescribeRequest(env_id=env_id, env_config=env_config)
        return call(request, timeout=DEADLINE_S)

    def compute_reward(
        self, env_id: str, achieved: Any, desired: Any, extra: Any = (), **env_config: str
    ) -> tuple[Any, Any]:
        call = self.channel.unary_unary(
            "/armature.v1.EnvService/ComputeReward",
            wire.ComputeRewardRequest.SerializeToString,
            wire.ComputeRewardResponse.FromString,
        )
        request = wire.ComputeRewardRequest(env_id=env_id, env_config=env_config)
        set_tensor(request.achieved_goal, np.asarray(achieved, np.float32))
        set_tensor(request.desired_goal, np.asarray(desired, np.float32))
        for each in extra:
            set_tensor(request.extra.add(), np.asarray(each, np.float32))
        response = call(request, timeout=DEADLINE_S)
        return values(response.reward), values(response.terminated)

    def watch(self, session_id: int = 0, slot: int = 0) -> Any:
        """The first answer."""
        call = self.channel.unary_stream(
            "/armature.v1.EnvService/Watch",
            wire.WatchRequest.SerializeToString,
            wire.WatchResponse.FromString,
        )
        request = wire.WatchRequest(session_id=session_id, slot=slot)
        return next(call(request, timeout=DEADLINE_S))

    def open(self, env_id: str, num_envs: int, **options: Any) -> Client:
        return Client(self.channel, env_id, num_envs, **options)


class Client:
    """One session. grpc.RpcError where the server ends it."""

    def __init__(
        self,
        channel: grpc.Channel,
        env_id: str,
        num_envs: int,
        num_groups: int = 1,
        seed: int = 7,
        first_slot: int = 0,
        env_config: dict[str, str] | None = None,
        metadata: Any = None,
        parameters: dict[str, float] | None = None,
        protocol_version: int = PROTOCOL_VERSION,
        behind_open: Any = None,  # A request sent before SessionOpened has come.
    ) -> None:
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.stream = channel.stream_stream(
            "/armature.v1.EnvService/Rollout",
            wire.RolloutRequest.SerializeToString,
            wire.RolloutResponse.FromString,
        )(iter(self._requests.get, None), timeout=DEADLINE_S, metadata=metadata)
        request = wire.RolloutRequest()
        request.open.handshake.CopyFrom(make_handshake("tester", 5))
        request.open.handshake.protocol_version = protocol_version
        request.open.env_id = env_id
        request.open.num_envs = num_envs
        request.open.num_groups = num_groups
        request.open.seed = seed
        request.open.first_slot = first_slot
        request.open.env_config.update(env_config or {})
        request.open.parameters.update(parameters or {})
        self.send(request)
        if behind_open is not None:
            self.send(behind_open)
        self.opened = self.receive().opened
        self.first = {}
        for _ in range(num_groups):
            batch = self.receive().step
            self.first[batch.group] = batch

    def send(self, request: Any) -> None:
        self._requests.put(request)

    def receive(self) -> Any:
        return next(self.stream)

    def step(self, step: int, actions: Any, group: int = 0) -> Any:
        """`actions` is [n, size]; the StepBatch that answers."""
        self.send_actions(step, actions, group)
        return self.receive().step

    def send_actions(self, step: int, actions: Any, group: int = 0) -> None:
        request = wire.RolloutRequest()
        request.actions.group = group
        request.actions.step = step
        set_tensor(request.actions.action, np.asarray(actions, np.float32))
        self.send(request)

    def reset(self, step: int, seed: int | None = None) -> Any:
        request = wire.RolloutRequest()
        request.reset.step = step
        if seed is not None:
            request.reset.seed = seed
        self.send(request)
        return self.receive().step

    def render(self, slot: int) -> Any:
        request = wire.RolloutRequest()
        request.render.slot = slot
        self.send(request)
        return self.receive().frame

    def save(self, slot: int) -> bytes:
        request = wire.RolloutRequest()
        request.save.slot = slot
        self.send(request)
        state = self.receive().state
        assert state.slot == slot
        return state.state

    def restore(self, slot: int, state: bytes) -> Any:
        """The SlotRestored."""
        request = wire.RolloutRequest()
        request.restore.slot = slot
        request.restore.state = state
        self.send(request)
        return self.receive().restored

    def set_parameters(self, *slots: int, **parameters: float) -> None:
        request = wire.RolloutRequest()
        request.parameters.values.update(parameters)
        request.parameters.slot.extend(slots)
        self.send(request)

    def close(self) -> None:
        """Half-closes and waits until the server has ended the stream."""
        self._requests.put(None)
        for _ in self.stream:
            pass

    def cancel(self) -> None:
        self.stream.cancel()
        self._requests.put(None)


def values(tensor: Any) -> Any:
    """A tensor as an array."""
    dtype = NUMPY_DTYPES[tensor.dtype]
    return np.frombuffer(tensor.packed, dtype).reshape(tuple(tensor.shape))


def children(pid: int) -> list[int]:
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def _command(flags: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "armature.serve.main", *flags]


def _places() -> dict[str, Any]:
    return {"cwd": TESTS, "env": {**os.environ, "PYTHONPATH": str(PACKAGE)}}

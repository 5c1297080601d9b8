"""Environments that break, and what it costs."""

from __future__ import annotations

import os
import pathlib
import select
import signal
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
import serve_envs
from program import DEADLINE_S
from serve_client import Client, Server, children, values

# The lines of serve_envs.py that raise.
_LINES = pathlib.Path(serve_envs.__file__).read_text().splitlines()
THROWS = _LINES.index('            raise ValueError("the fault\\nasked for")') + 1
THROWS_ONCE = _LINES.index('            raise ValueError("once")') + 1
BREAK_IN_SLOT_1 = [[0, 0], [0, 1], [0, 0], [0, 0]]
ZEROS = np.zeros((4, 2))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    flags = ["--env", "serve_envs:faulty", "--workers", "2", "--step_timeout_s", "0.5"]
    with Server(*flags, "--reset_timeout_s", "0.5", "--name", "sim") as running:
        yield running


@pytest.fixture(scope="module")
def rendering() -> Iterator[Server]:
    flags = ["--env", "serve_envs:faulty", "--render", "--step_timeout_s", "0.5"]
    with Server(*flags, "--name", "sim") as running:
        yield running


def open_faulty(server: Server, fault: str, **config: str) -> Client:
    return server.open("faulty", 4, env_config={"fault": fault, **config})


def restarts(server: Server) -> dict[str, float]:
    name = 'armature_envserver_slot_restarts_total{cause="'
    return {
        series[len(name) : -2]: count
        for series, count in server.metrics().items()
        if series.startswith(name)
    }


def rises(server: Server, before: dict[str, float]) -> dict[str, float]:
    return {c: n - before[c] for c, n in restarts(server).items() if n != before[c]}


@pytest.mark.parametrize(
    ("fault", "cause", "text"),
    [
        (
            "throw",
            "threw",
            f"Step threw: ValueError: the fault asked for (serve_envs.py:{THROWS})",
        ),
        ("nan_reward", "not_finite", "reward is nan"),
        ("nan_observation", "not_finite", "observation 'observation'[1] is nan"),
        ("wrong_shape", "malformed", "observation 'observation' has shape [3], expected [2]"),
        (
            "missing_key",
            "malformed",
            "observation has no key 'observation': it is a dict with keys achieved_goal, "
            "desired_goal",
        ),
        ("wrong_dtype", "malformed", "observation 'observation' has dtype <U1, expected float32"),
    ],
)
def test_a_fault_costs_its_own_slot_and_is_named_and_counted(
    server: Server, fault: str, cause: str, text: str
) -> None:
    before = restarts(server)
    client = open_faulty(server, fault)
    batch = client.step(0, BREAK_IN_SLOT_1)
    assert values(batch.restarted).tolist() == [0, 1, 0, 0]
    assert list(batch.fault) == [f"env faulty slot 1 step 1: {text}; simulator replaced"]
    assert values(batch.terminated).tolist() == values(batch.truncated).tolist() == [0] * 4
    assert values(batch.reward)[1] == 0
    assert rises(server, before) == {cause: 1}
    batch = client.step(1, ZEROS)
    assert values(batch.restarted).tolist() == [0] * 4
    assert not batch.fault


@pytest.mark.parametrize(
    ("fault", "cause", "text"),
    [
        ("kill", "crashed", " was killed by SIGKILL"),
        ("exit", "crashed", " ended with status 3"),
        ("hang", "hung", "step has not returned for 500ms (--step_timeout_s)"),
    ],
)
def test_a_worker_that_dies_or_hangs_costs_its_slots_and_no_others(
    server: Server, fault: str, cause: str, text: str
) -> None:
    before = restarts(server)
    bystander = open_faulty(server, "")
    client = open_faulty(server, fault)
    batch = client.step(0, BREAK_IN_SLOT_1)
    assert values(batch.restarted).tolist() == [1, 1, 0, 0]
    assert len(batch.fault) == 2
    assert batch.fault[0].startswith("env faulty slot 0 step 1: ")
    assert batch.fault[0].endswith(text + ", in slot 1 beside it; simulator replaced")
    assert batch.fault[1].startswith("env faulty slot 1 step 1: ")
    assert batch.fault[1].endswith(text + "; simulator replaced")
    assert rises(server, before) == {cause: 2}
    assert not client.step(1, ZEROS).fault
    assert not bystander.step(0, ZEROS).fault


def test_a_replaced_slot_goes_on_with_its_next_episode(server: Server) -> None:
    expected = open_faulty(server, "").reset(0).observation
    for fault in ("throw", "kill"):
        client = open_faulty(server, fault)
        batch = client.step(0, BREAK_IN_SLOT_1)
        for tensor, other in zip(batch.observation, expected):
            assert (values(tensor)[1] == values(other)[1]).all()


def test_a_worker_killed_from_outside_is_replaced_in_the_next_step(server: Server) -> None:
    earlier = children(server.fork_server())
    client = open_faulty(server, "")
    victim = (set(children(server.fork_server())) - set(earlier)).pop()
    kill(victim)
    batch = client.step(0, ZEROS)
    assert sorted(values(batch.restarted).tolist()) == [0, 0, 1, 1]
    assert batch.fault[0].endswith(
        f"worker process {victim} was killed by SIGKILL; simulator replaced"
    )
    assert not client.step(1, ZEROS).fault


def test_a_fault_that_replacing_does_not_cure_ends_the_session(
    server: Server, tmp_path: pathlib.Path
) -> None:
    expected = {
        "throw": "slot 1 step 1: Step threw: ValueError: the fault asked for "
        f"(serve_envs.py:{THROWS}); 3 new simulators in a row failed to begin an episode, the "
        "last: Reset threw: ValueError",
        "kill": "3 new workers in a row failed to begin an episode, the last: worker process",
        "hang": "step has not returned for 500ms (--step_timeout_s); 3 new workers in a row failed "
        "to begin an episode, the last: reset has not returned for 500ms (--reset_timeout_s)",
    }
    for fault, text in expected.items():
        client = open_faulty(server, fault, marker=str(tmp_path / fault))
        with pytest.raises(grpc.RpcError) as caught:
            client.step(0, BREAK_IN_SLOT_1)
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert caught.value.details().startswith("env server sim, env faulty: env faulty slot ")
        assert text in caught.value.details()


def test_a_fault_in_a_reset_is_told_but_voids_no_step(
    server: Server, tmp_path: pathlib.Path
) -> None:
    marker = tmp_path / "marker"
    config = {"fault": "throw_once", "marker": str(marker)}
    server.describe("faulty", **config)
    marker.touch()
    batch = server.open("faulty", 1, env_config=config).first[0]
    assert values(batch.restarted).tolist() == [0]
    assert list(batch.fault) == [
        f"env faulty slot 0 step 0: Reset threw: ValueError: once (serve_envs.py:{THROWS_ONCE}); "
        "simulator replaced"
    ]


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        ("wrong_frame", grpc.StatusCode.INTERNAL, "Render: the frame is uint8 [2, 2, 3]"),
        ("hang", grpc.StatusCode.DEADLINE_EXCEEDED, "render has not returned for 500ms"),
        ("throw", grpc.StatusCode.INTERNAL, "Render threw: ValueError: the fault asked for"),
        ("kill", grpc.StatusCode.INTERNAL, " was killed by SIGKILL"),
    ],
)
def test_a_fault_while_drawing_ends_the_session_by_name(
    rendering: Server, tmp_path: pathlib.Path, fault: str, code: grpc.StatusCode, text: str
) -> None:
    marker = tmp_path / "marker"
    config = {"fault": fault, "marker": str(marker)}
    client = rendering.open("faulty", 2, env_config=config)
    assert client.render(1).slot == 1
    marker.touch()
    with pytest.raises(grpc.RpcError) as caught:
        client.render(1)
    assert caught.value.code() is code
    assert "env faulty slot 1 step 0: " in caught.value.details()
    assert text in caught.value.details()


def test_sessions_go_on_when_the_process_that_starts_workers_dies(server: Server) -> None:
    client = open_faulty(server, "")
    kill(server.fork_server())
    batch = client.step(0, ZEROS)
    assert "the process that starts workers was killed by SIGKILL" in batch.fault[0]
    assert not client.step(1, ZEROS).fault
    assert server.describe("faulty").spec.id == "faulty"


def kill(pid: int) -> None:
    """Returns when the process has ended."""
    end = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    poll = select.poll()
    poll.register(end, select.POLLIN)
    assert poll.poll(1000 * DEADLINE_S)
    os.close(end)

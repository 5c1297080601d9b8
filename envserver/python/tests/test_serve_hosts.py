"""The machine that a server runs on: addresses, CPUs, threads, descriptors, limits, logs."""

from __future__ import annotations

import errno
import mmap
import os
import pathlib
import resource
import select
from typing import Any

import author_envs
import grpc
import numpy as np
import pytest
from serve_client import Server, run_server

from armature.serve.cpus import usable_cpus
from armature.serve.env_source import HostOptions, space_spec
from armature.serve.shared_batch import SharedBatch

ZERO = [[0.0]]


def test_threads_that_an_import_starts_are_in_every_worker() -> None:
    with Server("--env", "threaded_env:threaded", "--step_timeout_s", "20") as server:
        client = server.open("threaded", 2)
        for step in range(3):
            assert not client.step(step, np.zeros((2, 1))).fault
        client.cancel()
        _, said = server.stop()
    assert said.count("starts threads, which a forked process would wait for in vain") == 1


def test_a_worker_of_its_own_interpreter_dies_with_its_server() -> None:
    with Server("--env", "threaded_env:threaded", "--workers", "1") as server:
        server.open("threaded", 1)
        fork_server = server.fork_server()
        path = pathlib.Path(f"/proc/{fork_server}/task/{fork_server}/children")
        ends = [os.pidfd_open(int(pid)) for pid in path.read_text().split()]
        assert ends
        server.process.kill()
        server.process.wait()
        for end in ends:
            assert select_end(end)


def test_a_reset_has_a_limit_of_its_own_and_its_fault_names_it(tmp_path: pathlib.Path) -> None:
    marker = tmp_path / "marker"
    flags = ["--env", "author_envs:slow_reset", "--step_timeout_s", "30"]
    with Server(*flags, "--reset_timeout_s", "0.3", "--name", "sim") as server:
        config = {"marker": str(marker)}
        client = server.open("slow_reset", 1, env_config=config)
        marker.touch()
        with pytest.raises(grpc.RpcError) as caught:
            client.reset(0)
    text = "reset has not returned for 300ms (--reset_timeout_s)"
    assert text in caught.value.details()


def test_an_assertion_is_shown_with_its_place_and_its_traceback() -> None:
    ended = run_server("--env", "author_envs:asserts")
    assert ended.returncode == 1
    assert ended.stderr.startswith("armature-serve: env asserts: making the environment threw: ")
    assert "AssertionError (author_envs.py:" in ended.stderr
    assert "in refuse\n    assert self.observation_space is None" in ended.stdout
    with Server("--env", "author_envs:asserts_later") as server:
        client = server.open("asserts_later", 1)
        faults = [line for step in range(8) for line in client.step(step, ZERO).fault]
        _, said = server.stop()
    assert faults[0].startswith("env asserts_later slot 0 step 4: Step threw: AssertionError (")
    assert "AssertionError (author_envs.py:" in faults[0]
    assert "in refuse\n    assert self.observation_space is None" in said


def test_a_server_listens_where_it_is_told() -> None:
    with Server("--listen", "[::1]:0", "--env", "author_envs:reward") as server:
        assert server.address.startswith("[::1]:")
        assert server.open("reward", 1).step(0, ZERO).step == 1


@pytest.mark.parametrize(
    ("group", "limits", "expected"),
    [
        ("0::/a/b", {"a/b/cpu.max": "max 100000"}, 64),
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/cpu.max": "150000 100000"}, 2),
        ("0::/", {"cpu.max": "100000 100000"}, 1),
        ("0::/elsewhere/on/the/host", {"cpu.max": "300000 100000"}, 3),
        (
            "4:cpu,cpuacct:/docker/x",
            {"cpu,cpuacct/cpu.cfs_quota_us": "50000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            1,
        ),
        ("4:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ("4:memory:/", {}, 64),
    ],
)
def test_workers_follow_the_containers_quota(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    group: str,
    limits: dict[str, str],
    expected: int,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(group + "\n")
    for name, text in limits.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert usable_cpus(tmp_path) == expected
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert usable_cpus(tmp_path) == 1


def open_descriptors(pid: int | str = "self") -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_a_batch_that_cannot_be_mapped_leaves_no_descriptor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = space_spec(author_envs.reward(), "p", HostOptions())

    def fail(*_: Any) -> Any:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr(mmap, "mmap", fail)
    before = open_descriptors()
    with pytest.raises(OSError, match="no memory"):
        SharedBatch(spec, 4, 1)
    assert open_descriptors() == before


def test_sessions_refused_for_want_of_memory_or_descriptors_leave_none() -> None:
    with Server("--env", "author_envs:reward", "--num_envs", "1000000") as server:
        pid = server.process.pid
        server.open("reward", 2).close()
        before = open_descriptors(pid)
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        mapped = int(status.split("VmSize:")[1].split()[0]) * 1024
        resource.prlimit(pid, resource.RLIMIT_AS, (mapped + (40 << 20),) * 2)
        for _ in range(3):
            with pytest.raises(grpc.RpcError) as caught:
                server.open("reward", 400000, num_groups=2)
            assert "Cannot allocate memory" in caught.value.details()
        assert server.describe().slots_free == 1000000
        assert open_descriptors(pid) <= before


def select_end(process: int) -> bool:
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(60000))

"""``armature-serve`` as its clients and its user see it."""

from __future__ import annotations

import os
import pathlib
import select
import signal
import socket
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.wrappers_pb2 import Int32Value, StringValue
from program import DEADLINE_S
from serve_client import PACKAGE, TESTS, Client, Server, children, run_server, values
from serve_envs import Busy

from armature.serve import worker
from armature.serve.cpus import usable_cpus
from armature.serve.env_source import HostOptions, parse_source
from armature.serve.flags import parse_flags
from armature.serve.frames import pack
from armature.serve.worker import job_frame
from armature.spec import EnvSpec

ZERO = np.zeros((1, 2))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    flags = ["--env", "serve_envs:point_mass", "--env", "serve_envs:counter"]
    with Server(*flags, "--env", "CartPole-v1", "--num-envs", "64", "--name", "sim") as running:
        yield running


def play(server: Server, num_envs: int, num_groups: int, steps: int, **options: Any) -> Any:
    """Everything that each slot's rows held, [num_envs] lists of bytes."""
    client = server.open("point_mass", num_envs, num_groups=num_groups, **options)
    random = np.random.default_rng(3)
    size = num_envs // num_groups
    rows: list[list[bytes]] = [[] for _ in range(num_envs)]
    batches = client.first
    for step in range(steps):
        actions = random.uniform(-1, 1, (num_envs, 2))
        for group in range(num_groups):
            client.send_actions(step, actions[group * size : (group + 1) * size], group)
        for _ in range(num_groups):
            batch = client.receive().step
            batches[batch.group] = batch
        for group, batch in batches.items():
            tensors = [*batch.observation, batch.reward, batch.terminated, batch.truncated]
            for row in range(size):
                slot = rows[group * size + row]
                slot.extend(values(tensor)[row].tobytes() for tensor in tensors)
                if row in batch.final_slot:
                    index = list(batch.final_slot).index(row)
                    slot.extend(values(t)[index].tobytes() for t in batch.final_observation)
    client.close()
    return rows


def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()


def test_episodes_depend_on_seed_and_slot_alone(server: Server) -> None:
    whole = play(server, 4, 1, 50)
    assert play(server, 4, 2, 50) == whole
    assert play(server, 2, 1, 1, first_slot=2)[0] != whole[0][: len(whole[0]) // 50]
    assert play(server, 4, 1, 50, seed=8) != whole
    assert len({tuple(rows) for rows in whole}) == 4
    for workers in ("1", "3"):
        with Server("--env", "serve_envs:point_mass", "--workers", workers) as other:
            assert play(other, 4, 1, 50) == whole


def test_a_slot_gives_the_same_episodes_in_another_session(server: Server) -> None:
    both = server.open("point_mass", 2)
    second = server.open("point_mass", 1, first_slot=1)
    assert (values(both.first[0].observation[0])[1] == values(second.first[0].observation[0])).all()


def test_a_reset_with_a_seed_is_as_a_new_session_with_it(server: Server) -> None:
    other = server.open("point_mass", 2, seed=9).first[0]
    client = server.open("point_mass", 2)
    client.step(0, np.ones((2, 2)))
    batch = client.reset(1, seed=9)
    assert batch.step == 0
    assert batch.observation == other.observation
    assert client.reset(0).observation != other.observation
    assert client.reset(0, seed=9).observation == other.observation


def test_the_last_observation_of_an_episode_travels_beside_the_next_ones_first(
    server: Server,
) -> None:
    client = server.open("counter", 2, env_config={"limit": "3"})
    client.step(0, [[1], [2]])
    batch = client.step(1, [[0], [2]])
    names = [field.name for field in client.opened.spec.observation]
    count = names.index("count")
    assert list(batch.final_slot) == [1]
    assert values(batch.terminated).tolist() == [0, 1]
    assert values(batch.final_observation[count]).tolist() == [4]
    assert values(batch.observation[count]).tolist() == [1, 0]
    assert values(batch.reward).tolist() == [0, 2]


def test_the_horizon_truncates_and_termination_wins(server: Server) -> None:
    client = server.open("point_mass", 1, env_config={"terminate_on_success": "false"})
    assert client.opened.spec.horizon == 20
    for step in range(20):
        batch = client.step(step, ZERO)
        assert values(batch.truncated).tolist() == [step == 19]
    assert values(batch.terminated).tolist() == [0]


def test_success_is_reported_where_the_environment_does(server: Server) -> None:
    assert server.describe("point_mass").spec.reports_success
    assert not server.describe("counter").spec.reports_success
    client = server.open("point_mass", 1)
    names = [field.name for field in client.opened.spec.observation]
    batch, successes = client.first[0], 0
    for step in range(40):
        goal = values(batch.observation[names.index("desired_goal")])
        place = values(batch.observation[names.index("achieved_goal")])
        batch = client.step(step, np.clip(10 * (goal - place), -1, 1))
        successes += int(values(batch.is_success)[0])
        assert values(batch.is_success).tolist() == values(batch.terminated).tolist()
    assert successes > 0


def test_env_config_reaches_the_environment_and_unknown_keys_are_named(server: Server) -> None:
    code, text = refusal(lambda: server.describe("counter", limt="3"))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text.startswith("env server sim, env counter: ")
    assert "env_config key 'limt' is not known to the environment: TypeError: " in text
    assert server.describe("CartPole-v1", max_episode_steps="7").spec.horizon == 7
    code, text = refusal(lambda: server.describe("CartPole-v2"))
    assert code is grpc.StatusCode.NOT_FOUND
    assert "did you mean 'CartPole-v1'? Hosted here: CartPole-v1, counter, point_mass" in text


def test_rewards_of_many_goals_agree_with_the_steps(server: Server) -> None:
    client = server.open("point_mass", 3)
    names = [field.name for field in client.opened.spec.observation]
    batch = client.step(0, np.ones((3, 2)))
    goals = [values(batch.observation[names.index(f"{w}_goal")]) for w in ("achieved", "desired")]
    reward, terminated = server.compute_reward("point_mass", *goals)
    assert reward.tolist() == values(batch.reward).tolist()
    assert terminated.tolist() == [0, 0, 0]
    code, text = refusal(lambda: server.compute_reward("counter", ZERO, ZERO))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert text == "env server sim, env counter: the environment has no goal"
    code, text = refusal(lambda: server.compute_reward("point_mass", ZERO, np.zeros((2, 2))))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "desired_goal: shape is [2,2], expected [1,2]" in text


def test_slots_run_out_and_are_free_once_their_session_has_ended() -> None:
    with Server("--env", "serve_envs:point_mass", "--num-envs", "16", "--name", "sim") as server:
        first = server.open("point_mass", 12)
        assert server.describe().slots_free == 4
        code, text = refusal(lambda: server.open("point_mass", 5))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        expected = "env server sim, env point_mass: num_envs is 5, but 4 of 16 slots are free"
        assert text == expected
        first.close()
        second = server.open("point_mass", 16)
        workers = [os.pidfd_open(pid) for pid in children(server.fork_server())]
        second.cancel()
        # All but the probe's: those of the session have nothing to do any more.
        assert sum(signal_of_end(end) for end in workers[1:]) == len(workers) - 1
        server.open("point_mass", 16)


def test_two_outstanding_batches_of_a_group_are_refused(server: Server) -> None:
    client = server.open("point_mass", 1)
    for _ in range(2):
        client.send_actions(0, ZERO)

    def answers() -> None:
        while True:
            client.receive()

    code, text = refusal(answers)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "expected one at a time" in text or "step is 0, expected 1" in text


def test_health_is_told_as_grpc_health_does(server: Server) -> None:
    check = server.channel.unary_unary(
        "/grpc.health.v1.Health/Check", StringValue.SerializeToString, Int32Value.FromString
    )
    for service in ("", "armature.v1.EnvService"):
        assert check(StringValue(value=service), timeout=DEADLINE_S).value == 1
    code, _ = refusal(lambda: check(StringValue(value="nobody"), timeout=DEADLINE_S))
    assert code is grpc.StatusCode.NOT_FOUND


def test_steps_sessions_and_refusals_are_counted_by_the_series_of_every_server(
    server: Server,
) -> None:
    before = server.metrics()
    client = server.open("CartPole-v1", 4, num_groups=2)
    client.step(0, [[0], [1]], group=1)
    refusal(lambda: server.describe("nobody"))
    after = server.metrics()

    def rise(name: str) -> float:
        return after[name] - before[name]

    assert rise('armature_envserver_steps_total{env="CartPole-v1"}') == 2
    assert rise("armature_envserver_step_duration_seconds_count") == 1
    assert rise("armature_envserver_actions_wait_seconds_count") == 1
    assert rise('armature_envserver_refusals_total{reason="not_found"}') == 1
    assert after["armature_envserver_slots"] == 64
    assert after["armature_envserver_slots_in_use"] >= 4
    assert after["armature_envserver_sessions"] >= 1
    assert 'armature_envserver_slot_restarts_total{cause="crashed"}' in after
    assert any(name.startswith('armature_build_info{compiler="CPython') for name in after)
    assert not any(name.endswith("_created") for name in after)
    page = urllib.request.urlopen(server.metrics_url.replace("metrics", "healthz"), timeout=5)
    assert page.read() == b"ok\n"


def test_time_and_memory_are_those_of_the_server_and_of_its_workers() -> None:
    with Server("--env=serve_envs:Busy", "--workers=1") as server:
        before = server.metrics()
        client = server.open("Busy", 1)
        client.step(0, Busy.COMPUTE)  # Its worker computes for a while.
        after = server.metrics()
    cpu, memory = "armature_process_cpu_seconds_total", "armature_process_resident_memory_bytes"
    ticks = 0.03  # The kernel counts in hundredths of a second, for each process.
    assert after[cpu] - before[cpu] >= Busy.CPU_S - ticks
    # Server, fork server and worker are a Python each.
    assert 3e7 < after[memory] < 1e11


def test_frames_are_those_of_render_and_stepping_goes_on(python_server: str) -> None:
    with grpc.insecure_channel(python_server) as channel:
        client = Client(channel, "point_mass", 2)
        spec = EnvSpec.from_wire(client.opened.spec)
        assert (spec.render_width_px, spec.render_height_px) == (24, 16)
        frame = values(client.render(1).rgb)
        assert frame.shape == (16, 24, 3)
        assert frame[0, 0].tolist()[1:] == [7, 9]
        assert client.step(0, np.zeros((2, 2))).step == 1


def test_without_render_frames_are_refused(server: Server) -> None:
    client = server.open("point_mass", 1)
    code, text = refusal(lambda: client.render(0))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert text == "env server sim, env point_mass: the environment does not render"


def test_a_silent_client_loses_its_slots() -> None:
    flags = ["--env", "serve_envs:point_mass", "--num_envs", "2", "--lease_s", "0.2"]
    with Server(*flags) as server:
        client = server.open("point_mass", 2)
        assert client.opened.lease_s == 0.2
        code, text = refusal(client.receive)
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "nothing came for 200ms: the session lost its slots" in text
        assert server.metrics()["armature_envserver_leases_expired_total"] == 1
        server.open("point_mass", 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_tells_the_clients_and_leaves_no_process(number: int) -> None:
    with Server("--env", "serve_envs:point_mass", "--name", "sim", "--workers", "2") as server:
        client = server.open("point_mass", 4)
        fork_server = server.fork_server()
        processes = [fork_server, *children(fork_server)]
        assert len(processes) >= 4
        status, said = server.stop(number)
        code, text = refusal(client.receive)
        assert (code, text) == (grpc.StatusCode.UNAVAILABLE, "env server sim is shutting down")
        assert (status, said.splitlines()[-1]) == (0, "envserver stopped")
        assert not [pid for pid in processes if alive(pid)]


def test_a_killed_server_leaves_no_process() -> None:
    with Server("--env", "serve_envs:point_mass", "--workers", "2") as server:
        server.open("point_mass", 4)
        fork_server = server.fork_server()
        ends = [os.pidfd_open(pid) for pid in (fork_server, *children(fork_server))]
        server.process.kill()
        for end in ends:
            assert signal_of_end(end)


def test_the_ready_line_says_how_many_workers_there_may_be(server: Server) -> None:
    assert f", up to {usable_cpus()} worker" in server.ready


def test_the_port_file_and_the_ready_line_agree(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "ports"
    with Server("--env", "CartPole-v1", "--port-file", str(path), "--workers=3") as server:
        address, metrics = path.read_text().splitlines()
        assert server.ready == (
            f"envserver ready on {address}, metrics http://{metrics}/metrics, 3 workers, "
            "environments: CartPole-v1\n"
        )


def test_list_prints_a_line_for_each_environment() -> None:
    ended = run_server("--list", "--env", "Pendulum-v1", "--env", "serve_envs:counter")
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert lines[0] == "Pendulum-v1: observation float32 [3]; action Box 1"
    assert lines[1].startswith("counter: ")
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("env", "status", "expected"),
    [
        (
            "no_such_module:Env-v0",
            2,
            f"there is no module no_such_module in {TESTS}, where the server was started, nor in "
            f"PYTHONPATH ({PACKAGE}), nor among what is installed for {sys.executable}",
        ),
        ("NoSuchEnv-v0", 1, "NameNotFound: Environment `NoSuchEnv` doesn't exist"),
        ("serve_envs:autoreset", 2, "take the wrapper off"),
        ("serve_envs:text_space", 2, "the space Text(1, 5"),
        ("serve_envs:unbounded_action", 2, "TransformAction(env, lambda action: action, "),
        ("serve_envs:nothing", 2, "returned a NoneType, expected a gymnasium.Env"),
        ("serve_envs:dies_at_start", 1, "was killed by SIGSEGV"),
    ],
)
def test_what_cannot_be_hosted_is_one_line_before_serving(
    env: str, status: int, expected: str
) -> None:
    ended = run_server("--env", env, "--listen", "127.0.0.1:0")
    assert ended.returncode == status
    assert ended.stdout == ""
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith(f"armature-serve: env {env.rpartition(':')[2]}: ")
    assert expected in line


def test_an_environment_that_does_not_start_in_time_is_one_line() -> None:
    ended = run_server("--env", "serve_envs:forgets_to_return", "--start_timeout_s", "0.3")
    assert ended.returncode == 1
    assert "making the environment has not returned for 300ms (--start_timeout_s)" in ended.stderr


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--env", "CartPole-v1", "--slot", "2"], "unrecognized arguments: --slot"),
        ([], "give at least one --env"),
        (["--env", "CartPole-v1", "--workers", "x"], "expected a whole number in 0..1024"),
    ],
)
def test_wrong_flags_are_one_line(
    flags: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_flags(flags)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("armature-serve: ")
    assert expected in line


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--listen", "0.0.0.0:0"], "refuses to listen on 0.0.0.0:0"),
        (["--env", "CartPole-v1"], "'CartPole-v1' is given twice"),
        (
            ["--listen=127.0.0.1:0", "--metrics-listen=0.0.0.0:0"],
            "metrics address 0.0.0.0:0 is not loopback",
        ),
    ],
)
def test_flags_that_cannot_be_followed_are_one_line(flags: list[str], expected: str) -> None:
    ended = run_server("--env", "CartPole-v1", *flags)
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith("armature-serve: ")
    assert expected in line


def test_a_taken_port_is_one_line(server: Server) -> None:
    ended = run_server("--env", "CartPole-v1", "--listen", server.address)
    assert (ended.returncode, ended.stderr) == (
        1,
        f"armature-serve: cannot listen on {server.address}; is the port taken?\n",
    )


def test_a_worker_whose_server_has_gone_in_the_middle_of_a_call_ends_quietly() -> None:
    ours, theirs = socket.socketpair()
    job = job_frame(parse_source("serve_envs:point_mass"), {}, HostOptions())
    ours.sendall(pack(job) + pack(b"P"))
    ours.close()
    assert worker.run(theirs.detach()) == 0


def test_the_fork_server_has_not_loaded_grpc(server: Server) -> None:
    maps = pathlib.Path(f"/proc/{server.fork_server()}/maps").read_text()
    assert "cygrpc" not in maps


def alive(pid: int) -> bool:
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def signal_of_end(process: int) -> bool:
    """Whether a process (pidfd) ends within the deadline."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(DEADLINE_S * 1000))

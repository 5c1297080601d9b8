#!/usr/bin/env python3
"""What somebody who watches costs an env server that steps as fast as it can.

    bazel build //envserver
    pip install ./envserver/python
    tests/benchmarks/watch_benchmark.py bazel-bin/envserver/envserver

One client steps one environment with no pause between an answer and the next action. Nobody, a
viewer of at most 30 frames a second and one of every step take turns, each for some seconds, in an
order that moves on from round to round; so what else the machine does meets all alike. The viewer
is a process of its own and reads all that comes.

For each environment a line for each kind of viewer, with the ratio to the same round without one,
as "median (quartiles)": CPU time of the server's threads (user and system, from its CPU clock) per
environment step, and environment steps a second of wall time. Of the two, the CPU time is the one
that other work on the machine hardly moves.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from armature import wire
from armature.connection import SERVICE, Connection
from armature.session import RemoteSession
from armature.transport import TransportOptions

VIEWERS = {"30 frames/s": 30.0, "every step": 0.0}  # WatchRequest.frames_per_s_max


@dataclasses.dataclass(frozen=True)
class Turn:
    steps_per_s: float
    cpu_us: float  # Of the server, per step.
    frames_per_s: float  # That the viewer got.


def connect(address: str) -> Connection:
    return Connection(address, TransportOptions(), 30.0)


def view(address: str, session_id: int, frames_per_s_max: float) -> None:
    """Reads slot 0's frames until it is killed, then prints how many came."""
    connection = connect(address)
    call = connection.channel.unary_stream(
        SERVICE + "Watch",
        request_serializer=wire.WatchRequest.SerializeToString,
        response_deserializer=lambda message: message,  # As cheap as it gets.
    )(wire.WatchRequest(session_id=session_id, frames_per_s_max=frames_per_s_max))
    call.initial_metadata()
    print("follows", flush=True)
    messages = 0
    try:
        for _ in call:
            messages += 1
    except KeyboardInterrupt:
        print(messages, flush=True)


class Viewer:
    """A process that watches, until it is left."""

    def __init__(self, address: str, session_id: int, frames_per_s_max: float) -> None:
        self.messages = 0
        command = [sys.executable, __file__, "--view", address, str(session_id)]
        self._process = subprocess.Popen(
            [*command, str(frames_per_s_max)], stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Viewer:
        if self._process.stdout.readline() != "follows\n":
            sys.exit("the viewer could not watch")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(2)
        self.messages = int(self._process.communicate()[0] or 0)


class Server:
    def __init__(self, program: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        ports = pathlib.Path(self._folder.name) / "ports"
        self._process = subprocess.Popen(
            [program, "--listen=127.0.0.1:0", "--metrics_listen=off", f"--port_file={ports}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in self._process.stdout:
            if "envserver ready" in line:
                break
        else:
            sys.exit(f"{program} ended with status {self._process.wait()}")
        self.address = ports.read_text().splitlines()[0]
        self._clock = ~self._process.pid << 3 | 2  # clock_getcpuclockid(3)

    def cpu_s(self) -> float:
        return time.clock_gettime(self._clock)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()


def step_for(session: RemoteSession, seconds: float) -> int:
    """Random actions, drawn beforehand; returns how many steps there were."""
    space = session.spec.action.space()
    actions = [space.sample()[np.newaxis] for _ in range(64)]
    steps = 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        session.send_actions(actions[steps % len(actions)])
        session.receive()
        steps += 1
    return steps


def measure(server: Server, session: RemoteSession, seconds: float) -> tuple[int, float, float]:
    """Steps, wall seconds and the server's CPU seconds."""
    step_for(session, 0.2)  # The scene has been shown, and all that is allocated is.
    cpu, began = server.cpu_s(), time.perf_counter()
    steps = step_for(session, seconds)
    return steps, time.perf_counter() - began, server.cpu_s() - cpu


def take_turn(server: Server, session: RemoteSession, rate: float | None, seconds: float) -> Turn:
    """`rate`: of the viewer; None: nobody watches."""
    messages = 0
    if rate is None:
        steps, wall_s, cpu_s = measure(server, session, seconds)
    else:
        with Viewer(server.address, session.session_id, rate) as viewer:
            steps, wall_s, cpu_s = measure(server, session, seconds)
        messages = viewer.messages
    return Turn(steps / wall_s, 1e6 * cpu_s / steps, messages / (wall_s + 0.2))


def spread(values: list[float], digits: int) -> str:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} ({low:.{digits}f} .. {high:.{digits}f})"


def benchmark(program: str, env: str, rounds: int, seconds: float) -> None:
    server = Server(program)
    session = RemoteSession(connect(server.address), env, 1, config={}, seed=1)
    step_for(session, 1)
    kinds: list[str] = ["nobody", *VIEWERS]
    turns: dict[str, list[Turn]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        first = number % len(kinds)
        for kind in kinds[first:] + kinds[:first]:
            turns[kind].append(take_turn(server, session, VIEWERS.get(kind), seconds))
    session.close()
    server.stop()
    for kind in kinds:
        cpu, rate, frames = (
            statistics.median(column)
            for column in zip(
                *((turn.cpu_us, turn.steps_per_s, turn.frames_per_s) for turn in turns[kind])
            )
        )
        pairs = list(zip(turns[kind], turns["nobody"]))
        cpu_ratio = spread([one.cpu_us / other.cpu_us for one, other in pairs], 3)
        rate_ratio = spread([one.steps_per_s / other.steps_per_s for one, other in pairs], 3)
        print(
            f"| {env} | {kind} | {cpu:.1f} | {cpu_ratio} | {rate:,.0f} | {rate_ratio} "
            f"| {frames:,.0f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", help="//envserver, built")
    parser.add_argument("--env", nargs="+", default=["panda_reach", "cartpole"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=4)
    flags = parser.parse_args()
    print("| environment | watched by | CPU us a step | ratio | steps/s | ratio | frames/s |")
    print("|---|---|---|---|---|---|---|")
    for env in flags.env:
        benchmark(flags.program, env, flags.rounds, flags.seconds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--view"]:
        view(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    else:
        main()

#!/usr/bin/env python3
"""What somebody who watches costs an env server that steps as fast as it can.

    bazel build //envserver
    pip install ./envserver/python
    tests/benchmarks/watch_benchmark.py bazel-bin/envserver/envserver

One client steps one environment with no pause between an answer and the next action. Nobody
and viewers of at most 1 and 30 frames a second and of every step take turns, each for half a
second, in an order that moves on from round to round; so what else the machine does meets all
alike. The viewer is a process of its own and reads all that comes. That of 1 frame a second costs
little but the copy that each step of a watched slot makes.

For each environment a line for each kind of viewer, with the ratio to the same round without one,
as "median (quartiles)": CPU time of the server's threads (user and system, from its CPU clock) per
environment step, and environment steps a second of wall time. Of the two, the CPU time is the one
that other work on the machine hardly moves.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable

import grpc
import numpy as np

from armature import wire
from armature.connection import SERVICE, Connection
from armature.session import RemoteSession
from armature.transport import TransportOptions

WARM_UP_S = 0.2  # In which the scene and its meshes are sent.
VIEWERS = {"1 frame/s": 1.0, "30 frames/s": 30.0, "every step": 0.0}  # frames_per_s_max


@dataclasses.dataclass(frozen=True)
class Turn:
    steps_per_s: float
    cpu_us: float  # Of the server, per step.
    messages_per_s: float  # That the viewer got: frames, and once the scene and its meshes.


def connect(address: str) -> Connection:
    return Connection(address, TransportOptions(), 30.0)


def view(address: str, session_id: int) -> None:
    """The viewer's process. Watches slot 0 from each line of stdin, a rate, to the next, an empty
    one. Answers each line, when it follows and with the number of messages that came."""
    connection = connect(address)
    watch = connection.channel.unary_stream(
        SERVICE + "Watch",
        request_serializer=wire.WatchRequest.SerializeToString,
        response_deserializer=lambda message: message,  # As cheap as it gets.
    )
    for line in sys.stdin:
        call = watch(wire.WatchRequest(session_id=session_id, frames_per_s_max=float(line)))
        call.initial_metadata()
        print("follows", flush=True)
        frames: list[bytes] = []
        reader = threading.Thread(target=read_all, args=(call, frames))
        reader.start()
        sys.stdin.readline()
        call.cancel()
        reader.join()
        print(len(frames), flush=True)


def read_all(call: Iterable[bytes], frames: list[bytes]) -> None:
    with contextlib.suppress(grpc.RpcError):  # It is cancelled.
        frames.extend(call)


class Viewer:
    """A process that watches when it is told to."""

    def __init__(self, address: str, session_id: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--view", address, str(session_id)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, line: str) -> str:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit("the viewer has ended")
        return answer

    def stop(self) -> None:
        self._process.communicate("")


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


def take_turn(
    server: Server, session: RemoteSession, viewer: Viewer, rate: float | None, seconds: float
) -> Turn:
    """`rate`: of the viewer; None: nobody watches."""
    if rate is not None:
        viewer.ask(str(rate))
    step_for(session, WARM_UP_S)
    cpu_s, began = server.cpu_s(), time.perf_counter()
    steps = step_for(session, seconds)
    wall_s, cpu_s = time.perf_counter() - began, server.cpu_s() - cpu_s
    frames = 0 if rate is None else int(viewer.ask(""))
    return Turn(steps / wall_s, 1e6 * cpu_s / steps, frames / (WARM_UP_S + wall_s))


def spread(values: list[float], digits: int) -> str:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} ({low:.{digits}f} .. {high:.{digits}f})"


def benchmark(program: str, env: str, rounds: int, seconds: float) -> None:
    server = Server(program)
    session = RemoteSession(connect(server.address), env, 1, config={}, seed=1)
    viewer = Viewer(server.address, session.session_id)
    step_for(session, 1)
    kinds: list[str] = ["nobody", *VIEWERS]
    turns: dict[str, list[Turn]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        first = number % len(kinds)
        for kind in kinds[first:] + kinds[:first]:
            turns[kind].append(take_turn(server, session, viewer, VIEWERS.get(kind), seconds))
    viewer.stop()
    session.close()
    server.stop()
    for kind in kinds:
        cpu, rate, messages = (
            statistics.median(column)
            for column in zip(
                *((turn.cpu_us, turn.steps_per_s, turn.messages_per_s) for turn in turns[kind])
            )
        )
        pairs = list(zip(turns[kind], turns["nobody"]))
        cpu_ratio = spread([one.cpu_us / other.cpu_us for one, other in pairs], 3)
        rate_ratio = spread([one.steps_per_s / other.steps_per_s for one, other in pairs], 3)
        print(
            f"| {env} | {kind} | {cpu:.1f} | {cpu_ratio} | {rate:,.0f} | {rate_ratio} "
            f"| {messages:,.0f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", help="//envserver, built")
    parser.add_argument("--env", nargs="+", default=["panda_reach", "cartpole"])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=0.5)
    flags = parser.parse_args()
    print("| environment | watched by | CPU us a step | ratio | steps/s | ratio | messages/s |")
    print("|---|---|---|---|---|---|---|")
    for env in flags.env:
        benchmark(flags.program, env, flags.rounds, flags.seconds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--view"]:
        view(sys.argv[2], int(sys.argv[3]))
    else:
        main()

"""Env steps per second of armature.make_vec, beside the same environments stepped in C++.

    bazel build //envserver //envserver:service_benchmark
    pip install ./envserver/python
    python tests/benchmarks/vector_benchmark.py [--env anymal] [--num_envs 100] [--rounds 5]

In turn, several times over: the benchmark InProcess of service_benchmark, which steps the slots in
one process on two threads; and make_vec, whose env server has two threads too. Both with actions of
0. Prints the medians, their ratio and its range.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np

import armature

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def steps_in_cpp(env: str, num_envs: int, seconds: float) -> float:
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            [REPOSITORY / "bazel-bin/envserver/service_benchmark",
             f"--benchmark_filter=InProcess/{env}/{num_envs}/",
             f"--benchmark_min_time={seconds}",
             f"--benchmark_out={out.name}"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        report = pathlib.Path(out.name).read_text()
    if not report:
        raise SystemExit(f"service_benchmark has no InProcess/{env}/{num_envs}")
    return json.loads(report)["benchmarks"][0]["items_per_second"]


def steps_in_python(address: str, env: str, num_envs: int, seconds: float) -> float:
    envs = armature.make_vec(address, num_envs, env, seed=1)
    envs.reset()
    actions = np.zeros(envs.action_space.shape, np.float32)
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        envs.step(actions)
        steps += num_envs
    rate = steps / (time.perf_counter() - start)
    envs.close()
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", default="anymal")
    parser.add_argument("--num_envs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    flags = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/envserver"
        server = subprocess.Popen(
            [REPOSITORY / "bazel-bin/envserver/envserver", "--listen", address, "--threads", "2",
             "--metrics_listen", "off"],
            stdout=subprocess.PIPE, text=True)
        try:
            while "ready on" not in server.stdout.readline():
                if server.poll() is not None:
                    raise SystemExit(f"the env server ended with status {server.returncode}")
            cpp, python = [], []
            for _ in range(flags.rounds):
                cpp.append(steps_in_cpp(flags.env, flags.num_envs, flags.seconds))
                python.append(steps_in_python(address, flags.env, flags.num_envs, flags.seconds))
        finally:
            server.terminate()
            server.wait()
    ratios = [b / a for a, b in zip(cpp, python)]
    print(f"{flags.env}, {flags.num_envs} environments, {flags.rounds} rounds")
    print(f"C++ in process  {statistics.median(cpp):10,.0f} env steps/s")
    print(f"make_vec        {statistics.median(python):10,.0f} env steps/s")
    print(f"ratio           {statistics.median(ratios):10.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()

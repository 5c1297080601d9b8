"""Steps per second through the bridge, beside gymnasium's AsyncVectorEnv.

usage: bridge_benchmark.py [--env ID ...] [--num_envs 8] [--rounds 5] [--seconds 3]

For each environment, in turn and several times over: armature-serve, which this starts,
driven by armature.make_vec; and gymnasium.vector.AsyncVectorEnv, one process for each
environment, in the same autoreset mode. Random actions, drawn beforehand. Prints a
Markdown table of medians and their ratio.
"""

import argparse
import importlib
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import gymnasium
from gymnasium.vector import AsyncVectorEnv, AutoresetMode

import armature


class Server:
    def __init__(self, env):
        self.folder = tempfile.TemporaryDirectory()
        ports = pathlib.Path(self.folder.name) / "ports"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "armature.serve.main", "--env", env, "--listen=127.0.0.1:0",
             "--metrics_listen=off", f"--port_file={ports}"], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if "envserver ready" in line:
                break
        else:
            sys.exit(f"armature-serve ended with status {self.process.wait()}")
        self.address = ports.read_text().splitlines()[0]

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def make_one(env):
    module, _, env_id = env.rpartition(":")
    if module:
        importlib.import_module(module)
    return gymnasium.make(env_id)


def steps_per_second(envs, seconds):
    envs.reset(seed=1)
    actions = [envs.action_space.sample() for _ in range(64)]
    steps = 0
    end = time.perf_counter() + seconds
    started = time.perf_counter()
    while (now := time.perf_counter()) < end:
        envs.step(actions[steps % len(actions)])
        steps += 1
    return steps * envs.num_envs / (now - started)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--num_envs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    args = parser.parse_args()
    print(f"| {args.num_envs} envs, steps/s | armature-serve + make_vec | AsyncVectorEnv | ratio |")
    print("|---|---|---|---|")
    for env in args.env or ["CartPole-v1", "Pendulum-v1"]:
        server = Server(env)
        ours = armature.make_vec(server.address, args.num_envs)
        theirs = AsyncVectorEnv([lambda env=env: make_one(env)] * args.num_envs,
                                autoreset_mode=AutoresetMode.SAME_STEP)
        rates = [(steps_per_second(ours, args.seconds), steps_per_second(theirs, args.seconds))
                 for _ in range(args.rounds)]
        ours.close()
        theirs.close()
        server.stop()
        ratio = statistics.median(one / other for one, other in rates)
        ours_rate, their_rate = (statistics.median(side) for side in zip(*rates))
        print(f"| {env.rpartition(':')[2]} | {ours_rate:,.0f} | {their_rate:,.0f} | {ratio:.2f} |",
              flush=True)


if __name__ == "__main__":
    main()

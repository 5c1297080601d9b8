"""A quadruped's physics beside MuJoCo's.

usage: quadruped_benchmark.py --binary quadruped_benchmark [--rounds 5] [--seconds 3]

Physics steps of 4 ms of a quadruped with 12 joints on a plane, where only its feet collide, held
near its stance by PD control (30 N.m/rad, 1 N.m.s/rad) whose targets trot: ours
(//envserver/bullet:quadruped_benchmark) and mjbatch's, with the Go1 of the wheel mjlab: a batch of
64, one thread, 5 steps a call, so hardly any Python in its loop; integrator implicitfast, 10
iterations, MuJoCo's solvers PGS and Newton. Both start from their stance every 500 steps.

One after the other in each round, one core, seconds of CPU time. Prints a Markdown table: medians,
and the median and quartiles of the rounds' ratios, since machines drift.

pip: mjbatch==0.1.4, mjlab (--no-deps will do).
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import mujoco
import numpy as np
from mjbatch import Batch

# As in envserver/bullet/quadruped_benchmark.cc.
STEP_S = 0.004
STEPS_PER_TARGET = 5
STEPS_PER_EPISODE = 500
STIFFNESS, DAMPING = 30, 1
GAIT = 2 * np.pi * 3
STRIDE = 0.1
SIMULATIONS = 64
LEGS = ["FR", "FL", "RR", "RL"]
STANCE = {"hip": 0, "thigh": 0.9, "calf": -1.8}
HEIGHT = 0.3


def ours(binary, name, seconds):
    with tempfile.NamedTemporaryFile() as report:
        subprocess.run([binary, f"--benchmark_filter=^StepQuadruped/{name}$",
                        f"--benchmark_out={report.name}", "--benchmark_out_format=json",
                        f"--benchmark_min_time={seconds}"], check=True, capture_output=True)
        result = json.load(report)["benchmarks"][0]
    return result["items_per_second"], result["contacts"], result["height"]


def go1_xml():
    for folder in sys.path:
        found = pathlib.Path(folder) / "mjlab/asset_zoo/robots/unitree_go1/xmls/go1.xml"
        if found.exists():
            return str(found)
    raise SystemExit("the wheel mjlab is not installed")


class Go1:
    def __init__(self, solver):
        spec = mujoco.MjSpec.from_file(go1_xml())
        spec.option.timestep = STEP_S
        spec.option.iterations = 10
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        spec.option.solver = solver
        for geom in spec.geoms:
            is_foot = geom.name.endswith("_foot_collision")
            geom.contype, geom.conaffinity = 0, int(is_foot)
            if is_foot:
                geom.condim, geom.priority, geom.friction[0] = 3, 1, 0.6
        plane = spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1])
        plane.contype, plane.conaffinity = 1, 0
        for leg in LEGS:
            for part in STANCE:
                name = f"{leg}_{part}_joint"
                actuator = spec.add_actuator(name=name, target=name,
                                             trntype=mujoco.mjtTrn.mjTRN_JOINT)
                actuator.set_to_position(kp=STIFFNESS, kv=DAMPING)
        self.model = spec.compile()
        self.batch = Batch(self.model, SIMULATIONS, num_threads=1)
        self.control, self.position = self.batch.bind("ctrl"), self.batch.bind("qpos")
        self.velocity = self.batch.bind("qvel")
        self.stance = np.array([STANCE[part] for _ in LEGS for part in STANCE], dtype=float)
        self.start = np.concatenate([[0, 0, HEIGHT, 1, 0, 0, 0], self.stance])

    def target(self, step):
        swing = STRIDE * np.sin(GAIT * STEP_S * step + np.array([np.pi, 0, 0, np.pi]))
        return self.stance + np.stack([0 * swing, swing, -swing], axis=1).ravel()

    def steps_per_second(self, seconds):
        """And the base's height at the end of an episode, by which one sees that it stands."""
        steps, used = 0, 0.0
        while used < seconds:
            self.position[:], self.velocity[:] = self.start, 0
            started = time.process_time()
            for step in range(0, STEPS_PER_EPISODE, STEPS_PER_TARGET):
                self.control[:] = self.target(step)
                self.batch.step(nstep=STEPS_PER_TARGET)
            used += time.process_time() - started
            steps += STEPS_PER_EPISODE * SIMULATIONS
        return steps / used, float(self.position[:, 2].mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", required=True, help="quadruped_benchmark")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    args = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    peers = {"PGS": Go1(mujoco.mjtSolver.mjSOL_PGS), "Newton": Go1(mujoco.mjtSolver.mjSOL_NEWTON)}
    rows = {}
    for _ in range(args.rounds):
        for name in ("torques", "motors"):
            for peer, go1 in peers.items():
                rate, contacts, height = ours(args.binary, name, args.seconds)
                other, other_height = go1.steps_per_second(args.seconds)
                rows.setdefault((name, peer), []).append((rate, other))
                print(f"{name}: {rate:,.0f}, {contacts:.1f} contacts, height {height:.2f} m; "
                      f"{peer}: {other:,.0f}, height {other_height:.2f} m", file=sys.stderr)
    print("| ours | mjbatch | ours, steps/s | mjbatch, steps/s | ratio | quartiles |\n"
          "|---|---|---|---|---|---|")
    for (name, peer), rates in rows.items():
        mine, theirs = (statistics.median(side) for side in zip(*rates, strict=True))
        ratios = [a / b for a, b in rates]
        low, middle, high = (statistics.quantiles(ratios, n=4, method="inclusive")
                             if len(ratios) > 1 else ratios * 3)
        print(f"| `{name}` | {peer} | {mine:,.0f} | {theirs:,.0f} | {middle:.2f} | "
              f"{low:.2f} to {high:.2f} |")


if __name__ == "__main__":
    main()

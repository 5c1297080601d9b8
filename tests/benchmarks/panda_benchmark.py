"""The Panda tasks beside panda-gym, and the arm's physics beside MuJoCo.

usage: panda_benchmark.py tasks --binary env_benchmark [--task push ...] [--rounds 5]
       panda_benchmark.py arm --binary arm_benchmark --urdf panda.urdf [--rounds 5]

`tasks`: control steps of panda_* with random actions, with resets, ours (//envserver/tasks:
env_benchmark) and panda-gym's. `arm`: physics steps of the arm alone, 2 ms each, without contacts,
driven by random torques or random motor targets, ours (//envserver/bullet:arm_benchmark) and
MuJoCo's, which steps within one C call.

One after the other in each round, one core, seconds of CPU time. Prints a Markdown table: medians,
and the median and quartiles of the rounds' ratios, since machines drift.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "envserver/python/examples"))

TASKS = {"reach": "PandaReach-v3", "push": "PandaPush-v3", "pick_and_place": "PandaPickAndPlace-v3",
         "slide": "PandaSlide-v3", "stack": "PandaStack-v3", "flip": "PandaFlip-v3"}
# As in envserver/bullet/arm_benchmark.cc.
STEP_S = 0.002
STEPS_PER_DRAW = 20
STEPS_PER_EPISODE = 1000
TORQUE_SHARE = 0.1
REACH = np.array([0.5] * 7 + [0.05] * 2)
FORCES = np.array([87, 87, 87, 87, 12, 120, 120, 170, 170])
NEUTRAL = np.array([0, 0.41, 0, -1.85, 0, 2.26, 0.79, 0, 0])


def ours(binary, name, seconds):
    with tempfile.NamedTemporaryFile() as report:  # The output has log lines too.
        subprocess.run([binary, f"--benchmark_filter=^{name}$", f"--benchmark_out={report.name}",
                        "--benchmark_out_format=json", f"--benchmark_min_time={seconds}"],
                       check=True, capture_output=True)
        result = json.load(report)["benchmarks"][0]
    if result.get("error_occurred"):
        raise SystemExit(f"{name}: {result['error_message']}")
    return result["items_per_second"]


class PandaGym:
    def __init__(self, env_id):
        import gymnasium
        import panda_gym_flip  # noqa: F401 - registers panda-gym's environments
        self.env = gymnasium.make(env_id)
        self.env.action_space.seed(1)
        self.env.reset(seed=1)

    def steps_per_second(self, seconds):
        steps, started = 0, time.process_time()
        while time.process_time() - started < seconds:
            _, _, terminated, truncated, _ = self.env.step(self.env.action_space.sample())
            if terminated or truncated:
                self.env.reset()
            steps += 1
        return steps / (time.process_time() - started)


class MujocoArm:
    """The same URDF, time step and motor forces, with MuJoCo's defaults; contacts are off."""

    def __init__(self, urdf, motors):
        import mujoco
        from mujoco import rollout
        self.rollout = rollout.rollout
        text = pathlib.Path(urdf).read_text()
        extension = (f'<mujoco><compiler meshdir="{pathlib.Path(urdf).parent / "meshes/collision"}" '
                     'strippath="true" discardvisual="true"/></mujoco>')
        spec = mujoco.MjSpec.from_string(re.sub(r"(<robot[^>]*>)", rf"\1{extension}", text, count=1))
        spec.option.timestep = STEP_S
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
        for joint, force in zip(spec.joints, FORCES, strict=True):
            actuator = spec.add_actuator(name=joint.name, target=joint.name,
                                         trntype=mujoco.mjtTrn.mjTRN_JOINT,
                                         forcerange=(-force, force))
            actuator.set_to_position(kp=10 * force, kv=force) if motors else actuator.set_to_motor()
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.data.qpos[:] = NEUTRAL
        full = mujoco.mjtState.mjSTATE_FULLPHYSICS
        self.start = np.zeros((1, mujoco.mj_stateSize(self.model, full)))
        mujoco.mj_getState(self.model, self.data, self.start[0], full)
        self.motors = motors
        self.random = np.random.default_rng(1)

    def steps_per_second(self, seconds):
        steps, used = 0, 0.0
        while used < seconds:
            drawn = self.random.uniform(-1, 1, (STEPS_PER_EPISODE // STEPS_PER_DRAW, len(FORCES)))
            if self.motors:
                control = NEUTRAL + drawn * REACH
            else:
                control = drawn * FORCES * TORQUE_SHARE
            control = np.repeat(control, STEPS_PER_DRAW, axis=0)[None]
            started = time.process_time()
            self.rollout(self.model, self.data, self.start, control)
            used += time.process_time() - started
            steps += STEPS_PER_EPISODE
        return steps / used


def print_table(title, rows):
    """`rows`: name -> [(ours, theirs), ...], one pair a round."""
    print(f"| {title} | ours | theirs | ratio | quartiles |\n|---|---|---|---|---|")
    for name, rates in rows.items():
        mine, theirs = (statistics.median(side) for side in zip(*rates, strict=True))
        ratios = [a / b for a, b in rates]
        low, middle, high = (statistics.quantiles(ratios, n=4, method="inclusive")
                             if len(ratios) > 1 else ratios * 3)
        print(f"| `{name}` | {mine:,.0f} | {theirs:,.0f} | {middle:.1f} | {low:.1f} to {high:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["tasks", "arm"])
    parser.add_argument("--binary", required=True, help="env_benchmark or arm_benchmark")
    parser.add_argument("--urdf", help="panda.urdf; for arm")
    parser.add_argument("--task", action="append", choices=list(TASKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    args = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if args.what == "tasks":
        theirs = {f"panda_{task}": PandaGym(TASKS[task]) for task in args.task or TASKS}
        title = "control steps/s, panda-gym"
    else:
        theirs = {f"arm_{name}": MujocoArm(args.urdf, name == "motors")
                  for name in ("torques", "motors")}
        title = "physics steps/s, MuJoCo"
    rows = {name: [] for name in theirs}
    for _ in range(args.rounds):
        for name, other in theirs.items():
            rows[name].append((ours(args.binary, name, args.seconds),
                               other.steps_per_second(args.seconds)))
    print_table(title, rows)


if __name__ == "__main__":
    main()

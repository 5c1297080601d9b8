"""Usage: exactly_once_test.py CLUSTER_BINARY KILLS

Env servers, actors and the learner of a real cluster are killed in turn. Then the replay in
the last checkpoint is read: every step that was taken must be in it once, but for those
whose loss the contract allows (ARCHITECTURE.md, "Experience is exactly once"):

- of an actor that was killed: what it had not sent. Its slots begin new episodes;
- of a learner that was killed: what it took in after the checkpoint that it went on from;
- of an env server that was killed: what is under way. Its simulators are no more.

armature-serve must be on PATH; this folder on PYTHONPATH.
"""

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numbered_env import ACTION, BORN_MS, EPISODE, INSTANCE, LENGTH, STEP, TIME_MS, now_ms
from running_cluster import Cluster
from safetensors import safe_open
from safetensors.numpy import load_file

DEADLINE_S = 60
SECONDS_A_KILL = 30
STEPS_BETWEEN = 1000
NAMES = ("actor-0", "learner-0", "envserver-0", "actor-1", "learner-0", "envserver-1")
NONE_BEFORE = (-1, -1)
COLUMNS = tuple(
    "replay." + name for name in ("observation", "action", "reward", "next", "terminated")
)


def segments(path):
    """The files with the rows of a checkpoint, in order."""
    with safe_open(path, "np") as checkpoint:
        files = json.loads(checkpoint.metadata()["segments"])["files"]
    return [os.path.join(os.path.dirname(path), name) for name, _, _ in files]


def read_steps(path):
    """{instance: {(episode, step): its observation}} of a checkpoint; checks what each says."""
    parts = [load_file(path), *map(load_file, segments(path))]
    tensors = {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}
    observation = tensors["replay.observation"]
    rows = np.flatnonzero(tensors["replay.next"] >= 0)
    before = observation[rows]
    after = observation[tensors["replay.next"][rows]]
    must_be_equal = {
        "instance": (before[:, INSTANCE], after[:, INSTANCE]),
        "episode": (before[:, EPISODE], after[:, EPISODE]),
        "length": (before[:, LENGTH], after[:, LENGTH]),
        "next step": (before[:, STEP] + 1, after[:, STEP]),
        "reward": (tensors["replay.reward"][rows], before[:, STEP]),
        "action": (tensors["replay.action"][rows, 0], after[:, ACTION]),
        "terminated": (
            tensors["replay.terminated"][rows],
            (after[:, STEP] == after[:, LENGTH]) & (before[:, EPISODE] % 2 == 1),
        ),
    }
    for name, (found, expected) in must_be_equal.items():
        wrong = np.flatnonzero(~np.isclose(found, expected, rtol=0, atol=1e-6))
        if wrong.size:
            sys.exit(
                "exactly_once_test: %s of %d steps, the first: %s after %s"
                % (name, wrong.size, after[wrong[0]], before[wrong[0]])
            )
    steps = {}
    doubled = 0
    for at in before.astype(int).tolist():
        of_instance = steps.setdefault(at[INSTANCE], {})
        number = (at[EPISODE], at[STEP])
        doubled += number in of_instance
        of_instance[number] = at
    if doubled:
        sys.exit("exactly_once_test: %d steps are stored twice" % doubled)
    return steps


class Losses:
    """What the kills may have cost."""

    def __init__(self):
        self.actor_kills_ms = []
        self.learner_kills = []  # (ms, the steps of the checkpoint that was gone on from)

    def allow(self, last, last_ms, first):
        """Whether steps may be missing between the number `last` and the observation `first`."""
        if first[STEP] == 0 and any(last_ms <= ms <= first[TIME_MS] for ms in self.actor_kills_ms):
            return True
        return any(
            last_ms <= ms and max(kept.get(first[INSTANCE], {}), default=NONE_BEFORE) == last
            for ms, kept in self.learner_kills
        )


def count_holes(steps, losses):
    """How often steps are missing: (without a reason, for an allowed one)."""
    holes = gaps = 0
    for stored in steps.values():
        last, last_ms, last_length = NONE_BEFORE, next(iter(stored.values()))[BORN_MS], 0
        for number in sorted(stored):
            at = stored[number]
            follows = number == (last[0], last[1] + 1) or (
                number == (last[0] + 1, 0) and last[1] + 1 == last_length
            )
            if not follows:
                allowed = losses.allow(last, last_ms, at)
                gaps += allowed
                holes += not allowed
                if not allowed:
                    print("hole: from %s at %d ms to %s" % (last, last_ms, at))
            last, last_ms, last_length = number, at[TIME_MS], at[LENGTH]
    return holes, gaps


def kill(cluster, name, losses, origin_s):
    if name == "learner-0":
        number = cluster.newest_checkpoint()
        while cluster.newest_checkpoint() == number:
            cluster.line()
    os.kill(cluster.child(name), signal.SIGKILL)
    killed_ms = now_ms(origin_s)
    cluster.wait_for("armature: %s was killed by signal 9" % name)
    if name == "learner-0":
        # It goes on from the newest one, and removes it in its own time.
        with tempfile.TemporaryDirectory(dir=cluster.run_dir) as folder:
            newest = cluster.checkpoints()[cluster.newest_checkpoint()]
            for path in (*segments(newest), newest):
                os.link(path, os.path.join(folder, os.path.basename(path)))
            kept = os.path.join(folder, os.path.basename(newest))
            losses.learner_kills.append((killed_ms, read_steps(kept)))
    elif name.startswith("actor"):
        losses.actor_kills_ms.append(killed_ms)
    cluster.wait_for("armature: %s is back" % name)
    cluster.train(STEPS_BETWEEN)


def main(binary, kills):
    origin_s = time.time()
    os.environ["ARMATURE_TEST_ORIGIN_S"] = repr(origin_s)
    losses = Losses()
    config = str(Path(__file__).parent / "exactly_once.yaml")
    deadline_s = DEADLINE_S + SECONDS_A_KILL * kills
    overrides = ["cluster.restarts_max=%d" % kills]
    with Cluster(binary, config, *overrides, deadline_s=deadline_s) as cluster:
        cluster.train(STEPS_BETWEEN)
        for i in range(kills):
            kill(cluster, NAMES[i % len(NAMES)], losses, origin_s)
        cluster.stop()
        steps = read_steps(cluster.checkpoints()[cluster.newest_checkpoint()])
    for _, kept in losses.learner_kills:
        lost = sum(len(kept[instance].keys() - steps.get(instance, {}).keys()) for instance in kept)
        if lost:
            sys.exit("exactly_once_test: %d steps of a checkpoint are gone" % lost)
    holes, gaps = count_holes(steps, losses)
    stored = sum(map(len, steps.values()))
    said = "%d steps of %d simulators, %d kills: 0 doubled, %d holes, %d allowed gaps" % (
        stored,
        len(steps),
        kills,
        holes,
        gaps,
    )
    if holes or stored < kills * STEPS_BETWEEN:
        sys.exit("exactly_once_test: " + said)
    print("exactly_once_test: " + said)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

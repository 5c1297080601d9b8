"""Usage: endings_test.py CLUSTER_BINARY"""

import json
import os
import re
import signal
import struct
import sys

from running_cluster import Cluster

DEADLINE_S = 240
STOP_DEADLINE_S = 60


def env_steps_of(checkpoint):
    """As its header has them."""
    with open(checkpoint, "rb") as file:
        header = file.read(struct.unpack("<Q", file.read(8))[0])
    return json.loads(json.loads(header)["__metadata__"]["counters"])["env_steps"]


def freeze_each(cluster):
    """A stopped process is killed and started again, and training goes on."""
    cluster.train(300)
    for name in ("actor-0", "envserver-0", "learner-0"):
        os.kill(cluster.child(name), signal.SIGSTOP)
        cluster.wait_for("armature: %s did not answer for cluster.answer_timeout_s=6 s" % name)
        cluster.wait_for("armature: %s is back" % name)
        cluster.train(300)
    print("endings_test: every process was frozen, training went on")


def close_the_terminal(cluster):
    """All env steps are in the checkpoint that the last line speaks of."""
    # As the kernel and the shell do.
    for _ in range(2):
        cluster.process.send_signal(signal.SIGHUP)
    rest = cluster.process.communicate(timeout=STOP_DEADLINE_S)[0]
    if cluster.process.returncode != 128 + signal.SIGHUP:
        sys.exit("status %d:\n%s" % (cluster.process.returncode, rest))
    last = rest.splitlines()[-1]
    told = re.match(r"armature: stopped by signal 1; all ([\d,]+) env steps are saved; go on", last)
    if not told:
        sys.exit("the last line is: " + last)
    env_steps = int(told[1].replace(",", ""))
    saved = env_steps_of(list(cluster.checkpoints().values())[-1])
    if not cluster.env_steps <= env_steps == saved:
        sys.exit("%d seen, %d told, %d saved" % (cluster.env_steps, env_steps, saved))
    print("endings_test: closing the terminal lost nothing of %d env steps" % env_steps)


def main(binary):
    overrides = ("cluster.answer_timeout_s=6", "cluster.env_servers=1", "cluster.actors=1")
    with Cluster(binary, "panda_reach_sac", *overrides, deadline_s=DEADLINE_S) as cluster:
        freeze_each(cluster)
        close_the_terminal(cluster)


if __name__ == "__main__":
    main(sys.argv[1])

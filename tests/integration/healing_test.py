"""Usage: healing_test.py CLUSTER_BINARY"""

import csv
import os
import re
import signal
import sys

from running_cluster import Cluster

DEADLINE_S = 180


def check_nothing_older_was_lost(cluster, env_steps_min):
    """Of what was trained before the newest checkpoint; and rows after it are gone."""
    with open(os.path.join(cluster.run_dir, "logs/learner-0.log")) as log:
        resumed = re.findall(r"resumed at (\d+) env steps", log.read())
    if not resumed or int(resumed[-1]) < env_steps_min:
        sys.exit("resumed at %s, the checkpoint had %d env steps" % (resumed, env_steps_min))
    with open(os.path.join(cluster.run_dir, "progress.csv"), newline="") as file:
        steps = [int(row["env_steps"]) for row in csv.DictReader(file)]
    if not steps or steps != sorted(steps):
        sys.exit("progress.csv does not ascend: %r" % steps)


def kill_each(cluster):
    cluster.train(600)
    for name in ("envserver-1", "actor-0", "learner-0", "envserver-0"):
        if name == "learner-0":
            # A checkpoint that holds these steps: the next may have been begun before.
            env_steps = cluster.env_steps
            number = cluster.newest_checkpoint()
            while cluster.newest_checkpoint() < number + 2:
                cluster.line()
        os.kill(cluster.child(name), signal.SIGKILL)
        cluster.wait_for("armature: %s was killed by signal 9" % name)
        cluster.wait_for("armature: %s is back" % name)
        cluster.train(300)
    check_nothing_older_was_lost(cluster, env_steps)
    cluster.stop()
    print("healing_test: every process was killed, training went on")


def kill_replicas(cluster):
    """Either of two replicas of the learner is killed; both learn on together."""
    log = os.path.join(cluster.run_dir, "logs/learner-1.log")
    cluster.train(600)
    for joins, name in ((2, "learner-1"), (3, "learner-0")):
        while not all(cluster.newest_checkpoint(folder) for folder in ("", "replica_1")):
            cluster.line()
        os.kill(cluster.child(name), signal.SIGKILL)
        cluster.wait_for("armature: %s is back" % name)
        while open(log).read().count("replica 1 joined replica 0") < joins:
            cluster.line()
        cluster.train(600)
    print("healing_test: each replica was killed, both joined again")


def kill_env_servers_of_hindsight(cluster):
    """They compute its rewards: without one the others do, without all it waits for them."""
    names = ["envserver-%d" % i for i in range(3)]
    cluster.learn(300)
    for killed in (names[:1], names[1:2], names[2:], names):
        for pid in [cluster.child(name) for name in killed]:
            os.kill(pid, signal.SIGKILL)
        waited_for = {"armature: %s is back" % name for name in killed}
        while waited_for:
            line = cluster.line()
            waited_for = {text for text in waited_for if text not in line}
        cluster.learn(300)
    print("healing_test: env servers were killed, hindsight went on")


def main(binary):
    def run(scenario, config, *overrides):
        with Cluster(
            binary, config, "cluster.env_servers=3", *overrides, deadline_s=DEADLINE_S
        ) as cluster:
            scenario(cluster)

    run(kill_each, "panda_reach_sac", "cluster.actors=2")
    run(kill_replicas, "panda_reach_sac", "learner.replicas=2", "learner.averaging=gradients")
    run(kill_env_servers_of_hindsight, "panda_reach_sparse_ddpg", "cluster.actors=2")


if __name__ == "__main__":
    main(sys.argv[1])

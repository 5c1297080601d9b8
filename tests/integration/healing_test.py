"""Usage: healing_test.py CLUSTER_BINARY"""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

DEADLINE_S = 180
STOP_DEADLINE_S = 60
CHECKPOINT = re.compile(r"checkpoint_(\d+)\.safetensors$")
PROGRESS = re.compile(r"^([\d,]+) env steps \(.*  ([\d,]+) updates")


def child_pid(cluster, name):
    """The pid of the launcher's child that has `name` in its port file's path."""
    with open("/proc/%d/task/%d/children" % (cluster.pid, cluster.pid)) as file:
        for pid in file.read().split():
            with open("/proc/%s/cmdline" % pid) as command:
                if ("/ports/" + name) in command.read():
                    return int(pid)
    sys.exit("%s does not run" % name)


class Cluster:
    def __init__(self, binary, config, *overrides):
        self.run_dir = tempfile.mkdtemp(prefix="armature_healing_")
        self.process = subprocess.Popen(
            [
                binary,
                config,
                "--run_dir=" + self.run_dir,
                "learner.listen=127.0.0.1:0",
                "run.total_env_steps=100000000",
                "evaluation.every_env_steps=0",
                "evaluation.stop_at_success_rate=0",
                "checkpoint.every_s=2",
                "cluster.env_servers=3",
                "cluster.actors=2",
                "cluster.progress_every_s=0.5",
                *overrides,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.end = time.monotonic() + DEADLINE_S
        self.env_steps = 0
        self.updates = 0

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        """Stops it; where the test has failed, with what each process said last."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.communicate(timeout=STOP_DEADLINE_S)
        if failure:
            logs = os.path.join(self.run_dir, "logs")
            for name in sorted(os.listdir(logs)):
                with open(os.path.join(logs, name)) as log:
                    print("%s:\n%s" % (name, "".join(log.readlines()[-20:])))
        shutil.rmtree(self.run_dir)

    def line(self):
        line = self.process.stdout.readline()
        if not line or time.monotonic() > self.end:
            sys.exit("the cluster ended or did not heal in %d s: %r" % (DEADLINE_S, line))
        print(line, end="", flush=True)
        progress = PROGRESS.match(line)
        if progress:
            self.env_steps, self.updates = (int(n.replace(",", "")) for n in progress.groups())
        return line

    def wait_for(self, text):
        while text not in self.line():
            pass

    def train(self, env_steps):
        """Waits until that many more steps were learned from."""
        while not PROGRESS.match(self.line()):
            pass
        target = self.env_steps + env_steps
        while self.env_steps < target:
            self.line()

    def learn(self, updates):
        """Waits until that many more gradient steps were taken."""
        while not PROGRESS.match(self.line()):
            pass
        target = self.updates + updates
        while self.updates < target:
            self.line()


def newest_checkpoint(run_dir):
    """Its number; 0: there is none."""
    names = os.listdir(os.path.join(run_dir, "checkpoints"))
    return max((int(m[1]) for m in map(CHECKPOINT.match, names) if m), default=0)


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
            number = newest_checkpoint(cluster.run_dir)
            while newest_checkpoint(cluster.run_dir) < number + 2:
                cluster.line()
        os.kill(child_pid(cluster.process, name), signal.SIGKILL)
        cluster.wait_for("armature: %s was killed by signal 9" % name)
        cluster.wait_for("armature: %s is back" % name)
        cluster.train(300)
    check_nothing_older_was_lost(cluster, env_steps)
    cluster.process.send_signal(signal.SIGTERM)
    rest = cluster.process.communicate(timeout=STOP_DEADLINE_S)[0]
    if cluster.process.returncode != 128 + signal.SIGTERM:
        sys.exit("stop: status %d" % cluster.process.returncode)
    if not rest.splitlines()[-1].startswith("armature: stopped by signal 15"):
        sys.exit("the last line is: " + rest)
    print("healing_test: every process was killed, training went on")


def kill_replicas(cluster):
    """Either of two replicas of the learner is killed; both learn on together."""
    log = os.path.join(cluster.run_dir, "logs/learner-1.log")
    cluster.train(600)
    for joins, name in ((2, "learner-1"), (3, "learner-0")):
        while not all(
            newest_checkpoint(os.path.join(cluster.run_dir, folder))
            for folder in ("", "replica_1")
        ):
            cluster.line()
        os.kill(child_pid(cluster.process, name), signal.SIGKILL)
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
        for pid in [child_pid(cluster.process, name) for name in killed]:
            os.kill(pid, signal.SIGKILL)
        waited_for = {"armature: %s is back" % name for name in killed}
        while waited_for:
            line = cluster.line()
            waited_for = {text for text in waited_for if text not in line}
        cluster.learn(300)
    print("healing_test: env servers were killed, hindsight went on")


def main(binary):
    with Cluster(binary, "panda_reach_sac") as cluster:
        kill_each(cluster)
    replicas = ("learner.replicas=2", "learner.averaging=gradients", "cluster.actors=1")
    with Cluster(binary, "panda_reach_sac", *replicas) as cluster:
        kill_replicas(cluster)
    with Cluster(binary, "panda_reach_sparse_ddpg") as cluster:
        kill_env_servers_of_hindsight(cluster)


if __name__ == "__main__":
    main(sys.argv[1])

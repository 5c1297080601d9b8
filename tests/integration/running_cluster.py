"""A real cluster as a child of a test: what it says, how far it is, and its processes."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

STOP_DEADLINE_S = 60
CHECKPOINT = re.compile(r"checkpoint_(\d+)\.safetensors$")
PROGRESS = re.compile(r"^([\d,]+) env steps \(.*  ([\d,]+) updates")
# Of a run that a test stops itself.
ENDLESS = (
    "run.total_env_steps=100000000",
    "evaluation.every_env_steps=0",
    "evaluation.stop_at_success_rate=0",
    "checkpoint.every_s=2",
)


def heed_stops():
    """What is started from now on stops by SIGHUP and SIGINT, though whoever started the test
    ignores them (nohup, a background job)."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def children(pid):
    """The process ids of a process's children."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(word) for word in file.read().split()]


class Cluster:
    """Trains until it is stopped, or, with `ends`, as its configuration says; killed at the
    deadline. A context manager; a test that fails gets the logs' ends."""

    def __init__(self, binary, config, *overrides, deadline_s, ends=False):
        self.run_dir = tempfile.mkdtemp(prefix="armature_test_")
        self.deadline_s = deadline_s
        heed_stops()
        # As tests/run.sh ends a test: by way of __exit__, which leaves nothing behind.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        self.process = subprocess.Popen(
            [
                binary,
                config,
                "--run_dir=" + self.run_dir,
                "cluster.progress_every_s=0.5",
                *(() if ends else ENDLESS),
                *overrides,
            ],
            env={**os.environ, "XDG_STATE_HOME": self.run_dir + "/state"},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._deadline = threading.Timer(deadline_s, self.process.kill)
        self._deadline.start()
        self.said = ""
        self.env_steps = 0
        self.updates = 0

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        """Stops it; where the test has failed, with what each process said last."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.communicate(timeout=STOP_DEADLINE_S)
        self._deadline.cancel()
        if failure:
            logs = os.path.join(self.run_dir, "logs")
            for name in sorted(os.listdir(logs)) if os.path.isdir(logs) else ():
                with open(os.path.join(logs, name)) as log:
                    print("%s:\n%s" % (name, "".join(log.readlines()[-20:])))
        shutil.rmtree(self.run_dir)

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the cluster ended, or did not come so far in %d s" % self.deadline_s)
        print(line, end="", flush=True)
        self.said += line
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

    def child(self, name):
        """The pid of the launcher's child that has `name` in its port file's path."""
        for pid in children(self.process.pid):
            with open("/proc/%d/cmdline" % pid) as command:
                if ("/ports/" + name) in command.read():
                    return pid
        sys.exit("%s does not run" % name)

    def checkpoints(self, folder=""):
        """Paths by number, ascending."""
        folder = os.path.join(self.run_dir, folder, "checkpoints")
        numbered = ((CHECKPOINT.match(name), name) for name in os.listdir(folder))
        return {
            number: os.path.join(folder, name)
            for number, name in sorted((int(m[1]), name) for m, name in numbered if m)
        }

    def newest_checkpoint(self, folder=""):
        """Its number; 0: there is none."""
        return max(self.checkpoints(folder), default=0)

    def end(self):
        """The last line, of a run that ends well."""
        rest = self.process.communicate()[0]
        print(rest, end="", flush=True)
        self.said += rest
        if self.process.returncode != 0:
            sys.exit("the cluster ended with status %d" % self.process.returncode)
        return self.said.splitlines()[-1]

    def stop(self):
        """What it says until it has ended of SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        rest = self.process.communicate(timeout=STOP_DEADLINE_S)[0]
        if self.process.returncode != 128 + signal.SIGTERM:
            sys.exit("stop: status %d:\n%s" % (self.process.returncode, rest))
        if not rest.splitlines()[-1].startswith("armature: stopped by signal 15"):
            sys.exit("the last line is: " + rest)

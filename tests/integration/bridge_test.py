"""Usage: bridge_test.py FOLDER_OF_BINARIES

armature-serve must be on PATH; the package, its examples and this folder on PYTHONPATH.
"""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import armature
import host_my_env
import numpy as np
from running_cluster import Cluster, children

DEADLINE_S = 400  # Of a machine that is busy with other tests, too.
STEP_TIMEOUT_S = 2
# In 100 episodes. The run saw 50 successes in 50, which a rate of 0.9 gives once in 200 times; less
# than 80 of 100 are then one in a thousand. A policy that is read wrongly has none.
RATE_MIN = 0.8
RADIUS_M = 0.1  # Of the goal: twice the example's, learned in half the time.
# What the counters tell apart, by their label, and what the log says of each.
FAULTS = {
    "crashed": "worker process \\d+ was killed by SIGKILL",
    "hung": "step has not returned for %ds \\(--step_timeout_s\\)" % STEP_TIMEOUT_S,
    "not_finite": "observation 'observation'\\[0\\] is nan",
    "malformed": "observation 'observation' has shape \\[3\\], expected \\[2\\]",
    "threw": "ZeroDivisionError: the puck has no mass",
}


def bridge_cluster(binary, command, *overrides, ends=True):
    """One that hosts its environments with `command`."""
    command = "cluster.env_server_command=" + command
    return Cluster(
        binary, "host_my_env.yaml", command, *overrides, deadline_s=DEADLINE_S, ends=ends
    )


def worker(cluster):
    """One that holds slots: the fork server's youngest child."""
    (fork_server,) = children(cluster.child("envserver-0"))
    return max(children(fork_server))


def counters(cluster):
    with open(os.path.join(cluster.run_dir, "logs/envserver-0.log")) as log:
        url = re.search(r"metrics (http\S+),", log.read()).group(1)
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as page:
        found = re.findall(r'slot_restarts_total{cause="(\w+)"} (\S+)', page.read().decode())
    return {cause: float(count) for cause, count in found}


def faults_are_survived_counted_and_named(binary):
    """Workers die and hang, pucks give nonsense; the run trains on all the same."""
    with bridge_cluster(
        binary,
        "armature-serve --env bridge_envs:make --env_id puck --workers 2 --step_timeout_s %d"
        % STEP_TIMEOUT_S,
        ends=False,
    ) as cluster:
        cluster.train(500)
        os.kill(worker(cluster), signal.SIGKILL)
        cluster.train(500)
        os.kill(worker(cluster), signal.SIGSTOP)
        cluster.train(500)
        while not all(counters(cluster).get(cause) for cause in FAULTS):
            cluster.line()
        counted = counters(cluster)
        cluster.train(500)
        cluster.stop()
    # A log names some of many faults, and says how many there were.
    for name in ("envserver-0", "actor-0"):
        line = r"%s: .*env puck slot \d+ step \d+: .*(%s)" % (name, "|".join(FAULTS.values()))
        if not re.search(line, cluster.said):
            sys.exit("bridge_test: no fault is named by " + name)
    print("bridge_test: faults are survived, counted and named: %s" % counted)


def a_policy_plays_as_its_run_said(binaries):
    """What the cluster has learned is as good in NumPy, on the environment itself, and where
    it was trained."""
    with bridge_cluster(
        os.path.join(binaries, "cluster"),
        "armature-serve --env host_my_env:make --env_id puck",
        "environment.config={radius_m: %g}" % RADIUS_M,
        "run.total_env_steps=60000",  # It ends when it is solved.
    ) as cluster:
        last = cluster.end()
        if not last.startswith("armature: solved puck success_rate=1.00"):
            sys.exit("bridge_test: the last line is: " + last)
        policy = armature.load_policy(cluster.run_dir)
        env = host_my_env.make(radius_m=RADIUS_M)
        successes = []
        for episode in range(100):
            observation, _ = env.reset(seed=episode)
            ended = False
            while not ended:
                observation, _, terminated, truncated, info = env.step(policy(observation))
                ended = terminated or truncated
            successes.append(info["is_success"])
        if np.mean(successes) < RATE_MIN:
            sys.exit("bridge_test: success rate %.2f of a policy that had 1" % np.mean(successes))
        print("bridge_test: %s; success rate %.2f in NumPy" % (last, np.mean(successes)))
        verbs_start_the_runs_own_env_server(binaries, cluster.run_dir)


def hindsight_learns_from_the_environments_own_rewards(binary):
    """Sparse rewards are learned from, of goals that armature-serve is asked about."""
    with bridge_cluster(
        binary,
        "armature-serve --env bridge_envs:make_sparse --env_id puck",
        "environment.config={radius_m: %g}" % RADIUS_M,
        "replay.hindsight.enabled=true",
        "run.total_env_steps=40000",
        "evaluation.stop_at_success_rate=0.9",
    ) as cluster:
        last = cluster.end()
    if not last.startswith("armature: solved puck success_rate="):
        sys.exit("bridge_test: the last line is: " + last)
    print("bridge_test: with hindsight: " + last)


def verb(binaries, *words):
    """What a verb says that ends well."""
    run = subprocess.run(
        [os.path.join(binaries, words[0]), *words[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE_S,
    )
    if run.returncode != 0:
        sys.exit("bridge_test: %s: status %d:\n%s" % (words, run.returncode, run.stderr))
    return run.stdout


def verbs_start_the_runs_own_env_server(binaries, run_dir):
    """A run is evaluated and drawn where it was trained: on armature-serve."""
    verb(binaries, "eval", run_dir, "--episodes", "100")
    with open(os.path.join(run_dir, "evaluation.json")) as file:
        rate = json.load(file)["success_rate"]
    if rate < RATE_MIN:
        sys.exit("bridge_test: success rate %.2f of a policy that had 1" % rate)
    gif = os.path.join(run_dir, "puck.gif")
    drawn = "cluster.env_server_command=armature-serve --env bridge_envs:make_drawn --env_id puck"
    said = verb(binaries, "record", run_dir, "--output", gif, drawn)
    length = int(re.search(r"episode 0: return \S+, (\d+) steps, success", said).group(1))
    if not re.search(r"%d pictures, .* in %s" % (length + 1, re.escape(gif)), said):
        sys.exit("bridge_test: record says:\n" + said)
    with open(gif, "rb") as file:
        if file.read(10) != b"GIF89a" + bytes([30, 0, 20, 0]):
            sys.exit("bridge_test: %s is no GIF of 30 x 20 pixels" % gif)
    print("bridge_test: success rate %.2f by eval; %d pictures" % (rate, length + 1))


def main(binaries):
    os.chdir(os.path.dirname(host_my_env.__file__))
    cluster = os.path.join(binaries, "cluster")
    faults_are_survived_counted_and_named(cluster)
    hindsight_learns_from_the_environments_own_rewards(cluster)
    a_policy_plays_as_its_run_said(binaries)


if __name__ == "__main__":
    main(sys.argv[1])

"""Usage: prometheus_test.py CLUSTER_BINARY; `prometheus` must be on PATH."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEADLINE_S = 180


def dashboard_queries():
    with open(os.path.join(ROOT, "deploy/grafana/armature.json")) as file:
        dashboard = json.load(file)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"].replace("$__rate_interval", "20s")
            query = query.replace("$run_id", ".*").replace("$run", ".*")
            yield panel["title"], query


def alert_metrics():
    with open(os.path.join(ROOT, "deploy/prometheus/alerts.yml")) as file:
        return set(re.findall(r"armature_\w+", file.read()))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Prometheus:
    def __init__(self, run_dir):
        self.address = "127.0.0.1:%d" % free_port()
        watch = os.path.join(ROOT, "deploy/prometheus/watch.sh")
        self.process = subprocess.Popen([watch, run_dir, self.address])

    def get(self, path, **parameters):
        url = "http://%s%s?%s" % (self.address, path, urllib.parse.urlencode(parameters))
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            sys.exit("Prometheus refuses %s: %s" % (parameters, error.read().decode()))
        except urllib.error.URLError:
            return None  # Not up yet.

    def metric_names(self):
        return set(self.get("/api/v1/label/__name__/values") or [])

    def has_series(self, query):
        data = self.get("/api/v1/query", query=query)
        return bool(data and data["result"])

    def processes_up(self):
        data = self.get("/api/v1/query", query='up{job="armature"} == 1')
        return {series["metric"]["process"] for series in data["result"]} if data else set()


def main(cluster_binary):
    run_dir = tempfile.mkdtemp(prefix="armature_prometheus_")
    os.environ["XDG_STATE_HOME"] = run_dir + "/state"
    log = open(os.path.join(run_dir, "cluster.out"), "w")
    cluster = subprocess.Popen(
        [
            cluster_binary,
            "human_reach_sac",  # Its environment has all metrics that panels ask for by name.
            "--run_dir=" + run_dir,
            "run.total_env_steps=100000000",
            "evaluation.stop_at_return_enabled=false",
            "checkpoint.every_s=5",
        ],
        stdout=log,
        stderr=log,
    )
    prometheus = Prometheus(run_dir)
    try:
        wanted = {"learner-0", "envserver-0", "actor-0"}
        missing = ["processes that are up: %s" % sorted(wanted)]
        end = time.monotonic() + DEADLINE_S
        # Prometheus offers no way to be told of a scrape: it is asked again.
        while missing and time.monotonic() < end:
            if cluster.poll() is not None:
                sys.exit("the cluster ended: see " + log.name)
            time.sleep(2)
            if not wanted <= prometheus.processes_up():
                continue
            names = prometheus.metric_names()
            missing = ["alert's metric " + name for name in alert_metrics() - names]
            missing += [
                "%s: %s" % (title, query)
                for title, query in dashboard_queries()
                if not prometheus.has_series(query)
            ]
        if missing:
            sys.exit("not found in %d s:\n%s" % (DEADLINE_S, "\n".join(missing)))
        print("prometheus_test: %d queries found" % len(list(dashboard_queries())))
    finally:
        prometheus.process.terminate()
        cluster.send_signal(signal.SIGTERM)
        prometheus.process.wait(20)
        cluster.wait(20)


if __name__ == "__main__":
    main(sys.argv[1])

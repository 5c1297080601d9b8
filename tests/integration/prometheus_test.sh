#!/bin/bash
# A real Prometheus scrapes a live cluster and finds every series that the
# dashboard and the alerts query. The alerts' own unit tests run first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh

prometheus_dir="$(tests/integration/find_prometheus.sh)"
export PATH="$prometheus_dir:$PATH"
promtool test rules deploy/prometheus/alerts_test.yml

build //deploy:cluster
exec python3 tests/integration/prometheus_test.py "$bin/deploy/cluster"

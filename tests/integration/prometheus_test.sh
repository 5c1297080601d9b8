#!/bin/bash
# A real Prometheus scrapes a live cluster and finds every series that the
# dashboard and the alerts query. The alerts' own unit tests run first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

prometheus_dir="$(tests/integration/find_prometheus.sh)"
export PATH="$prometheus_dir:$PATH"
promtool test rules deploy/prometheus/alerts_test.yml

bazel build --noshow_progress --ui_event_filters=-info //deploy:cluster
exec python3 tests/integration/prometheus_test.py "$(bazel info bazel-bin 2>/dev/null)/deploy/cluster"

#!/bin/bash
# Watches a run with Prometheus (Debian: apt-get install prometheus):
#
#   deploy/prometheus/watch.sh RUN_DIR [ADDRESS]
#
# serves on ADDRESS (default 127.0.0.1:9090) until Ctrl-C; its data stay in
# RUN_DIR/prometheus. Grafana: see ../grafana.
set -euo pipefail

if (($# < 1)); then
  echo "usage: watch.sh RUN_DIR [ADDRESS]" >&2
  exit 2
fi
if ! command -v prometheus >/dev/null; then
  echo "watch.sh: there is no prometheus on PATH (Debian: apt-get install prometheus)" >&2
  exit 1
fi
run_dir="$1"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
mkdir -p "$run_dir/prometheus"
cp "$here/prometheus.yml" "$here/alerts.yml" "$run_dir/"
exec prometheus --config.file="$run_dir/prometheus.yml" \
  --storage.tsdb.path="$run_dir/prometheus" --web.listen-address="${2:-127.0.0.1:9090}" \
  --log.level=warn

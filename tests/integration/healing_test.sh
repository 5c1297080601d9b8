#!/bin/bash
# Every kind of process is killed outright in a real cluster; training goes on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bazel build --noshow_progress --ui_event_filters=-info //deploy:cluster
exec python3 tests/integration/healing_test.py "$(bazel info bazel-bin 2>/dev/null)/deploy/cluster"

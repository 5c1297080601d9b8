#!/bin/bash
# Every kind of process is frozen in a real cluster, then its terminal closes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bazel build --noshow_progress --ui_event_filters=-info //deploy:cluster
exec python3 tests/integration/endings_test.py "$(bazel info bazel-bin 2>/dev/null)/deploy/cluster"

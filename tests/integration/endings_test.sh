#!/bin/bash
# Every kind of process is frozen in a real cluster, then its terminal closes.
# Takes about 30 s.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh

build //deploy:cluster
exec python3 tests/integration/endings_test.py "$bin/deploy/cluster"

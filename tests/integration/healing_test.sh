#!/bin/bash
# Every kind of process is killed outright in a real cluster; training goes on.
# Takes about 50 s.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh

build //deploy:cluster
exec python3 tests/integration/healing_test.py "$bin/deploy/cluster"

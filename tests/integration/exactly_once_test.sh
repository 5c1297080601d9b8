#!/bin/bash
# Numbered steps are stored once each, whatever is killed: KILLS (default 6) processes of a
# real cluster, every role in turn. tests/exactly_once.sh does more of them.
# Takes about 40 s.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh
source tests/integration/python_package.sh

build //deploy:cluster
trap 'rm -rf "$package"' EXIT
install_python_package newest
export PYTHONPATH="$PYTHONPATH:$PWD/tests/integration"
"$python" tests/integration/exactly_once_test.py "$bin/deploy/cluster" "${1:-6}"

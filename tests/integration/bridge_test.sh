#!/bin/bash
# A real cluster on environments that armature-serve hosts: what goes wrong in them is
# survived, and what was learned plays in Python.
# Takes about 70 s.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh
source tests/integration/python_package.sh

build //deploy:cluster //deploy:eval //deploy:record
trap 'rm -rf "$package"' EXIT
install_python_package newest
export PYTHONPATH="$PYTHONPATH:$PWD/tests/integration:$package/envserver/python/examples"
"$python" tests/integration/bridge_test.py "$bin/deploy"

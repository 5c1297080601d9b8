#!/bin/bash
# armature-view: its tests, and its page in a headless Chromium.
# Takes about 120 s.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh
source tests/integration/python_package.sh

folder="$(mktemp -d)"
trap 'rm -rf "$package" "$folder"' EXIT
install_python_package view
build //envserver
export ARMATURE_ENVSERVER="$bin/envserver/envserver"
# Beside the sources, pytest would find those instead of what was installed.
tests="$package/envserver/python/tests"
(cd "$tests" && "$python" -m pytest -q -p no:cacheprovider test_view*.py)
PYTHONPATH="$PYTHONPATH:$tests" "$python" tests/integration/view_test.py "$ARMATURE_ENVSERVER" "$folder"

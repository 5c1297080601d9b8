#!/bin/bash
# The real tensorboard package (PyPI, in a cached virtual environment) reads what
# the learner's event writer writes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh

venv="${XDG_CACHE_HOME:-$HOME/.cache}/armature/tensorboard"
if ! "$venv/bin/python3" -c 'import tensorboard' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet tensorboard==2.20.0 'setuptools<81'
fi
build //learner/run:write_example_events
"$venv/bin/python3" learner/run/read_events.py --check "$bin/learner/run/write_example_events"

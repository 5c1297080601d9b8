#!/bin/bash
# Sweep, plot, report and the uploader to Weights & Biases: format, lint, types, and what they do, with
# a launcher that trains nothing, with the real one, and with the real client, offline.
# Takes about 110 s.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh
source tests/integration/python_package.sh

python="$(python_with tools)"
build //deploy:sweep //deploy:plot //deploy:report //deploy:wandb_uploader
(
  cd deploy/tools
  "$python" -m ruff format --quiet --check --no-cache .
  "$python" -m ruff check --quiet --no-cache .
  "$python" -m mypy --strict --python-version 3.10 --cache-dir "$python_cache/mypy-tools" \
    --no-error-summary ./*.py
)
# The programs are started by their first line: python3 of PATH.
PATH="$(dirname "$python"):$PATH" PYTHONDONTWRITEBYTECODE=1 ARMATURE_DEPLOY="$bin/deploy" \
  PYTHONPATH="$PWD/deploy/tools:$PWD/tests/integration" \
  "$python" -m unittest discover -s tests/integration/tools -p '*_test.py'

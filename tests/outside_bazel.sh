#!/bin/bash
# Builds and tests examples/ with Bazel, each in its own workspace. No part of run.sh: actions of
# an external repository have other paths, so the disk cache does not know them, and the env server
# is compiled once more (minutes; seconds when nothing has changed).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../examples"

for workspace in */WORKSPACE; do
  folder="$(dirname "$workspace")"
  (
    cd "$folder"
    bazel build --noshow_progress "//:$folder"
    bazel test --noshow_progress --build_tests_only //...
    "bazel-bin/$folder" --list
    bazel shutdown
  )
done

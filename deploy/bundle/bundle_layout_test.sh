#!/bin/bash
# A model in the `data` of what a program depends on is in the bundle, where the program
# finds it, although no list of the bundle names it.
set -euo pipefail

fail() {
  echo "bundle_layout_test: $*" >&2
  exit 1
}
make_bundle="$1" program="$2"
shift 2
arguments=()
for path; do arguments+=(--runfile "$path"); done
"$make_bundle" "$TEST_TMPDIR/bundle.tar.gz" --program "$program" "${arguments[@]}"
tar -xzf "$TEST_TMPDIR/bundle.tar.gz" -C "$TEST_TMPDIR"
output="$(cd / && env -i "$TEST_TMPDIR/armature/bin/needs_model")" || fail "the model is missing"
[[ "$output" == *'<robot name="my_robot">'* ]] || fail "$output"

#!/bin/bash
# Exported policies act in ONNX Runtime (PyPI) as LibTorch and the actor do: every head,
# activation and kind of observation, and one that a cluster has trained.
# Takes about 60 s.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh
source tests/integration/python_package.sh

python="$(python_with tools)"
build //deploy:cluster //deploy:export //tests/export:example_policies
folder="$(mktemp -d)"
export XDG_STATE_HOME="$folder/state"
trap 'rm -rf "$folder"' EXIT

mkdir "$folder/examples"
"$bin/tests/export/example_policies" "$folder/examples"
for policy in "$folder"/examples/*.safetensors; do
  "$bin/deploy/export" "$policy" >>"$folder/log"
done
"$bin/deploy/cluster" panda_reach_sac run.total_env_steps=700 \
  evaluation.episodes=4 evaluation.stop_at_success_rate=0 \
  --run_dir "$folder/run" >"$folder/log" || {
  cat "$folder/log"
  exit 1
}
"$bin/deploy/export" "$folder/run" --output "$folder/trained.onnx"
"$bin/deploy/export" "$folder/run" --model final --output "$folder/copy.safetensors"
cmp "$folder/copy.safetensors" "$folder/run/models/model_final.safetensors"

refuses() {
  local text="$1" output status=0
  shift
  output="$("$bin/deploy/export" "$@" 2>&1 >/dev/null)" || status=$?
  if [[ $status == 0 || "$output" != *"$text"* || "$(wc -l <<<"$output")" != 1 ]]; then
    echo "export_test: export $*: status $status, expected a refusal in one line with '$text':"
    echo "$output"
    exit 1
  fi
}
refuses "is required (--help lists the flags)" --format onnx
refuses "no_such_run" no_such_run
refuses "final" "$folder/run" --model 123456789
refuses "--model=best chooses from a run" "$folder/run/models/model_final.safetensors" --model best
refuses "--format" "$folder/run" --format torch
refuses "--output FILE says where" "$folder/run" --format safetensors
refuses "/no/such/folder" "$folder/run" --output /no/such/folder/a.onnx
head -c 2000 "$folder/copy.safetensors" >"$folder/short.safetensors"
refuses "short.safetensors" "$folder/short.safetensors"

"$python" tests/integration/export_test.py "$folder/examples" "$folder/trained.onnx"

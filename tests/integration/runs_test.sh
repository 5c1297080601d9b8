#!/bin/bash
# A run keeps what it has: one that is over stays over, two processes never write the same
# one, and no name, place or path of it is lost on the way to a shell.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh

build //deploy:cluster //deploy:eval //deploy:export //learner
train="$bin/deploy/cluster" learner="$bin/learner/learner"
folder="$(mktemp -d)"
export XDG_STATE_HOME="$folder/state"
held=""
trap 'if [[ -n "$held" ]]; then kill "$held"; fi; rm -rf "$folder"' EXIT
fail() {
  echo "runs_test: $*" >&2
  exit 1
}
# has FILE TEXT...: each text is in the file.
has() {
  local file="$1" text
  shift
  for text; do grep -qF -- "$text" "$file" || fail "no '$text' in $(cat "$file")"; done
}
# content RUN: of every file that a run leaves.
content() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2); }

small=(learner.listen=127.0.0.1:0 learner.metrics_listen=127.0.0.1:0 run.total_env_steps=800 evaluation.every_env_steps=0
  evaluation.stop_at_success_rate=0 cluster.actors=1)
place="$folder/Läufe, it's \"hier\""
"$train" panda_reach_sac "${small[@]}" run.output_dir="$place" run.name=reach/größer \
  >"$folder/first" || fail "$(cat "$folder/first")"
tail -n 1 "$folder/first" | grep -q '^armature: finished panda_reach' || fail "$(cat "$folder/first")"
run="$(echo "$place"/reach/größer/*)"
[[ -f "$run/result.json" ]] || fail "no result in $run"

# What the launcher prints can be given to a shell, from any folder.
evaluate="$(sed -n 's/^armature: evaluate: .* -- //p' "$folder/first")"
(cd "$folder" && eval "$bin/deploy/eval $evaluate --episodes 1" >"$folder/evaluated") ||
  fail "evaluate: $evaluate"
has "$folder/evaluated" panda_reach

# By its name, its id and its folder from anywhere; without the list, below run.output_dir.
id="$(sed -n 's/.*"run_id": "\(.*\)".*/\1/p' "$run/run.json")"
for word in reach/größer "$id" "$run"; do
  (cd / && "$bin/deploy/export" "$word" --output "$folder/policy.onnx") >"$folder/out" ||
    fail "export $word"
  has "$folder/out" "$run/models/model_final.safetensors"
done
XDG_STATE_HOME="$folder/none" "$bin/deploy/export" reach/größer run.output_dir="$place" \
  --output "$folder/policy.onnx" >"$folder/out" || fail "export with run.output_dir"
has "$run/README.md" "deploy:play -- '$folder/Läufe, it'\''s \"hier\"/reach/größer/"

# Finished is finished.
content "$run" >"$folder/before"
"$learner" --resume "$run" >"$folder/said" || fail "the learner failed"
has "$folder/said" "is finished: it spent its budget at 8" "run.total_env_steps=1"
"$train" --resume reach/größer >"$folder/said" || fail "train failed"
has "$folder/said" "is finished: it spent its budget at 8"
content "$run" | cmp "$folder/before" - || fail "a finished run was changed"

# More of it is asked for.
result="$(cat "$run/result.json")"
"$train" --resume "$run" run.total_env_steps=1200 >"$folder/more" || fail "$(cat "$folder/more")"
tail -n 1 "$folder/more" | grep -q '^armature: finished panda_reach' || fail "$(cat "$folder/more")"
[[ "$(cat "$run"/result_8*.json)" == "$result" ]] || fail "the first end is lost"
python3 - "$run/result.json" <<'END'
import json, sys
assert json.load(open(sys.argv[1]))["env_steps"] >= 1200
END
if "$train" panda_reach_sac "${small[@]}" --run_dir "$run" 2>"$folder/refused"; then
  fail "a new run began in an old one's folder"
fi
has "$folder/refused" "a run is in $run already (result.json"

# Two at once.
exec 4< <(exec "$learner" --resume "$run" run.total_env_steps=100000 learner.log_every_s=3600 \
  checkpoint.every_s=0)
held=$!
while read -r line <&4; do
  if [[ "$line" == "learner ready on "* ]]; then break; fi
done
content "$run" >"$folder/before"
for program in "$train" "$learner"; do
  status=0
  "$program" --resume "$run" run.total_env_steps=100000 >"$folder/out" 2>"$folder/refused" ||
    status=$?
  ((status == 2)) || fail "a second one: status $status: $(cat "$folder/out" "$folder/refused")"
  has "$folder/refused" "is held by process $held on $(uname -n)"
done
content "$run" | grep -v lock >"$folder/after"
grep -v lock "$folder/before" | cmp - "$folder/after" || fail "a refused process changed the run"
kill -KILL "$held"
wait "$held" || true
held=""
exec 4<&-

# What cannot be used is named, with what has brought it about.
refuses() { # TEXT PROGRAM WORD...
  local text="$1"
  shift
  if "$@" >"$folder/out" 2>"$folder/refused"; then fail "accepted: $*"; fi
  has "$folder/refused" "$text"
  (($(wc -l <"$folder/refused") == 1)) || fail "more than a line: $(cat "$folder/refused")"
}
for program in "$train" "$learner"; do
  refuses "run.output_dir=/proc/x: cannot make the folder /proc/x/run" "$program" \
    panda_reach_sac run.name=run run.output_dir=/proc/x
  refuses "--run_dir /proc/x: cannot make the folder /proc/x" "$program" panda_reach_sac \
    --run_dir /proc/x
  refuses "run.name=../x" "$program" panda_reach_sac run.name=../x run.output_dir="$folder/o"
done
[[ ! -e "$folder/x" && ! -e "$folder/o" ]] || fail "wrote outside run.output_dir"

# Damage is refused, and nothing is lost.
for file in "$run"/checkpoints/checkpoint_*; do truncate -s 100 "$file"; done
rows="$(cat "$run/progress.csv")"
refuses "it'\\''s \"hier\"/reach/größer/$(basename "$run")' run.load_step=1" "$learner" \
  --resume "$run" run.total_env_steps=100000
has "$folder/refused" "checkpoint_000001.safetensors is damaged: cut short"
[[ "$(cat "$run/progress.csv")" == "$rows" ]] || fail "rows were dropped"
cp "$run/config.yaml" "$folder/config.yaml"
for bytes in 0 1000; do
  head -c "$bytes" "$folder/config.yaml" >"$run/config.yaml"
  refuses "$run/config.yaml is damaged" "$learner" --resume "$run"
done
echo "runs_test: passed"

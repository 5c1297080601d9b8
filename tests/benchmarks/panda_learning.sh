#!/bin/bash
# What the Panda tasks learn from scripted demonstrations, and whether it holds in panda-gym.
#
#   pip install ./envserver/python panda-gym matplotlib
#   tests/benchmarks/panda_learning.sh panda_pick_and_place_rlpd [SEEDS, default 1,2,3]
#
# Records the demonstrations, trains once for each seed, draws the curves, and plays each best model
# for 100 episodes in our simulation and in the real panda-gym. All files go to outputs/learning/CONFIG.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
config="${1:?which config, e.g. panda_push_rlpd}"
seeds="${2:-1,2,3}"
task="${config#panda_}"
task="${task%_*}"
declare -A gym=([push]=PandaPush-v3 [slide]=PandaSlide-v3 [stack]=PandaStack-v3
  [pick_and_place]=PandaPickAndPlace-v3)
: "${gym[$task]:?no task panda_$task}"
episodes=100
[[ $task != stack ]] || episodes=500
folder="$PWD/outputs/learning/$config"
mkdir -p "$folder"

bazel build //envserver //deploy:cluster //deploy:eval //deploy:sweep //deploy:plot
bazel-bin/envserver/envserver --listen 127.0.0.1:5571 >"$folder/envserver.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null' EXIT
until grep -q "ready on" "$folder/envserver.log"; do
  kill -0 $server || { cat "$folder/envserver.log" && exit 1; }
  sleep 0.2
done
python3 envserver/python/examples/panda_policies.py 127.0.0.1:5571 "$task" \
  --episodes $episodes --record "$folder/panda_$task.safetensors"
kill $server

bazel run //deploy:sweep -- "$config" "run.seed=$seeds" --output "$folder/sweep" \
  "algorithm.demonstrations.path=$folder/panda_$task.safetensors" || true # A target missed.
bazel run //deploy:plot -- "$folder/sweep" --csv "$folder/curves.csv" --output "$folder/curves.png"
for run in "$folder"/sweep/*/config.yaml; do
  run="$(dirname "$run")"
  echo "$run, here and in panda-gym:"
  bazel run //deploy:eval -- "$run" --model best
  bazel run //deploy:eval -- "$run" --model best --output "$run/panda_gym.json" \
    "environment.id=${gym[$task]}" \
    "cluster.env_server_command=armature-serve --env panda_gym:${gym[$task]}"
done

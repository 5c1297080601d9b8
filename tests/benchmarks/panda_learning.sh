#!/bin/bash
# What the Panda tasks learn from scripted demonstrations, and whether it holds in panda-gym.
#
#   pip install ./envserver/python panda-gym matplotlib
#   tests/benchmarks/panda_learning.sh panda_pick_and_place_rlpd [SEEDS, default 1,2,3]
#
# Records the demonstrations, trains once for each seed, draws the curves, and plays each best
# model for 100 episodes in our simulation and in the real panda-gym. All files go to
# outputs/learning/CONFIG.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# Each task as panda-gym has it, for armature-serve.
declare -A gym=([panda_push_rlpd]=panda_gym:PandaPush-v3 [panda_slide_rlpd]=panda_gym:PandaSlide-v3
  [panda_pick_and_place_rlpd]=panda_gym:PandaPickAndPlace-v3
  [panda_stack_cloning]=panda_gym:PandaStack-v3 [panda_flip_cloning]=panda_gym_flip:PandaFlip-v3)
declare -A record=([stack]="--episodes 500 --config start=dropped" [flip]="--episodes 1000"
  [slide]="--episodes 1000 --config start=dropped")
# `start` is ours alone.
declare -A in_panda_gym=([stack]="environment.config={}" [slide]="environment.config={}")
config="${1:-}"
seeds="${2:-1,2,3}"
if [[ -z ${gym[${config:-none}]:-} ]]; then
  echo "panda_learning: expected one of ${!gym[*]}, got '$config'" >&2
  exit 2
fi
task="${config#panda_}"
task="${task%_*}"
folder="$PWD/outputs/learning/$config"
if [[ -e "$folder/sweep" ]]; then
  echo "panda_learning: $folder has results already: move it away" >&2
  exit 2
fi
mkdir -p "$folder"

bazel build //envserver //deploy:cluster //deploy:eval //deploy:sweep //deploy:plot
exec {server}< <(exec bazel-bin/envserver/envserver --listen 127.0.0.1:5571)
server_pid=$!
trap 'kill $server_pid 2>/dev/null || true' EXIT
grep -q -m 1 "ready on" <&"$server"
python3 envserver/python/examples/panda_policies.py 127.0.0.1:5571 "$task" \
  ${record[$task]:---episodes 100} --record "$folder/panda_$task.safetensors"
kill $server_pid

# Status 1: a target was missed, which the curves show.
bazel run //deploy:sweep -- "$config" "run.seed=$seeds" --output "$folder/sweep" \
  "algorithm.demonstrations.path=$folder/panda_$task.safetensors" || [[ $? == 1 ]]
bazel run //deploy:plot -- "$folder/sweep" --csv "$folder/curves.csv" --output "$folder/curves.png"
for run in "$folder"/sweep/*/config.yaml; do
  run="$(dirname "$run")"
  echo "$run, here and in panda-gym:"
  bazel run //deploy:eval -- "$run" --model best
  PYTHONPATH="$PWD/envserver/python/examples" \
    bazel run //deploy:eval -- "$run" --model best --output "$run/panda_gym.json" \
    "environment.id=${gym[$config]#*:}" ${in_panda_gym[$task]:-} \
    "cluster.env_server_command=armature-serve --env ${gym[$config]}"
done

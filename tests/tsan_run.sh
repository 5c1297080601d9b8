#!/bin/bash
# A short real cluster under ThreadSanitizer: learner, actors and env servers built
# with --config=tsan train cart-pole, then reach, with two env servers and two
# actors. Fails when any process reports a race.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bazel build --config=tsan --noshow_progress //deploy:cluster || exit 1
cluster="$(bazel info --config=tsan bazel-bin 2>/dev/null)/deploy/cluster"
output_dir="$(mktemp -d)"
export XDG_STATE_HOME="$output_dir/state"
trap 'rm -rf "$output_dir"' EXIT

status=0
for run in "cartpole_ppo run.total_env_steps=6000" "panda_reach_sac run.total_env_steps=1500"; do
  read -r config budget <<<"$run"
  "$cluster" "$config" "$budget" run.output_dir="$output_dir" \
    cluster.env_servers=2 cluster.actors=2 evaluation.episodes=4 evaluation.num_envs=2 \
    evaluation.every_env_steps=1000 checkpoint.every_s=5 cluster.ready_timeout_s=120
  # Whatever the exit status: a budget spent without reaching the target is 1.
  if [[ -z "$(find "$output_dir/$config" -name result.json)" ]]; then
    echo "tsan_run.sh: $config did not finish" >&2
    status=1
  fi
done
if grep -rl 'WARNING: ThreadSanitizer' "$output_dir" >/dev/null; then
  grep -rh -A 30 'WARNING: ThreadSanitizer' "$output_dir" | head -100
  status=1
fi
((status == 0)) && echo "tsan_run.sh: no race reported"
exit $status

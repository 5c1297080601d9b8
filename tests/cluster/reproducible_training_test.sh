#!/bin/bash
# Real clusters in reproducible mode: the same seed gives the same weights, byte for
# byte, with one env server and with three, never stopped, killed or resumed.
set -uo pipefail
export XDG_STATE_HOME="$TEST_TMPDIR/state"

fail() {
  echo "reproducible_training_test: $1:"
  echo "$output"
  exit 1
}

# train RUN total_env_steps key=value ...: a run from its beginning.
train() {
  local run="$TEST_TMPDIR/$1" total="$2"
  shift 2
  output="$(deploy/cluster "${config[@]}" --run_dir="$run" run.total_env_steps="$total" "$@" 2>&1)" ||
    fail "$run ended with status $?"
}

# go_on RUN key=value ...
go_on() {
  local run="$TEST_TMPDIR/$1"
  shift
  output="$(deploy/cluster --resume="$run" "$@" 2>&1)" || fail "$run ended with status $? when resumed"
}

# The digest of the final weights: what follows the header, which names the run.
weights() {
  local file="$TEST_TMPDIR/$1/models/model_final.safetensors"
  local header
  header="$(od -An -t u8 -N 8 "$file")" || fail "$1 has no final model"
  tail -c +$((9 + header)) "$file" | sha256sum
}

same() {
  [[ "$(weights "$1")" == "$(weights "$2")" ]] || fail "$1 and $2 have other weights"
}

# killed RUN learner|everything key=value ...: begins RUN and, in the middle of it, sends
# SIGKILL to its learner or to all of it.
killed() {
  local run="$TEST_TMPDIR/$1" whom="$2" launcher
  shift 2
  deploy/cluster "${config[@]}" --run_dir="$run" "$@" >"$run.log" 2>&1 &
  launcher=$!
  grep -q "evaluation at 400 " < <(tail -n +1 -s 0.1 -F --pid="$launcher" \
    "$run/logs/learner-0.log" 2>/dev/null) || fail "$run did not come to 400 env steps"
  if [[ "$whom" == learner ]]; then
    kill -KILL "$(pgrep -P "$launcher" -x learner)" || fail "$run had no learner to kill"
    wait "$launcher"
  else
    kill -KILL "$launcher"  # The kernel then kills its children.
    wait "$launcher" 2>/dev/null
  fi
  output="$(cat "$run.log")"
}

for algorithm in sac ppo; do
  config=("tests/cluster/reproducible_$algorithm.yaml")
  train "$algorithm-one" 2000
  train "$algorithm-three" 2000 cluster.env_servers=3 cluster.env_server_threads=1
  same "$algorithm-one" "$algorithm-three"
  train "$algorithm-other" 2000 run.seed=2
  [[ "$(weights "$algorithm-one")" != "$(weights "$algorithm-other")" ]] ||
    fail "another seed gave the same weights: nothing is compared"
  # The linear learning rate of the others falls to 0 with run.total_env_steps: half of it
  # is another run.
  constant="algorithm.$algorithm.learning_rate_schedule=constant"
  train "$algorithm-constant" 2000 "$constant"
  train "$algorithm-half" 1000 "$constant"
  go_on "$algorithm-half" run.total_env_steps=2000
  same "$algorithm-constant" "$algorithm-half"
  killed "$algorithm-learner" learner run.total_env_steps=2000
  same "$algorithm-one" "$algorithm-learner"
  killed "$algorithm-everything" everything run.total_env_steps=2000
  go_on "$algorithm-everything"
  same "$algorithm-one" "$algorithm-everything"
done
# Noise on the weights has a state of its own by slot.
config=(tests/cluster/reproducible_sac.yaml algorithm.name=td3 algorithm.td3.batch_size=64
  algorithm.td3.random_env_steps=200 algorithm.network.layer_norm=true
  algorithm.exploration.noise=parameter algorithm.exploration.parameter_noise_steps=10)
train noise-one 2000
train noise-three 2000 cluster.env_servers=3 cluster.env_server_threads=1
same noise-one noise-three
train noise-half 1000
go_on noise-half run.total_env_steps=2000
same noise-one noise-half
# A curriculum goes by the episodes in their order, and each episode's value must have reached its
# slot in time. So the level changes at the same steps with more env servers, or killed and resumed.
# The thresholds lie amid the returns of this little trained policy: the level goes up and down.
config=(tests/cluster/reproducible_sac.yaml environment.id=cartpole
  "environment.config={disturbance: true}" curriculum.parameter=disturbance
  curriculum.metric=return curriculum.episodes=3 curriculum.raise_at=6.6 curriculum.lower_at=6.5
  curriculum.step=0.125 curriculum.start=0.5 "evaluation.parameters={disturbance: 0}")
# Each change of a run's level, once: what a kill has cost is repeated.
levels() {
  grep -ho "curriculum: .*" "$TEST_TMPDIR/$1/logs/learner-0.log" | sort -u
}
same_levels() {
  [[ "$(levels "$1")" == "$(levels "$2")" ]] ||
    fail "$1 and $2 have other levels: $(diff <(levels "$1") <(levels "$2"))"
}
train level-one 2000
[[ "$(levels level-one | wc -l)" -ge 8 ]] || fail "level-one has few changes: $(levels level-one)"
train level-three 2000 cluster.env_servers=3 cluster.env_server_threads=1
same level-one level-three
same_levels level-one level-three
killed level-everything everything run.total_env_steps=2000
go_on level-everything
same level-one level-everything
same_levels level-one level-everything
echo "reproducible_training_test: the same weights each time"

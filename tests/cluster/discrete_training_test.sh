#!/bin/bash
# A real cluster on Discrete and MultiDiscrete environments, hosted by a program that
# cluster.env_server_command names: PPO learns them.
set -uo pipefail
export XDG_STATE_HOME="$TEST_TMPDIR/state"
here="$PWD/tests/cluster"

fail() {
  echo "discrete_training_test: $1:"
  echo "$output"
  exit 1
}

# A blank in the program's path: only a quoted word starts it.
mkdir -p "$TEST_TMPDIR/a folder"
ln -sf "$here/discrete_env_server" "$TEST_TMPDIR/a folder/serve"
learn() {  # RUN CHOICES...
  local run="$TEST_TMPDIR/$1"
  output="$(deploy/cluster "$here/discrete_ppo.yaml" --run_dir="$run" \
    "cluster.env_server_command=\"'$TEST_TMPDIR/a folder/serve' --choices ${*:2}\"" 2>&1)" ||
    fail "the cluster ended with status $?"
  [[ "$(tail -n 1 <<<"$output")" == "armature: solved cue "* ]] || fail "$1 did not solve cue"
  grep -q '"HEAD_CATEGORICAL' <(tr -d '\\' <"$run/models/model_final.safetensors") ||
    fail "the policy file's head is not categorical"
}
learn discrete 3
learn multi_discrete 3 2
# An algorithm without a head for choices says so at the start.
output="$(deploy/cluster "$here/discrete_ppo.yaml" algorithm.name=sac --run_dir="$TEST_TMPDIR/sac" \
  "cluster.env_server_command=\"'$TEST_TMPDIR/a folder/serve' --choices 3 2\"" 2>&1)" &&
  fail "SAC took a MultiDiscrete"
grep -q "algorithm.name=sac needs a Box action space, but cue takes MultiDiscrete \[3,2\]; use algorithm.name=ppo" \
  <<<"$output" || fail "SAC's refusal is not told"

# The child's own words, in one line, when it refuses its flags.
output="$(deploy/cluster "$here/discrete_ppo.yaml" --run_dir="$TEST_TMPDIR/refused" \
  "cluster.env_server_command=\"'$TEST_TMPDIR/a folder/serve' --choices 3 --chioces 4\"" 2>&1)" &&
  fail "a wrong flag was accepted"
[[ "$(tail -n 1 <<<"$output")" == "armature: failed: envserver-0 exited with status 2: "*chioces* ]] ||
  fail "the refusal is not in the last line"
echo "discrete_training_test: learned and refused as it should"

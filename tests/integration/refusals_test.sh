#!/bin/bash
# What a user can get wrong is told in one clear line, with a non-zero status.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh

# //learner by itself: only then has it its own folder of configs.
build //deploy:cluster //deploy:eval \
  //deploy:play //deploy:random //deploy:record //deploy:export //learner || exit 1
failures=0

# refuses STATUS TEXT PROGRAM FLAG...: one line on stderr with TEXT.
refuses() {
  local status="$1" text="$2" program="$3" output actual
  shift 3
  output="$(timeout 30 "$bin/$program" "$@" 2>&1 >/dev/null)"
  actual=$?
  if [[ $actual == "$status" && "$output" == *"$text"* && "$(wc -l <<<"$output")" == 1 ]]; then
    return
  fi
  echo "refusals_test: $program $*: status $actual, expected $status and one line with '$text':"
  echo "$output"
  failures=$((failures + 1))
}

# Without an argument where one is needed: the help, with an example.
for verb in cluster eval play random record export; do
  output="$("$bin/deploy/$verb" 2>&1 >/dev/null)"
  status=$?
  name="${verb/cluster/train}"
  if [[ $status != 2 || "$output" != *Usage:* || "$output" != *"Example"*"$name"* ]]; then
    echo "refusals_test: $verb: status $status, expected 2 and its help with an example:"
    echo "$output"
    failures=$((failures + 1))
  fi
done
for program in deploy/cluster deploy/eval deploy/play deploy/random deploy/record learner/learner \
  envserver/envserver; do
  refuses 2 "--no_such_flag" "$program" --no_such_flag
done
refuses 2 "--no_such_flag" actor/actor --learner=127.0.0.1:1 --env_servers=127.0.0.1:1 \
  --no_such_flag
for program in deploy/cluster learner/learner; do
  refuses 2 "did you mean 'panda_reach_sac'" "$program" panda_rech_sac
  refuses 2 "did you mean 'algorithm.sac.gamma'" "$program" panda_reach_sac algorithm.sac.gama=0.9
  refuses 2 "algorithm.sac.gamma: expected at least 0 and at most 1, got '2'" "$program" \
    panda_reach_sac algorithm.sac.gamma=2
  refuses 2 "would wait for each other" "$program" panda_reach_sac \
    replay.samples_per_insert_tolerance=0.0001
  refuses 2 "cluster.external_env_servers names none" "$program" panda_reach_sac \
    cluster.env_servers=0
  refuses 2 "algorithm.demonstrations.path=panda_push.safetensors: no such file" "$program" \
    panda_push_rlpd
  refuses 2 "cannot stand beside cluster.env_servers=1" "$program" panda_reach_sac \
    cluster.external_env_servers=file:servers.txt
done
refuses 2 "panda_reach_td3': expected key=value, since panda_reach_sac is" deploy/cluster \
  panda_reach_sac panda_reach_td3
refuses 2 "bazel run //deploy:sweep" deploy/cluster panda_reach_sac run.seed=1,2
for flag in -m --multirun; do
  refuses 2 "bazel run //deploy:sweep" deploy/cluster panda_reach_sac "$flag" run.seed=1,2
done
refuses 2 "did you mean --run_dir?" deploy/cluster panda_reach_sac --run-dir=x
refuses 2 "keys have no dashes: run.seed=3" deploy/cluster panda_reach_sac --run.seed=3
refuses 2 "'no_such_server' is in no folder of PATH; for armature-serve: pip install" \
  deploy/cluster panda_reach_sac "cluster.env_server_command=no_such_server --env Pendulum-v1"
refuses 2 "opens a ' that is never closed" deploy/cluster panda_reach_sac \
  "cluster.env_server_command=\"armature-serve --env 'Pendulum-v1\""
refuses 1 "refuses to listen on 0.0.0.0:0" envserver/envserver --listen=0.0.0.0:0
refuses 2 "the port is '99999', expected 0 to 65535" envserver/envserver \
  --listen=127.0.0.1:99999
for program in deploy/cluster learner/learner; do
  refuses 2 "learner.listen: ':abc' is not an address" "$program" panda_reach_sac \
    learner.listen=:abc
done
refuses 1 "no_such_token" envserver/envserver --token_file=/no_such_token
# Nobody listens on port 1.
refuses 1 "127.0.0.1:1" actor/actor --learner=127.0.0.1:1 --env_servers=127.0.0.1:1 \
  --connect_timeout_s=1

# The verbs.
folder="$(mktemp -d)"
export XDG_STATE_HOME="$folder/state"
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/run" "$folder/other"
echo '{"run_id": "0123456789abcdef", "policy_versions_reserved": 1}' >"$folder/run/run.json"
echo 'environment: {id: panda_reach}' >"$folder/run/config.yaml"
for verb in deploy/eval deploy/play deploy/record; do
  refuses 2 "RUN is missing" "$verb" environment.id=cartpole
  refuses 2 "no run 'no_such_run'" "$verb" no_such_run
  refuses 2 "is not a run" "$verb" "$folder/other"
  refuses 2 "none" "$verb" "$folder/run" --model best
  refuses 2 "did you mean 'environment.id'" "$verb" "$folder/run" environment.di=cartpole
  refuses 2 "--episodes" "$verb" "$folder/run" --episodes 0
done
refuses 2 "did you mean 'panda_reach'" deploy/random panda_rech
refuses 2 "did you mean 'reward_type'" deploy/random panda_reach environment.config.reward=dense
refuses 2 "'nowhere' is not an address" deploy/random panda_reach --env_servers nowhere
refuses 1 "env server 127.0.0.1:1" deploy/random panda_reach --env_servers 127.0.0.1:1
((failures == 0)) && echo "refusals_test: all refused as they should"

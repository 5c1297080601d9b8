#!/bin/bash
# A million random and adversarial actions beside moving humans, in the real physics, with the
# shield: not one contact faster than it promises. And some without it: many. What is fastest can be
# replayed, as each line on stderr says. Exit status 0: the promise was kept, and no contact of the real
# shapes was faster even while the table pushed the arm.
#
#   tests/shield_proof.sh [ACTIONS_WITH_THE_SHIELD [THREADS]]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
actions=${1:-1000000}
threads=${2:-$(nproc)}
bazel build //envserver/tasks/human/testing:shield_proof
proof=bazel-bin/envserver/tasks/human/testing/shield_proof
echo "| task | shield | actions | contacts | above 0.05 m/s | episodes in which capsules meet | above 0.05 m/s | only while pushed | fastest contact, m/s | of capsules | pushed or not | actions with interventions | stops for tracking | actions with pushes | actions beyond bounds | actions/s |"
echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
failed=0
run() { "$proof" "$1" "$2" "$3" "$threads" || failed=1; }
for shield in ssm pfl; do
  run human_reach "$shield" $((actions * 2 / 5))
  run panda_reach_human "$shield" $((actions / 10))
done
run human_reach off $((actions / 20))
run panda_reach_human off $((actions / 50))
exit "$failed"

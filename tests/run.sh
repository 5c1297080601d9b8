#!/bin/bash
# Installs what is missing and runs every test; ends with "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

./deploy/install_dependencies.sh --tests || exit 1

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
passed=0
failures=()

echo "armature: unit and integration tests"
# What no test needs, such as the benchmarks, must build as well. Programs and tests
# are named apart: asked for //..., Bazel compiles every library twice.
{
  bazel query --noshow_progress 'kind("(cc|sh)_binary", //...) + //deploy:bundle' 2>/dev/null |
    xargs bazel build --keep_going --noshow_progress &&
    bazel test --keep_going --noshow_progress --test_output=errors --build_tests_only //...
} 2>&1 | tee "$log"
bazel_status=${PIPESTATUS[0]}
while read -r target outcome; do
  case "$outcome" in
    *PASSED*) passed=$((passed + 1)) ;;
    *) failures+=("$target: $outcome") ;;
  esac
done < <(grep -E '^//[^ ]+ +(\(cached\) )?(PASSED|FLAKY|FAILED|TIMEOUT|NO STATUS)' "$log")
# Something that did not build, or no test at all.
if ((bazel_status != 0 && ${#failures[@]} == 0)); then
  failures+=("bazel: status $bazel_status")
fi
# Then the scripts need not ask Bazel one by one.
if ((bazel_status == 0)); then
  ARMATURE_BIN="$(bazel info bazel-bin 2>/dev/null)"
  export ARMATURE_BIN
fi

# What crosses processes, or needs more than a build.
for script in tests/integration/*_test.sh; do
  echo "armature: $script"
  if "$script"; then
    passed=$((passed + 1))
  else
    failures+=("$script: status $?")
  fi
done

for failure in "${failures[@]}"; do echo "FAILED $failure"; done
echo "$passed passed, ${#failures[@]} failed"
((${#failures[@]} == 0))

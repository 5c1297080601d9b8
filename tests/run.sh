#!/bin/bash
# Installs what is missing and runs every test; ends with "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

./deploy/install_dependencies.sh --tests || exit 1

log="$(mktemp)"
reports="$(mktemp -d)"
trap 'rm -rf "$log" "$reports"' EXIT
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

# What crosses processes, or needs more than a build. Scripts share no folder and no port, and
# one by itself uses less than a core: three run at once. Those with a line "# Takes about N s."
# start first, the longest one before the others, so that none is left alone at the end.
at_once=3
declare -A running=() # By process id: when it began, and the script.

begin() {
  set -m # A process group of its own: `stop` ends all that the script has started.
  "$1" >"$reports/$(basename "$1")" 2>&1 </dev/null &
  set +m
  running[$!]="$SECONDS $1"
}

# Waits until one of them ends, and prints what it has said.
finish_one() {
  local pid begun script status=0
  wait -n -p pid "${!running[@]}" || status=$?
  read -r begun script <<<"${running[$pid]}"
  unset "running[$pid]"
  echo "armature: $script, $((SECONDS - begun)) s"
  cat "$reports/$(basename "$script")"
  if ((status == 0)); then
    passed=$((passed + 1))
  else
    failures+=("$script: status $status")
  fi
}

stop() {
  trap - INT TERM HUP
  for pid in "${!running[@]}"; do kill -- "-$pid"; done
  wait
  exit 130
}
trap stop INT TERM HUP

scripts=(tests/integration/*_test.sh)
takes='^# Takes about [0-9]+ s\.$'
for script in $(grep -E "$takes" "${scripts[@]}" | sort -t ' ' -k 4 -rn | cut -d : -f 1) \
  $(grep -LE "$takes" "${scripts[@]}"); do
  if ((${#running[@]} == at_once)); then finish_one; fi
  begin "$script"
done
while ((${#running[@]} > 0)); do finish_one; done

for failure in "${failures[@]}"; do echo "FAILED $failure"; done
echo "$passed passed, ${#failures[@]} failed"
((${#failures[@]} == 0))

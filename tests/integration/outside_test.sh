#!/bin/bash
# A robot task outside the clone: its workspace fits Armature's targets; CMake builds it from
# the bundle alone; the launcher trains it. tests/outside_bazel.sh builds it with Bazel, which
# compiles the env server once more.
# Takes about 40 s.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bazel build --noshow_progress --ui_event_filters=-info //deploy:bundle
archive="$(bazel info bazel-bin 2>/dev/null)/deploy/armature.tar.gz"
libtorch="$(bazel info output_base 2>/dev/null)/external/libtorch"
folder="$(mktemp -d)"
export XDG_STATE_HOME="$folder/state"
trap 'rm -rf "$folder"' EXIT
fail() {
  echo "outside_test: $*" >&2
  exit 1
}
tar -xzf "$archive" -C "$folder"
# Away from the clone, so that nothing of it is found by chance.
cp -r examples/two_link_arm "$folder/arm"
rm -rf "$folder"/arm/{bazel-*,build}
configure() { cmake -S "$folder/arm" -B "$folder/build" "$@" >"$folder/cmake" 2>&1; }

# What is not installed is named, all of it at once.
config="$folder/armature/lib/cmake/Armature/ArmatureConfig.cmake"
sed 's|=libbullet-dev|.missing=libbullet-dev|; s|=libgrpc-dev|.missing=libgrpc-dev|' "$config" \
  >"$folder/ArmatureConfig.cmake"
if configure -DArmature_DIR="$folder"; then fail "CMake does not miss libbullet-dev"; fi
grep -qF 'not installed: apt-get install libbullet-dev libgrpc-dev ' \
  <(tr -s ' \n' ' ' <"$folder/cmake") || fail "$(cat "$folder/cmake")"
rm -rf "$folder/build"

configure -DArmature_DIR="${config%/*}" || fail "$(cat "$folder/cmake")"
cmake --build "$folder/build" >"$folder/make" 2>&1 || fail "$(cat "$folder/make")"
"$folder/build/bin/two_link_arm" --list >"$folder/list" || fail "--list"
for text in two_link_arm: tolerance_m reward.effort; do
  grep -qF "$text" "$folder/list" || fail "no $text in $(cat "$folder/list")"
done

"$folder/armature/armature" --libtorch "$libtorch" train "$folder/arm/two_link_arm.yaml" \
  --run_dir "$folder/run" "cluster.env_server_command=$folder/build/bin/two_link_arm" \
  run.total_env_steps=600 algorithm.sac.random_env_steps=200 replay.size_min=200 \
  evaluation.every_env_steps=0 evaluation.episodes=4 evaluation.stop_at_success_rate=0 \
  >"$folder/train" || fail "$(cat "$folder/train")"
tail -n 1 "$folder/train" | grep -q '^armature: finished two_link_arm ' ||
  fail "$(cat "$folder/train")"

# Its own workspace: labels, visibility, and messages that are generated in another repository.
cd examples/two_link_arm
bazel build --nobuild --noshow_progress --ui_event_filters=-info //...
bazel build --noshow_progress --ui_event_filters=-info @armature//proto:env_service_proto_gen
bazel shutdown
echo "outside_test: built and trained"

#!/bin/bash
# The bundle is small, complete without this machine's libraries, and trains.
# bundle_chroot_test.sh does the same in a bare root folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh

build //deploy:bundle
archive="$bin/deploy/armature.tar.gz"
libtorch="$(bazel info output_base 2>/dev/null)/external/libtorch"
folder="$(mktemp -d)"
export XDG_STATE_HOME="$folder/state"
trap 'rm -rf "$folder"' EXIT
fail() {
  echo "bundle_test: $*" >&2
  exit 1
}

bytes="$(stat -Lc %s "$archive")"
((bytes < 50 * 1000 * 1000)) || fail "$bytes bytes, expected under 50 MB"
tar -xzf "$archive" -C "$folder"
armature="$folder/armature/armature"

# Whatever is not in the bundle is glibc's or LibTorch's.
for program in "$folder"/armature/bin/*; do
  while read -r library _ target _; do
    library="$(basename "$library")"
    case "$library" in
      linux-vdso* | ld-linux* | libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | \
        libresolv.so.*) ;;
      libtorch* | libc10* | libcudart* | libcupti* | libgomp*) ;;
      *) [[ "$target" == "$folder"/* ]] || fail "$(basename "$program"): $library is not in it" ;;
    esac
  done < <(LD_LIBRARY_PATH="$folder/armature/lib" ldd "$program")
done

bare() { env -i PATH=/usr/bin:/bin HOME="$folder" "$armature" "$@"; }
bare envserver --list | grep -q '^panda_reach:' || fail "envserver --list"
bare cluster algorithm=ppo environment=cartpole --cfg job >/dev/null || fail "cluster --cfg job"
bare random panda_reach --episodes 2 >"$folder/output" || fail "random"
grep -q '^random actions, seed 1, 2 episodes$' "$folder/output" || fail "$(cat "$folder/output")"
for words in "envservr; did you mean envserver?" "sweeep; did you mean sweep?" "fly"; do
  verb="${words%%;*}"
  if bare "$verb" 2>"$folder/error"; then fail "$verb was taken"; fi
  grep -qxF "armature: there is no verb '$verb'${words#"$verb"} (--help lists them all)" \
    "$folder/error" || fail "$(cat "$folder/error")"
done
if bare view 127.0.0.1:1 2>"$folder/error"; then fail "view without the Python package"; fi
grep -qF "pip install './envserver/python[view]'" "$folder/error" || fail "$(cat "$folder/error")"
if bare --libtorch /nonexistent learner --help 2>"$folder/error"; then fail "ran without LibTorch"; fi
grep -q "no LibTorch in '/nonexistent'" "$folder/error" || fail "$(cat "$folder/error")"

# A program from outside gets none of the bundle's libraries.
if bare --libtorch "$libtorch" cluster panda_reach_ppo run.output_dir="$folder/outputs" \
  "cluster.env_server_command=sh -c 'echo libraries=\$LD_LIBRARY_PATH; exit 1'" >"$folder/output"; then
  fail "an env server that ends at once was accepted"
fi
grep -q 'exited with status 1: libraries= (logs' "$folder/output" || fail "$(cat "$folder/output")"

bare --libtorch "$libtorch" cluster panda_reach_ppo run.output_dir="$folder/outputs" \
  run.total_env_steps=4096 evaluation.episodes=10 \
  evaluation.stop_at_success_rate=0 | tee "$folder/output"
tail -n 1 "$folder/output" | grep -q '^armature: finished panda_reach return=' ||
  fail "the last line is: $(tail -n 1 "$folder/output")"

# As the run's last lines say.
evaluate="$(sed -n 's/^armature: evaluate: //p' "$folder/output")"
[[ "$evaluate" == "$armature eval "* ]] || fail "evaluate: $evaluate"
bare --libtorch "$libtorch" eval "${evaluate#* eval }" --episodes 2 >"$folder/output"
grep -q '^return ' "$folder/output" || fail "$(cat "$folder/output")"

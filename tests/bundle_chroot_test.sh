#!/bin/bash
# Root. Trains in a bare Debian 12 root folder (debootstrap, chroot) that has
# nothing but the bundle and LibTorch: no Python, no compiler, no library of ours.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bazel build --noshow_progress --ui_event_filters=-info //deploy:bundle
archive="$(bazel info bazel-bin 2>/dev/null)/deploy/armature.tar.gz"
libtorch="$(bazel info output_base 2>/dev/null)/external/libtorch"
root="$(mktemp -d)"
trap 'rm -rf "$root"' EXIT

debootstrap --variant=minbase bookworm "$root" >"$root.log" || { cat "$root.log"; exit 1; }
rm "$root.log"
tar -xzf "$archive" -C "$root/opt"
mkdir -p "$root/opt/libtorch/torch" "$root/opt/libtorch/nvidia"
cp -rL "$libtorch/torch/lib" "$root/opt/libtorch/torch/"
cp -rL "$libtorch/nvidia/." "$root/opt/libtorch/nvidia/"

# The mounts end with the namespace.
unshare --mount --propagation private bash -c '
  mount -t proc proc "$0/proc"
  mount --rbind /dev "$0/dev"
  exec chroot "$0" /opt/armature/armature --libtorch /opt/libtorch cluster panda_reach_ppo \
    run.output_dir=/tmp/outputs run.total_env_steps=4096 evaluation.episodes=10 \
    evaluation.stop_at_success_rate=0
' "$root" | tee "$root/tmp/output"
tail -n 1 "$root/tmp/output" | grep '^armature: finished panda_reach return='

#!/bin/bash
# Root. Builds with what comes after Debian 12: Bazel 7, GCC and Abseil of Debian
# sid, in a root folder of its own.
#
#   tests/later_bazel.sh [ROOT_FOLDER] [TARGET...]   # default: all that needs no LibTorch
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

root="${1:-$(mktemp -d)}"
shift || true
targets=("$@")
((${#targets[@]} > 0)) || targets=(//envserver //deploy/launcher/... //common/config/... //common/rpc/...)
[[ -e "$root/etc/debian_version" ]] || debootstrap --variant=minbase sid "$root"
for path in /etc/resolv.conf /etc/pip.conf /etc/apt/auth.conf.d /usr/local/share/ca-certificates \
  /etc/ssl/certs; do
  [[ -e "$path" ]] || continue
  mkdir -p "$root$(dirname "$path")"
  cp -rLT --remove-destination "$path" "$root$path"
done
rm -rf "$root/root/armature"
mkdir -p "$root/root/armature"
git archive HEAD | tar -x -C "$root/root/armature"

# Debian's later Bazel has no rules built in; its own packages stand in for them.
flags="--noenable_bzlmod --enable_workspace"
# Later Abseil deprecates what the Abseil of Debian 12 has no other form of.
flags+=" --copt=-Wno-error=deprecated-declarations"
for rules in rules_cc rules_python rules_license; do
  flags+=" --override_repository=$rules=/usr/share/bazel/rules/${rules#rules_}"
done
unshare --mount --propagation private bash -c '
  mount -t proc proc "$0/proc"
  mount --rbind /dev "$0/dev"
  exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 chroot "$0" bash -ec "
    cd /root/armature
    ./deploy/install_dependencies.sh --tests
    apt-get install -y -qq --no-install-recommends bazel-rules-cc bazel-rules-python \
      bazel-rules-license >/dev/null
    bazel --version
    gcc --version | head -n 1
    bazel build --keep_going $1 $2"
' "$root" "$flags" "${targets[*]}"

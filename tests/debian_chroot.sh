#!/bin/bash
# Root. Both commands of the README in a bare Debian 12, with nothing prepared:
# this tree as committed, apt and PyPI as this machine reaches them.
#
#   tests/debian_chroot.sh [ROOT_FOLDER]   # kept when named, else removed
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if (($# > 0)); then
  root="$1"
  mkdir -p "$root"
else
  root="$(mktemp -d)"
  trap 'rm -rf "$root"' EXIT
fi
[[ -e "$root/etc/debian_version" ]] || debootstrap --variant=minbase bookworm "$root"

# How this machine reaches the registries: certificates, sources, pip's settings.
for path in /etc/resolv.conf /etc/pip.conf \
  /etc/apt/auth.conf.d /usr/local/share/ca-certificates /etc/ssl/certs; do
  [[ -e "$path" ]] || continue
  mkdir -p "$root$(dirname "$path")"
  cp -rLT --remove-destination "$path" "$root$path"
done
rm -rf "$root/root/armature"
mkdir -p "$root/root/armature"
git archive HEAD | tar -x -C "$root/root/armature"

unshare --mount --propagation private bash -c '
  mount -t proc proc "$0/proc"
  mount --rbind /dev "$0/dev"
  exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 chroot "$0" bash -ec "
    cd /root/armature
    time ./deploy/quickstart.sh
    time ./tests/run.sh
    echo again, at once:
    time ./deploy/quickstart.sh
    time ./tests/run.sh"
' "$root"

#!/bin/bash
# Prints the folder of Debian's prometheus and promtool. Where they are not
# installed the package is unpacked, not installed: that would start a service.
set -euo pipefail

if found="$(command -v prometheus)" && command -v promtool >/dev/null; then
  dirname "$found"
  exit
fi
cache="${XDG_CACHE_HOME:-$HOME/.cache}/armature/prometheus"
if [[ ! -x "$cache/usr/bin/promtool" ]]; then
  mkdir -p "$cache"
  (cd "$cache" && apt-get download -qq prometheus >&2)
  dpkg-deb --extract "$cache"/prometheus_*.deb "$cache"
fi
echo "$cache/usr/bin"

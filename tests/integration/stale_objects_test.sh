#!/bin/bash
# After an apt upgrade of what we build with, every object is built anew; after one of anything
# else, none. Builds nothing: it asks Bazel for the commands.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

dpkg="$(mktemp -d)"
trap 'rm -rf "$dpkg"' EXIT
cp /var/lib/dpkg/status "$dpkg/status"
touch "$dpkg/WORKSPACE"
echo 'exports_files(["status"])' >"$dpkg/BUILD.bazel"

upgrade() { sed -i "/^Package: $1\$/,/^\$/ s/^Version: .*/&+upgraded/" "$dpkg/status"; }
versions() {
  bazel aquery --noshow_progress --ui_event_filters=-info --override_repository="dpkg=$dpkg" \
    'mnemonic("CppCompile", //common/checksum)' | grep -o 'ARMATURE_SYSTEM=[0-9a-f]*' | sort -u
}
fail() {
  echo "stale_objects_test: $1" >&2
  exit 1
}

before="$(versions)"
[[ "$before" =~ ^ARMATURE_SYSTEM=[0-9a-f]{16}$ ]] || fail "the versions are '$before'"
upgrade adduser
[[ "$(versions)" == "$before" ]] || fail "an upgrade of adduser changes the commands"
upgrade libgrpc-dev
[[ "$(versions)" != "$before" ]] || fail "an upgrade of libgrpc-dev does not change the commands"

unaware="$(bazel query --noshow_progress --ui_event_filters=-info \
  'kind("cc_(library|binary|test)", //... except //third_party/...) except rdeps(//..., @system//versions)')"
[[ -z "$unaware" ]] || fail "built without the versions: $unaware"
echo "stale_objects_test: passed"

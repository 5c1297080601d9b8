#!/bin/bash
# Installs what a build needs and this Debian 12 lacks: says what, asks nothing.
# Needs root or sudo only when something is missing.
#
#   deploy/install_dependencies.sh            # to build and run
#   deploy/install_dependencies.sh --tests    # and to test
set -euo pipefail

packages=(
  # The build itself.
  bazel-bootstrap bazel-rules-java bazel-rules-proto bazel-skylib
  g++ make ca-certificates python3 python3-pip
  # Wire and services.
  libgrpc++-dev libgrpc-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
  libabsl-dev libspdlog-dev libfmt-dev libcli11-dev libyaml-cpp-dev nlohmann-json3-dev
  prometheus-cpp-dev libcivetweb-dev
  # What is made of a policy: pictures and models.
  libgif-dev libonnx-dev
  # Pictures without a display: EGL and Mesa, which draws where there is no GPU.
  libegl-dev libegl1 libgl1-mesa-dri
  # Simulation.
  libbullet-dev libeigen3-dev libtinyxml2-dev libtinyobjloader-dev
)
test_packages=(cmake ffmpeg chromium libgtest-dev libgmock-dev libbenchmark-dev openssl curl python3-venv)

wanted=("${packages[@]}" "${test_packages[@]}")
case "${1:-}" in
  --tests) ;;
  "") wanted=("${packages[@]}") ;;
  *)
    echo "install_dependencies.sh: '$1': expected --tests or nothing" >&2
    exit 2
    ;;
esac

installed() {
  [[ "$(dpkg-query -W -f='${Status}' "$1" 2>/dev/null)" == "install ok installed" ]]
}
missing=()
for package in "${wanted[@]}"; do
  installed "$package" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then exit 0; fi

echo "armature: installing ${missing[*]}"
as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "armature: no root and no sudo; run as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
  --no-install-recommends "${missing[@]}" >/dev/null

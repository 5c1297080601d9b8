#!/bin/bash
# From a fresh Debian 12 to a trained arm: installs what is missing, builds, and
# trains Panda Reach on a cluster of this machine's processes until it is solved.
# Arguments are overrides of deploy/configs/panda_reach_sac.yaml, e.g. run.seed=3.
# The last line says how it went; so does the exit status (0: solved).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

./deploy/install_dependencies.sh
echo "armature: building (minutes the first time, seconds after)"
bazel build --noshow_progress --ui_event_filters=-info //deploy:cluster
cluster="$(bazel info bazel-bin 2>/dev/null)/deploy/cluster"
exec "$cluster" panda_reach_sac "$@"

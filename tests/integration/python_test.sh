#!/bin/bash
# The Python package as its users have it, built and installed: format, lint and types; its
# tests with the newest and with the oldest libraries that it promises to work with; and the
# conformance suite of EnvService against armature-serve.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/python_package.sh

report="$(mktemp)"
server=""
end() {
  if [[ -n "$server" ]]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$package" "$report"
}
trap end EXIT
install_python_package newest
oldest="$(python_with oldest)"

bazel build --noshow_progress --ui_event_filters=-info //envserver //envserver:env_service_test
bin="$(bazel info bazel-bin 2>/dev/null)"
export ARMATURE_ENVSERVER="$bin/envserver/envserver"

# In the copy that was installed, so that nothing is written to the clone.
cd "$package/envserver/python"
quiet() {
  echo "python_test: $1"
  shift
  if ! "$@" >"$report" 2>&1; then
    cat "$report"
    exit 1
  fi
}
quiet "format" "$python" -m ruff format --check --no-cache .
quiet "lint" "$python" -m ruff check --no-cache .
quiet "types" "$python" -m mypy --cache-dir "$python_cache/mypy"
cd tests
for each in "$python" "$oldest"; do
  quiet "$("$each" -c 'import google.protobuf, grpc, gymnasium, numpy
print("tests with grpcio", grpc.__version__, "protobuf", google.protobuf.__version__,
      "gymnasium", gymnasium.__version__, "numpy", numpy.__version__)')" \
    "$each" -m pytest -q -p no:cacheprovider
  tail -n 1 "$report"
done

# The conformance suite on an armature-serve of ENV, which is started with the other words.
conformance() {
  local env_id="$1" line said=""
  shift
  exec 3< <(exec "$python" -m armature.serve.main --listen=127.0.0.1:0 --metrics_listen=off \
    --env="serve_envs:$env_id" --port_file="$package/port" "$@" 2>&1)
  server=$!
  while read -r line <&3; do
    said="$line"
    [[ "$said" != "envserver ready"* ]] || break
  done
  if [[ "$said" != "envserver ready"* ]]; then
    echo "python_test: armature-serve ended: $said"
    exit 1
  fi
  quiet "the conformance suite on armature-serve with $env_id" \
    env ARMATURE_ENV_SERVICE_ADDRESS="$(head -n 1 "$package/port")" \
    ARMATURE_ENV_SERVICE_ENV_ID="$env_id" \
    "$bin/envserver/env_service_test" --gtest_filter='ConformanceTest.*'
  grep -F '[  PASSED  ]' "$report"
  kill "$server"
  server=""
  exec 3<&-
}
conformance point_mass --render
conformance Counter

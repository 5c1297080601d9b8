#!/bin/bash
# The Python package as its users have it, built and installed: format, lint and types; its
# tests with the newest and, at the same time, with the oldest libraries that it promises to
# work with; and the conformance suite of EnvService against armature-serve.
# Takes about 190 s.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh
source tests/integration/python_package.sh

reports="$(mktemp -d)"
server=""
declare -A process=()
end() {
  for each in $server "${process[@]}"; do kill "$each" 2>/dev/null || true; done
  rm -rf "$package" "$reports"
}
trap end EXIT
install_python_package newest
oldest="$(python_with oldest)"

build //envserver //envserver/service:env_service_conformance_test \
  //envserver/service:env_abilities_conformance_test
export ARMATURE_ENVSERVER="$bin/envserver/envserver"

# begin NAME COMMAND...: beside the others.
begin() {
  local name="$1"
  shift
  "$@" >"$reports/$name" 2>&1 &
  process[$name]=$!
}
# finish NAME WORDS: waits for it; if it fails, so does the test, with all that it has said.
finish() {
  local status=0
  echo "python_test: $2"
  wait "${process[$1]}" || status=$?
  unset "process[$1]"
  ((status == 0)) && return
  cat "$reports/$1"
  exit 1
}

# In the copy that was installed, so that nothing is written to the clone.
cd "$package/envserver/python"
begin newest env --chdir=tests "$python" -m pytest -q -p no:cacheprovider
begin oldest env --chdir=tests "$oldest" -m pytest -q -p no:cacheprovider
for each in "format --check" check; do
  begin "$each" "$python" -m ruff $each --no-cache .
  finish "$each" "ruff $each"
done
begin types "$python" -m mypy --cache-dir "$python_cache/mypy"
finish types "types"
for each in newest oldest; do
  interpreter="$python"
  [[ $each == newest ]] || interpreter="$oldest"
  finish $each "$("$interpreter" -c 'import google.protobuf, grpc, gymnasium, numpy
print("tests with grpcio", grpc.__version__, "protobuf", google.protobuf.__version__,
      "gymnasium", gymnasium.__version__, "numpy", numpy.__version__)')"
  tail -n 1 "$reports/$each"
done
cd tests

# The conformance suite on an armature-serve of ENV, which is started with the other words.
conformance() {
  local env_id="$1" line said="" part
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
  for part in env_service env_abilities; do
    begin conformance env ARMATURE_ENV_SERVICE_ADDRESS="$(head -n 1 "$package/port")" \
      ARMATURE_ENV_SERVICE_ENV_ID="$env_id" \
      "$bin/envserver/service/${part}_conformance_test" --gtest_filter='ConformanceTest.*'
    finish conformance "the conformance suite, $part, on armature-serve with $env_id"
    grep -F '[  PASSED  ]' "$reports/conformance"
  done
  kill "$server"
  server=""
  exec 3<&-
}
conformance point_mass --render
conformance Counter
conformance equipped

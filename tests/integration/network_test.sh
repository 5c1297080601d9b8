#!/bin/bash
# Between processes: certificates of one command make mutual TLS, a wrong side is told at once,
# no proxy stands before this machine, a low limit of files is raised.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh

build //actor //deploy:certificates //deploy:random //envserver
folder="$(mktemp -d)"
export XDG_STATE_HOME="$folder/state"
server=""
end() {
  if [[ -n "$server" ]]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$folder"
}
trap end EXIT
fail() {
  echo "network_test: $*" >&2
  exit 1
}
# serve FLAG...: an env server, whose address is then in $address.
serve() {
  local line
  if [[ -n "$server" ]]; then kill "$server"; wait "$server" || true; fi
  exec 3< <(exec "$bin/envserver/envserver" --port_file="$folder/port" "$@" 2>&1)
  server=$!
  read -r line <&3
  [[ "$line" == "envserver ready"* ]] || fail "envserver $*: $line"
  address="$(head -n 1 "$folder/port")"
  address="${address/#0.0.0.0/127.0.0.1}"
}
# plays FLAG...: a client reaches it; refused TEXT FLAG...: it does not, and says TEXT.
plays() {
  "$bin/deploy/random" cartpole --episodes 1 --env_servers "$address" "$@" >"$folder/said" 2>&1 ||
    fail "random $*: $(cat "$folder/said")"
}
refused() {
  local text="$1"
  shift
  if "$bin/deploy/random" cartpole --episodes 1 --env_servers "$address" "$@" \
    >"$folder/said" 2>&1; then fail "random $*: was let in"; fi
  [[ "$(cat "$folder/said")" == *"$text"* ]] || fail "random $*: $(cat "$folder/said")"
}

"$bin/deploy/certificates" --folder "$folder/keys" learner=10.0.0.5,learner.example.org sim \
  >"$folder/said"
"$bin/deploy/certificates" --folder "$folder/other" stranger >"$folder/said"
[[ "$(stat -c %a "$folder/keys/sim" "$folder/keys/sim/key.pem")" == $'700\n600' ]] ||
  fail "others may read keys"
if "$bin/deploy/certificates" --folder "$folder/keys" sim 2>"$folder/said"; then
  fail "a host's keys were made twice"
fi

serve --listen=0.0.0.0:0 --tls_folder="$folder/keys/sim"
plays --tls_folder "$folder/keys/learner"
refused "" --tls_folder "$folder/other/stranger"
refused "" --tls_authority "$folder/keys/sim/authority.pem"
refused "it speaks TLS, and this side does not"
# Whatever it should be: long before the 50 s in which a learner may come.
if timeout 40 "$bin/actor/actor" --learner="$address" --env_servers="$address" \
  --connect_timeout_s=50 >"$folder/said" 2>&1; then fail "an actor without TLS"; fi
[[ "$(cat "$folder/said")" == "actor: learner $address: it speaks TLS, and"* ]] ||
  fail "$(cat "$folder/said")"

serve --listen=127.0.0.1:0
refused "it speaks without TLS, and this side with it" --tls_folder "$folder/keys/learner"
for variable in http_proxy https_proxy grpc_proxy; do
  (
    unset no_proxy
    export "$variable=http://127.0.0.1:9" # Nobody is there.
    plays
    "$bin/deploy/random" cartpole --episodes 1 >"$folder/said" 2>&1 ||
      fail "random with its own env server: $(cat "$folder/said")"
  )
done

serve "--listen=unix:$folder/a socket"
plays
(
  ulimit -Sn 256
  serve --listen=127.0.0.1:0
  [[ "$(grep "Max open files" "/proc/$server/limits")" != *" 256 "* ]] || fail "256 files"
  kill "$server"
)
echo "network_test: who is known gets in, and who is not is told why"

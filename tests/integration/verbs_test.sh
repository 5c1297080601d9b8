#!/bin/bash
# A small run is trained and then evaluated and played; an environment is looked at.
# Takes about 50 s.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/integration/build.sh

build //deploy:cluster //deploy:eval //deploy:play //deploy:random //deploy:record //envserver
eval="$bin/deploy/eval" play="$bin/deploy/play" random="$bin/deploy/random"
record="$bin/deploy/record"
folder="$(mktemp -d)"
export XDG_STATE_HOME="$folder/state"
server=""
# Ends what still runs, also after a failure: an eval of a million episodes would go on for hours.
trap 'kill $(jobs -p) $server 2>/dev/null || true; rm -rf "$folder"' EXIT
run="$folder/run"
fail() {
  echo "verbs_test: $*" >&2
  exit 1
}
# has FILE TEXT...: each text is in the file.
has() {
  local file="$1" text
  shift
  for text; do grep -qF -- "$text" "$file" || fail "no '$text' in $(cat "$file")"; done
}

"$bin/deploy/cluster" panda_reach_sac --run_dir "$run" \
  run.total_env_steps=800 evaluation.stop_at_success_rate=0 evaluation.every_env_steps=0 \
  >"$folder/train" || fail "$(cat "$folder/train")"

# The same seed plays the same episodes, however many at once, and another one others.
"$eval" "$run" --episodes 12 --seed 7 >"$folder/table"
has "$folder/table" panda_reach "deterministic, seed 7, 12 episodes" "95 % interval" \
  "success rate" "written to $run/evaluation.json"
evaluate() { "$eval" "$run" --episodes 12 --output "$folder/$1.json" "${@:2}" >/dev/null; }
evaluate one --seed 7 --num_envs 1
evaluate many --seed 7 --num_envs 12
cmp "$run/evaluation.json" "$folder/one.json" || fail "one environment plays other episodes"
cmp "$run/evaluation.json" "$folder/many.json" || fail "twelve environments play other episodes"
evaluate other --seed 8
if cmp -s "$run/evaluation.json" "$folder/other.json"; then fail "seed 8 plays seed 7's"; fi
evaluate drawn --seed 7 --stochastic
evaluate drawn_again --seed 7 --stochastic --num_envs 5
cmp "$folder/drawn.json" "$folder/drawn_again.json" || fail "what is drawn depends on --num_envs"
python3 - "$run/evaluation.json" "$folder/drawn.json" <<'END'
import json, sys
mode, drawn = (json.load(open(path)) for path in sys.argv[1:])
assert mode["episodes"] == len(mode["per_episode"]) == 12, mode
assert mode["environment"] == "panda_reach" and mode["seed"] == 7 and mode["deterministic"], mode
assert mode["return"]["min"] <= mode["return"]["median"] <= mode["return"]["max"], mode
assert mode["per_episode"] != drawn["per_episode"] and not drawn["deterministic"], drawn
END

# On a server that runs already, and in another variant of the environment.
exec 4< <(exec "$bin/envserver/envserver" --listen 127.0.0.1:0)
server=$!
read -r line <&4 # "envserver ready on HOST:PORT, metrics ..."
line="${line#*ready on }"
evaluate external --seed 7 --env_servers "${line%%,*}"
cmp "$run/evaluation.json" "$folder/external.json" || fail "another server plays other episodes"
kill "$server"
server=""
exec 4<&-
"$eval" "$run" environment.config.reward_type=sparse --episodes 2 --output "$folder/sparse.json" \
  >/dev/null

# What the policy cannot see or do is said.
if "$eval" "$run" environment.config.control_type=joints >/dev/null 2>"$folder/refused"; then
  fail "a policy for 3 actions acted with 7"
fi
has "$folder/refused" "trained in another environment" "action.box.size: 3 -> 7"
if "$eval" "$run" --model 123456 2>"$folder/refused"; then fail "found a model of step 123456"; fi
has "$folder/refused" 123456 final
"$play" "$run" --episodes 2 >"$folder/played"
has "$folder/played" "step     reward  achieved_goal" "episode 0: return" "episode 1: return"
grep -qE "^ +[0-9]+ .*(terminated|truncated)" "$folder/played" || fail "$(cat "$folder/played")"

"$random" panda_reach --episodes 3 --print --output "$folder/random.json" >"$folder/looked"
has "$folder/looked" "observation   desired_goal float32 [3]" "action        float32 [3] in [-1, 1]" \
  "horizon       50 steps" "step     reward" "random actions, seed 1, 3 episodes"
"$random" panda_reach --episodes 3 --num_envs 1 --output "$folder/random_again.json" >/dev/null
cmp "$folder/random.json" "$folder/random_again.json" || fail "random actions depend on --num_envs"

# Videos: of a policy (two environments side by side), of random actions, of a recording.
video() { # video FILE WIDTH HEIGHT RATE PICTURES
  local facts
  facts="$(ffprobe -v error -count_frames -of csv=p=0 \
    -show_entries stream=codec_name,width,height,r_frame_rate,nb_read_frames "$1")"
  [[ "$facts" == "h264,$2,$3,$4/1,$5" ]] || fail "$1 is $facts, not $*"
}
"$record" "$run" --num_envs 2 --episodes 2 --size 320x120 --seed 7 >"$folder/recorded"
has "$folder/recorded" "episode 0: return" "episode 1: return" \
  " pictures, " "in $run/videos/final.mp4"
pictures="$(sed -n 's/^\([0-9]*\) pictures, .*/\1/p' "$folder/recorded")"
# One for each step of the longer episode, and the first state.
steps="$(sed -n 's/^episode .* \([0-9]*\) steps.*/\1/p' "$folder/recorded" | sort -n | tail -1)"
((pictures == steps + 1)) || fail "$pictures pictures of $steps steps"
video "$run/videos/final.mp4" 320 120 25 "$pictures"
"$record" --random panda_reach --size 96x64 --no_text --output "$folder/x.gif" \
  --output "$folder/x.episodes" >"$folder/recorded"
has "$folder/recorded" "51 pictures, 2.04 s, in $folder/x.gif" "1 episode in $folder/x.episodes"
[[ "$(head -c 6 "$folder/x.gif")" == GIF89a ]] || fail "$folder/x.gif is no GIF"
"$record" "$folder/x.episodes" --size 96x64 --camera close --speed 2 >/dev/null
video "$folder/x.mp4" 96 64 25 26 # Every second step, since there would be 50 a second.
refuses() { # refuses TEXT record's arguments
  local text="$1"
  shift
  if "$record" "$@" >/dev/null 2>"$folder/refused"; then fail "record $*: not refused"; fi
  has "$folder/refused" "$text"
  (($(wc -l <"$folder/refused") == 1)) || fail "$(cat "$folder/refused")"
}
refuses "expected a name that ends in .mp4, .gif or .episodes" "$run" --output x.avi
refuses "--size 12: expected WIDTHxHEIGHT" "$run" --size 12
refuses "--camera top: panda_reach has front, close" --random panda_reach --camera top
cp "$folder/train" "$folder/train.episodes"
refuses "record: $folder/train.episodes is no recording of episodes" "$folder/train.episodes"
if env PATH=/nowhere "$record" --random panda_reach --output "$folder/none.mp4" >/dev/null \
  2>"$folder/refused"; then fail "an MP4 without ffmpeg"; fi
has "$folder/refused" "not installed: apt-get install ffmpeg; or write a .gif"

# Ctrl-C: what was played is told, nothing is left behind.
mkfifo "$folder/progress"
"$eval" "$run" --episodes 1000000 --output "$folder/none.json" >"$folder/partial" \
  2>"$folder/progress" &
pid=$!
exec 3<"$folder/progress"
read -r line <&3
[[ "$line" == *"of 1000000 episodes, mean return"* ]] || fail "progress: $line"
children="$(pgrep -P "$pid")" || fail "eval has no env server"
kill -INT "$pid"
status=0
wait "$pid" || status=$?
((status == 130)) || fail "Ctrl-C: status $status"
tail -n 1 <&3 | grep -q '^eval: stopped by signal 2 after [0-9]* of 1000000 episodes$' ||
  fail "Ctrl-C is not told"
exec 3<&-
has "$folder/partial" "return"
[[ ! -e "$folder/none.json" ]] || fail "a part was written as if it were all"
for child in $children; do
  if kill -0 "$child" 2>/dev/null; then fail "process $child was left behind"; fi
done

# An env server that dies is named, and so is how.
"$eval" "$run" --episodes 1000000 --output "$folder/none.json" >/dev/null 2>"$folder/progress" &
pid=$!
exec 3<"$folder/progress"
read -r line <&3
kill -KILL "$(pgrep -P "$pid")"
status=0
wait "$pid" || status=$?
((status == 1)) || fail "a dead env server: status $status"
tail -n 1 <&3 | grep -q '^eval: the env server was killed by signal 9' || fail "its death is not told"
exec 3<&-
echo "verbs_test: passed"

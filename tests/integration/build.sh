# To be sourced: what Bazel builds for a test.

# build TARGET... sets `bin` to the folder with the programs. tests/run.sh builds them all at
# once and says in ARMATURE_BIN where they are: then nothing is left to do here.
build() {
  bin="${ARMATURE_BIN:-}"
  [[ -z "$bin" ]] || return 0
  bazel build --noshow_progress --ui_event_filters=-info "$@" || return
  bin="$(bazel info bazel-bin 2>/dev/null)"
}

// The env server of the built-in tasks: `bazel run //envserver -- --help`.
#include "envserver/server/env_server_main.h"
#include "envserver/tasks/builtin_envs.h"

int main(int argc, char** argv) {
  return armature::EnvServerMain(argc, argv, armature::RegisterBuiltinEnvs);
}

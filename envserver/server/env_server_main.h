// An env server of one's own environments, with every flag of ours:
//
//   absl::Status RegisterMine(armature::EnvRegistry& registry) {
//     return armature::RegisterTask<MyTask>(registry, "my_task", "What it is about.");
//   }
//   int main(int argc, char** argv) {
//     return armature::EnvServerMain(argc, argv, RegisterMine);
//   }
//
// `--help` explains the flags, `--list` prints the environments and wrappers with their keys. It
// ends at SIGINT or SIGTERM.
#ifndef ARMATURE_ENVSERVER_SERVER_ENV_SERVER_MAIN_H_
#define ARMATURE_ENVSERVER_SERVER_ENV_SERVER_MAIN_H_

#include <functional>

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

namespace CLI {
class App;
}

namespace armature {

// Registers environments, and wrappers beside the built-in ones (envserver/wrappers), which are
// there already; called once, after flags were parsed.
using RegisterEnvs = std::function<absl::Status(EnvRegistry&)>;

// Runs an env server. Returns the process's exit status if it cannot start or only had to print;
// once it has served, it ends the process itself with status 0, so that no hung simulator delays
// that. `add_flags` may add flags of the program's own.
int EnvServerMain(int argc, char** argv, const RegisterEnvs& register_envs,
                  const std::function<void(CLI::App&)>& add_flags = nullptr);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SERVER_ENV_SERVER_MAIN_H_

// Registers the environments that come with Armature.
#ifndef ARMATURE_ENVSERVER_TASKS_BUILTIN_ENVS_H_
#define ARMATURE_ENVSERVER_TASKS_BUILTIN_ENVS_H_

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

namespace armature {

// Returns AlreadyExists if the registry already has one of their names. Reads no files:
// EnvRegistry::Make reports a missing robot model.
absl::Status RegisterBuiltinEnvs(EnvRegistry& registry);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_BUILTIN_ENVS_H_

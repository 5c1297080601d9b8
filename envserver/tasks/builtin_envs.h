// The environments that come with Armature.
#ifndef ARMATURE_ENVSERVER_TASKS_BUILTIN_ENVS_H_
#define ARMATURE_ENVSERVER_TASKS_BUILTIN_ENVS_H_

#include "absl/status/status.h"
#include "envserver/kit/env_registry.h"

namespace armature {

// OK; AlreadyExists: the registry has one of their names. Reads no files: a robot
// model that is missing is an error of EnvRegistry::Make.
absl::Status RegisterBuiltinEnvs(EnvRegistry& registry);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_BUILTIN_ENVS_H_

// Tasks of the quadruped ANYmal: "anymal", raisimGym's example, and "anymal_rough".
#ifndef ARMATURE_ENVSERVER_TASKS_ANYMAL_ANYMAL_TASKS_H_
#define ARMATURE_ENVSERVER_TASKS_ANYMAL_ANYMAL_TASKS_H_

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

namespace armature {

// Registers all of them. Returns the registry's errors.
absl::Status RegisterAnymalTasks(EnvRegistry& registry);

// Each of them.
absl::Status RegisterAnymal(EnvRegistry& registry);
absl::Status RegisterAnymalRough(EnvRegistry& registry);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_ANYMAL_ANYMAL_TASKS_H_

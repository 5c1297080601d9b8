// The six tasks of panda-gym v3, each in its own file, which says where it differs.
#ifndef ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_TASKS_H_
#define ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_TASKS_H_

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

namespace armature {

// Registers all of them. Returns the registry's errors.
absl::Status RegisterPandaTasks(EnvRegistry& registry);

// Each of them.
absl::Status RegisterPandaReach(EnvRegistry& registry);
absl::Status RegisterPandaPush(EnvRegistry& registry);
absl::Status RegisterPandaSlide(EnvRegistry& registry);
absl::Status RegisterPandaPickAndPlace(EnvRegistry& registry);
absl::Status RegisterPandaStack(EnvRegistry& registry);
absl::Status RegisterPandaFlip(EnvRegistry& registry);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_TASKS_H_

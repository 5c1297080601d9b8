// The tasks with a human beside an arm.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_TASKS_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_TASKS_H_

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

namespace armature {

// Registers all of them. Returns the registry's errors.
absl::Status RegisterHumanTasks(EnvRegistry& registry);

// Each registers what its file has.
absl::Status RegisterHumanReach(EnvRegistry& registry);
absl::Status RegisterHumanPickPlace(EnvRegistry& registry);
absl::Status RegisterHumanRobotHandover(EnvRegistry& registry);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_TASKS_H_

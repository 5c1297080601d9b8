// Drake Gym's tasks: "cartpole" and "box_flip_up".
#ifndef ARMATURE_ENVSERVER_TASKS_DRAKE_DRAKE_TASKS_H_
#define ARMATURE_ENVSERVER_TASKS_DRAKE_DRAKE_TASKS_H_

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

namespace armature {

absl::Status RegisterCartPole(EnvRegistry& registry);
absl::Status RegisterBoxFlipUp(EnvRegistry& registry);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_DRAKE_DRAKE_TASKS_H_

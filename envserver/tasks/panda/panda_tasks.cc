#include "envserver/tasks/panda/panda_tasks.h"

namespace armature {

absl::Status RegisterPandaTasks(EnvRegistry& registry) {
  absl::Status status;
  for (const auto add : {RegisterPandaReach, RegisterPandaPush, RegisterPandaSlide,
                         RegisterPandaPickAndPlace, RegisterPandaStack, RegisterPandaFlip}) {
    status.Update(add(registry));
  }
  return status;
}

}  // namespace armature

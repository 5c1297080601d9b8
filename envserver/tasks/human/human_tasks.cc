#include "envserver/tasks/human/human_tasks.h"

namespace armature {

absl::Status RegisterHumanTasks(EnvRegistry& registry) {
  absl::Status status;
  for (const auto add : {RegisterHumanReach, RegisterHumanPickPlace, RegisterHumanRobotHandover}) {
    status.Update(add(registry));
  }
  return status;
}

}  // namespace armature

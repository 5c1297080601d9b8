#include "envserver/tasks/anymal/anymal_tasks.h"

namespace armature {

absl::Status RegisterAnymalTasks(EnvRegistry& registry) {
  absl::Status status;
  status.Update(RegisterAnymal(registry));
  status.Update(RegisterAnymalRough(registry));
  return status;
}

}  // namespace armature

#include "envserver/tasks/builtin_envs.h"

#include "envserver/tasks/anymal/anymal_tasks.h"
#include "envserver/tasks/drake/drake_tasks.h"
#include "envserver/tasks/human/human_tasks.h"
#include "envserver/tasks/panda/panda_tasks.h"

namespace armature {

absl::Status RegisterBuiltinEnvs(EnvRegistry& registry) {
  absl::Status status;
  status.Update(RegisterPandaTasks(registry));
  status.Update(RegisterCartPole(registry));
  status.Update(RegisterBoxFlipUp(registry));
  status.Update(RegisterAnymalTasks(registry));
  status.Update(RegisterHumanTasks(registry));
  return status;
}

}  // namespace armature

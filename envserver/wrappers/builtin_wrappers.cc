#include "envserver/wrappers/builtin_wrappers.h"

namespace armature {

absl::Status RegisterBuiltinWrappers(EnvRegistry& registry) {
  absl::Status status;
  for (const auto add :
       {RegisterActionNoise, RegisterActionRepeat, RegisterCamera, RegisterClipObservation,
        RegisterClipReward, RegisterFrame, RegisterHistory, RegisterLatency,
        RegisterObservationNoise, RegisterPush, RegisterRandomize, RegisterRescaleAction,
        RegisterRescaleReward, RegisterTimeFeature}) {
    status.Update(add(registry));
  }
  return status;
}

}  // namespace armature

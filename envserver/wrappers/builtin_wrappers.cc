#include "envserver/wrappers/builtin_wrappers.h"

namespace armature {

absl::Status RegisterBuiltinWrappers(EnvRegistry& registry) {
  absl::Status status;
  for (const auto add :
       {RegisterActionImitationReward, RegisterActionNoise, RegisterActionRepeat, RegisterCamera,
        RegisterClipObservation, RegisterClipReward, RegisterCollisionPrevention, RegisterFrame,
        RegisterHistory, RegisterIkPositionDelta, RegisterLatency, RegisterObservationNoise,
        RegisterPush, RegisterRandomize, RegisterRescaleAction, RegisterRescaleReward,
        RegisterStateImitationReward, RegisterTimeFeature}) {
    status.Update(add(registry));
  }
  return status;
}

}  // namespace armature

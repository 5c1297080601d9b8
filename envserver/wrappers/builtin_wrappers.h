// The wrappers that every env server has; docs/wrappers.md describes them, and a comment at the top
// of each one's file.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_BUILTIN_WRAPPERS_H_
#define ARMATURE_ENVSERVER_WRAPPERS_BUILTIN_WRAPPERS_H_

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

namespace armature {

// Registers all of them. Returns the registry's errors.
absl::Status RegisterBuiltinWrappers(EnvRegistry& registry);

// Each of them.
absl::Status RegisterActionImitationReward(EnvRegistry& registry);
absl::Status RegisterActionNoise(EnvRegistry& registry);
absl::Status RegisterActionRepeat(EnvRegistry& registry);
absl::Status RegisterCamera(EnvRegistry& registry);
absl::Status RegisterClipObservation(EnvRegistry& registry);
absl::Status RegisterClipReward(EnvRegistry& registry);
absl::Status RegisterCollisionPrevention(EnvRegistry& registry);
absl::Status RegisterFrame(EnvRegistry& registry);
absl::Status RegisterHistory(EnvRegistry& registry);
absl::Status RegisterIkPositionDelta(EnvRegistry& registry);
absl::Status RegisterLatency(EnvRegistry& registry);
absl::Status RegisterObservationNoise(EnvRegistry& registry);
absl::Status RegisterPush(EnvRegistry& registry);
absl::Status RegisterRandomize(EnvRegistry& registry);
absl::Status RegisterRescaleAction(EnvRegistry& registry);
absl::Status RegisterRescaleReward(EnvRegistry& registry);
absl::Status RegisterStateImitationReward(EnvRegistry& registry);
absl::Status RegisterTimeFeature(EnvRegistry& registry);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_BUILTIN_WRAPPERS_H_

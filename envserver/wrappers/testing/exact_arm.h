// See wrapped_envs.h.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_TESTING_EXACT_ARM_H_
#define ARMATURE_ENVSERVER_WRAPPERS_TESTING_EXACT_ARM_H_

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

namespace armature {

absl::Status RegisterExactArm(EnvRegistry& registry);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_TESTING_EXACT_ARM_H_

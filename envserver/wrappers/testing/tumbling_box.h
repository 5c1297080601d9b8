// See wrapped_envs.h.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_TESTING_TUMBLING_BOX_H_
#define ARMATURE_ENVSERVER_WRAPPERS_TESTING_TUMBLING_BOX_H_

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

namespace armature {

absl::Status RegisterTumblingBox(EnvRegistry& registry);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_TESTING_TUMBLING_BOX_H_

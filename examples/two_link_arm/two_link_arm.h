// The environment "two_link_arm": see two_link_arm.cc.
#ifndef TWO_LINK_ARM_H_
#define TWO_LINK_ARM_H_

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

absl::Status RegisterTwoLinkArm(armature::EnvRegistry& registry);

#endif  // TWO_LINK_ARM_H_

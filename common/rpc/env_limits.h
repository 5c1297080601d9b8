#ifndef ARMATURE_COMMON_RPC_ENV_LIMITS_H_
#define ARMATURE_COMMON_RPC_ENV_LIMITS_H_

#include "absl/time/time.h"
#include "proto/env_service.pb.h"

namespace armature {

// How long to wait for an env server that may have to create an environment first. The server gives
// up earlier and says why (v1::EnvLimit). The connection's keepalive detects a dead or frozen
// server sooner.
inline constexpr absl::Duration kEnvAnswerTimeout = absl::Seconds(v1::ENV_LIMIT_START_S + 15);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_ENV_LIMITS_H_

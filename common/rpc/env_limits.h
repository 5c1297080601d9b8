#ifndef ARMATURE_COMMON_RPC_ENV_LIMITS_H_
#define ARMATURE_COMMON_RPC_ENV_LIMITS_H_

#include "absl/time/time.h"
#include "proto/env_service.pb.h"

namespace armature {

// How long to wait for an env server that may have to make an environment first: it
// gives up, and says why, before (v1::EnvLimit). A server that is gone or frozen is
// found out sooner, by the connection's keepalive.
inline constexpr absl::Duration kEnvAnswerTimeout = absl::Seconds(v1::ENV_LIMIT_START_S + 15);

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_ENV_LIMITS_H_

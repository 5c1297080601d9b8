#ifndef ARMATURE_COMMON_RPC_CLIENT_REFUSAL_H_
#define ARMATURE_COMMON_RPC_CLIENT_REFUSAL_H_

#include "absl/status/status.h"

namespace armature {

// Returns whether retrying with this peer is useless until someone changes something: it lacks the
// environment, or its spec, run, protocol or token differs.
inline bool IsPermanentRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return true;
    default:
      return false;
  }
}

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_CLIENT_REFUSAL_H_

#ifndef ARMATURE_COMMON_RPC_CLIENT_REFUSAL_H_
#define ARMATURE_COMMON_RPC_CLIENT_REFUSAL_H_

#include "absl/status/status.h"

namespace armature {

// Whether asking the same peer again is without hope until somebody changes
// something: it does not have the environment, or has another spec, run, protocol
// or token.
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

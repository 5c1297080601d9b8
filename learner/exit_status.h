// Exit status of the learner's process, for its launcher.
//
// Thread safety: free function.
#ifndef ARMATURE_LEARNER_EXIT_STATUS_H_
#define ARMATURE_LEARNER_EXIT_STATUS_H_

#include "absl/status/status.h"

namespace armature {

// Returns 2 if a restart would fail the same way until somebody changes something (e.g. an invalid
// configuration, a diverged run); 1 if the cause may pass (e.g. a lost peer, a full disk); 0 if OK.
inline int ExitStatus(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kDataLoss:
      return 2;
    default:
      return 1;
  }
}

}  // namespace armature

#endif  // ARMATURE_LEARNER_EXIT_STATUS_H_

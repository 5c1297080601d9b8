// How the learner's process ends where it fails: what its launcher can tell from it.
//
// Thread safety: free function.
#ifndef ARMATURE_LEARNER_EXIT_STATUS_H_
#define ARMATURE_LEARNER_EXIT_STATUS_H_

#include "absl/status/status.h"

namespace armature {

// 2: the same again would fail the same way, until somebody changes something (a
// configuration that does not fit, a run that diverged): it is not to be restarted.
// 1: whatever may pass (a peer that is gone, a full disk). 0: OK.
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

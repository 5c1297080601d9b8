// The trainer's latest status, for GetStatus and /healthz.
//
// Thread safety: all methods.
#ifndef ARMATURE_LEARNER_STATUS_STATUS_BOARD_H_
#define ARMATURE_LEARNER_STATUS_STATUS_BOARD_H_

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/learner_service.pb.h"

namespace armature {

class StatusBoard {
 public:
  // Without progress for this long, a learner is reported as unhealthy.
  static constexpr absl::Duration kStallTimeout = absl::Minutes(1);

  explicit StatusBoard(absl::Time now) : last_progress_(now) {}

  void Set(v1::StatusResponse status, absl::Time now) {
    absl::MutexLock lock(&mutex_);
    if (status.env_steps() != status_.env_steps() ||
        status.learner_steps() != status_.learner_steps() || status.finished()) {
      last_progress_ = now;
    }
    status_ = std::move(status);
  }
  v1::StatusResponse Get() const {
    absl::MutexLock lock(&mutex_);
    return status_;
  }
  // Returns who waits for whom if there was no progress for kStallTimeout; else empty.
  std::string Problem(absl::Time now) const {
    absl::MutexLock lock(&mutex_);
    return now - last_progress_ > kStallTimeout ? status_.waiting() : "";
  }

 private:
  mutable absl::Mutex mutex_;
  v1::StatusResponse status_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_progress_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_STATUS_STATUS_BOARD_H_

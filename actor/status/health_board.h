// What the process waits for, for /healthz.
//
// Thread safety: all methods.
#ifndef ARMATURE_ACTOR_STATUS_HEALTH_BOARD_H_
#define ARMATURE_ACTOR_STATUS_HEALTH_BOARD_H_

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace armature {

class HealthBoard {
 public:
  // A wait shorter than this is part of the work.
  static constexpr absl::Duration kStuckAfter = absl::Seconds(30);

  explicit HealthBoard(absl::Time now) : progress_(now) {}

  // Something was done at `now`.
  void Progress(absl::Time now) {
    absl::MutexLock lock(&mutex_);
    progress_ = now;
  }
  // What is waited for, e.g. "waits for learner 127.0.0.1:5556: no answer".
  void Waits(std::string sentence) {
    absl::MutexLock lock(&mutex_);
    sentence_ = std::move(sentence);
  }
  // The sentence once nothing was done for kStuckAfter; empty before.
  std::string Problem(absl::Time now) const {
    absl::MutexLock lock(&mutex_);
    return now - progress_ > kStuckAfter ? sentence_ : std::string();
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Time progress_ ABSL_GUARDED_BY(mutex_);
  std::string sentence_ ABSL_GUARDED_BY(mutex_) = "starts";
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_STATUS_HEALTH_BOARD_H_

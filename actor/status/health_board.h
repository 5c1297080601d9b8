// Tracks what the process is waiting for, for /healthz.
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
  // Shorter waits are normal.
  static constexpr absl::Duration kStuckAfter = absl::Seconds(30);

  explicit HealthBoard(absl::Time now) : progress_(now) {}

  // Call it when something was done at `now`.
  void Progress(absl::Time now) {
    absl::MutexLock lock(&mutex_);
    progress_ = now;
  }
  // Sets what is awaited, e.g. "waits for learner 127.0.0.1:5556: no answer".
  void Waits(std::string sentence) {
    absl::MutexLock lock(&mutex_);
    sentence_ = std::move(sentence);
  }
  // Returns that sentence once nothing was done for kStuckAfter; else empty.
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

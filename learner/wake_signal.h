// Tells the trainer thread that there is something to look at.
//
// Thread safety: all methods.
#ifndef ARMATURE_LEARNER_WAKE_SIGNAL_H_
#define ARMATURE_LEARNER_WAKE_SIGNAL_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace armature {

class WakeSignal {
 public:
  void Notify() {
    absl::MutexLock lock(&mutex_);
    notified_ = true;
  }

  // Returns at the first Notify since the last return, or at `deadline`.
  void WaitUntil(absl::Time deadline) {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithDeadline(absl::Condition(&notified_), deadline);
    notified_ = false;
  }

 private:
  absl::Mutex mutex_;
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_WAKE_SIGNAL_H_

// Wakes one waiting thread when any of many sources has something for it.
//
// Thread safety: all methods; only one thread may wait.
#ifndef ARMATURE_COMMON_SYNC_WAKE_SIGNAL_H_
#define ARMATURE_COMMON_SYNC_WAKE_SIGNAL_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/sync/steady_time.h"

namespace armature {

class WakeSignal {
 public:
  void Notify() {
    absl::MutexLock lock(&mutex_);
    raised_ = true;
    changed_.NotifyAll();
  }

  // Returns when Notify has been called since the last return, or at `deadline` (a SteadyTime).
  void WaitUntil(absl::Time deadline) {
    absl::MutexLock lock(&mutex_);
    while (!raised_ && SteadyTime() < deadline) changed_.WaitUntil(&mutex_, deadline);
    raised_ = false;
  }

 private:
  absl::Mutex mutex_;  // Last in every lock order.
  SteadyCondVar changed_;
  bool raised_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_SYNC_WAKE_SIGNAL_H_

// The clock of deadlines and of waits: steps of the wall clock do not move it.
//
// absl::Now() and Abseil's timed waits go by the wall clock: after it has stepped back
// by an hour they are an hour late. They are for what people read (logs, files,
// reports) only.
// Thread safety: all.
#ifndef ARMATURE_COMMON_SYNC_STEADY_TIME_H_
#define ARMATURE_COMMON_SYNC_STEADY_TIME_H_

#include <condition_variable>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace armature {

// What the wall clock said when the process first asked, and the time since then.
absl::Time SteadyTime();

// A condition variable whose deadlines are SteadyTime's.
class SteadyCondVar {
 public:
  // Returns when notified, at the deadline, or for no reason. Holds `mutex` but while it
  // waits.
  void WaitUntil(absl::Mutex* mutex, absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // As WaitUntil, `timeout` from now.
  void WaitFor(absl::Mutex* mutex, absl::Duration timeout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    WaitUntil(mutex, SteadyTime() + timeout);
  }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable_any condition_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_SYNC_STEADY_TIME_H_

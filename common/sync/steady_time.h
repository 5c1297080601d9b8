// The clock for deadlines and waits; changes of the wall clock do not affect it.
//
// absl::Now() and Abseil's timed waits follow the wall clock: if it is set back by an hour, they
// are an hour late. Use them only for what people read (logs, files, reports).
// Thread safety: all.
#ifndef ARMATURE_COMMON_SYNC_STEADY_TIME_H_
#define ARMATURE_COMMON_SYNC_STEADY_TIME_H_

#include <condition_variable>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace armature {

// Returns the wall clock's time at the first call in this process plus the time since then.
absl::Time SteadyTime();

// A condition variable with SteadyTime deadlines.
class SteadyCondVar {
 public:
  // Returns when notified, at the deadline, or spuriously. Releases `mutex` only while waiting.
  void WaitUntil(absl::Mutex* mutex, absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // Like WaitUntil, with a deadline `timeout` from now.
  void WaitFor(absl::Mutex* mutex, absl::Duration timeout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    WaitUntil(mutex, SteadyTime() + timeout);
  }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable_any condition_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_SYNC_STEADY_TIME_H_

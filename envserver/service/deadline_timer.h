// Calls functions at points in time, on one thread of its own.
//
// Thread safety: all methods. A function must not block, and may schedule.
#ifndef ARMATURE_ENVSERVER_SERVICE_DEADLINE_TIMER_H_
#define ARMATURE_ENVSERVER_SERVICE_DEADLINE_TIMER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/sync/steady_time.h"

namespace armature {

// Time since some fixed point; never jumps.
absl::Duration SteadyNow();

class DeadlineTimer {
 public:
  using Clock = std::function<absl::Duration()>;

  explicit DeadlineTimer(Clock clock = SteadyNow);
  // Drops what is not due yet.
  ~DeadlineTimer();
  DeadlineTimer(const DeadlineTimer&) = delete;
  DeadlineTimer& operator=(const DeadlineTimer&) = delete;

  absl::Duration now() const { return clock_(); }

  // Calls `function` once `now()` has reached `deadline`.
  void Schedule(absl::Duration deadline, std::function<void()> function);

  // Reads the clock again: for tests that move it.
  void Wake();

 private:
  void Run();

  const Clock clock_;
  absl::Mutex mutex_;
  SteadyCondVar changed_;
  std::multimap<absl::Duration, std::function<void()>> scheduled_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SERVICE_DEADLINE_TIMER_H_

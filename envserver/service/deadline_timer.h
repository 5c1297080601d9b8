// Calls functions at given times, on its own thread.
//
// Thread safety: all methods. A function must not block; it may call Schedule.
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

// Returns the time since a fixed point; never jumps.
absl::Duration SteadyNow();

class DeadlineTimer {
 public:
  using Clock = std::function<absl::Duration()>;

  explicit DeadlineTimer(Clock clock = SteadyNow);
  // Drops functions that are not due yet.
  ~DeadlineTimer();
  DeadlineTimer(const DeadlineTimer&) = delete;
  DeadlineTimer& operator=(const DeadlineTimer&) = delete;

  absl::Duration now() const { return clock_(); }

  // Calls `function` once `now()` reaches `deadline`.
  void Schedule(absl::Duration deadline, std::function<void()> function);

  // Reads the clock again; for tests that change it.
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

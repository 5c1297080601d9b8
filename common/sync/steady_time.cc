#include "common/sync/steady_time.h"

#include <algorithm>
#include <chrono>

#include "absl/time/clock.h"

namespace armature {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Longer waits may as well be for ever; this value fits every clock.
constexpr absl::Duration kWaitMax = absl::Hours(24 * 365);

// Gives absl::Mutex the method names of the standard library.
class Lockable {
 public:
  explicit Lockable(absl::Mutex* mutex) : mutex_(mutex) {}
  void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_->Lock(); }
  void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_->Unlock(); }

 private:
  absl::Mutex* const mutex_;
};

}  // namespace

absl::Time SteadyTime() {
  struct Start {
    absl::Time wall = absl::Now();
    SteadyClock::time_point steady = SteadyClock::now();
  };
  static const Start start;
  return start.wall + absl::FromChrono(SteadyClock::now() - start.steady);
}

void SteadyCondVar::WaitUntil(absl::Mutex* mutex, absl::Time deadline) {
  const absl::Duration left = std::min(deadline - SteadyTime(), kWaitMax);
  if (left <= absl::ZeroDuration()) return;
  Lockable lock(mutex);
  condition_.wait_until(lock, SteadyClock::now() + absl::ToChronoNanoseconds(left));
}

}  // namespace armature

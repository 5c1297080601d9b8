#include "common/sync/steady_time.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "common/sync/wake_signal.h"
#include "gtest/gtest.h"

namespace {

std::atomic<int64_t> wall_step_s{0};
std::atomic<int> monotonic_waits{0};
std::atomic<int> wall_waits{0};

}  // namespace

// Replaces the C library's functions: the wall clock can be set back, and timed waits are counted
// by the clock that they use.
extern "C" int clock_gettime(clockid_t clock, struct timespec* time) noexcept {
  const long result = syscall(SYS_clock_gettime, clock, time);
  if (clock == CLOCK_REALTIME) time->tv_sec += wall_step_s.load();
  return static_cast<int>(result);
}

extern "C" int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                                      clockid_t clock, const struct timespec* deadline) {
  using Function = int (*)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const struct timespec*);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "pthread_cond_clockwait"));
  (clock == CLOCK_MONOTONIC ? monotonic_waits : wall_waits).fetch_add(1);
  return real(condition, mutex, clock, deadline);
}

namespace armature {
namespace {

class SteadyTimeTest : public testing::Test {
 protected:
  ~SteadyTimeTest() override { wall_step_s = 0; }
};

TEST_F(SteadyTimeTest, StepsOfTheWallClockDoNotMoveIt) {
  const absl::Time before = SteadyTime();
  for (const int64_t step_s : {3600, -3600}) {
    wall_step_s = step_s;
    ASSERT_GT(absl::AbsDuration(absl::Now() - before), absl::Minutes(50)) << "the wall clock does";
    EXPECT_GE(SteadyTime(), before);
    EXPECT_LT(SteadyTime() - before, absl::Minutes(50));
  }
}

TEST_F(SteadyTimeTest, AWaitGoesByTheMonotonicClock) {
  absl::Mutex mutex;
  SteadyCondVar condition;
  const int before = monotonic_waits;
  absl::MutexLock lock(&mutex);
  const absl::Time deadline = SteadyTime() + absl::Milliseconds(20);
  while (SteadyTime() < deadline) condition.WaitUntil(&mutex, deadline);
  EXPECT_GT(monotonic_waits.load(), before);
  EXPECT_EQ(wall_waits.load(), 0);
}

TEST_F(SteadyTimeTest, ADeadlineThatIsPastOrInfiniteIsNoTrap) {
  absl::Mutex mutex;
  SteadyCondVar condition;
  absl::MutexLock lock(&mutex);
  condition.WaitUntil(&mutex, absl::InfinitePast());
  bool told = false;
  std::thread teller([&] {
    absl::MutexLock lock(&mutex);
    told = true;
    condition.NotifyAll();
  });
  while (!told) condition.WaitUntil(&mutex, absl::InfiniteFuture());
  mutex.Unlock();
  teller.join();
  mutex.Lock();
}

// A signal's deadline, as in all our loops, while the wall clock goes back.
TEST_F(SteadyTimeTest, AWakeSignalReturnsAtItsDeadlineWhateverTheWallClockDoes) {
  WakeSignal signal;
  const absl::Time deadline = SteadyTime() + absl::Milliseconds(20);
  wall_step_s = -3600;
  const int before = monotonic_waits;
  while (SteadyTime() < deadline) signal.WaitUntil(deadline);
  EXPECT_GT(monotonic_waits.load(), before);
  EXPECT_EQ(wall_waits.load(), 0);
  signal.Notify();
  signal.WaitUntil(absl::InfiniteFuture());  // Notified before: returns at once.
}

}  // namespace
}  // namespace armature

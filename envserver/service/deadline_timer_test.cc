#include "envserver/service/deadline_timer.h"

#include <atomic>
#include <memory>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(DeadlineTimerTest, CallsInTheOrderOfDeadlinesOnceTheClockIsThere) {
  std::atomic<int64_t> seconds{0};
  DeadlineTimer timer([&] { return absl::Seconds(seconds.load()); });
  std::vector<int> called;
  absl::Notification last;
  timer.Schedule(absl::Seconds(20), [&] {
    called.push_back(20);
    last.Notify();
  });
  absl::Notification first;
  timer.Schedule(absl::Seconds(10), [&] {
    called.push_back(10);
    first.Notify();
  });
  seconds = 10;
  timer.Wake();
  first.WaitForNotification();
  EXPECT_EQ(called, std::vector<int>{10});
  seconds = 30;
  timer.Wake();
  last.WaitForNotification();
  EXPECT_EQ(called, (std::vector<int>{10, 20}));
}

TEST(DeadlineTimerTest, AFunctionMayScheduleTheNext) {
  DeadlineTimer timer;
  absl::Notification done;
  timer.Schedule(timer.now(), [&] {
    timer.Schedule(timer.now() + absl::Milliseconds(1), [&] { done.Notify(); });
  });
  done.WaitForNotification();
}

TEST(DeadlineTimerTest, DestructionDropsWhatIsNotDue) {
  auto held = std::make_shared<int>(0);
  {
    DeadlineTimer timer;
    timer.Schedule(timer.now() + absl::Hours(1), [held] { ADD_FAILURE(); });
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace armature

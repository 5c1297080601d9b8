#include "common/cli/shutdown_signal.h"

#include <signal.h>
#include <unistd.h>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

class ShutdownSignalTest : public testing::TestWithParam<int> {};

TEST_P(ShutdownSignalTest, ASignalIsWaitedForAndCallsBackOnce) {
  ShutdownSignal shutdown;
  EXPECT_FALSE(shutdown.WaitFor(absl::ZeroDuration()));
  absl::Notification called;
  shutdown.OnRequest([&called] { called.Notify(); });
  kill(getpid(), GetParam());
  shutdown.Wait();
  called.WaitForNotification();
  EXPECT_TRUE(shutdown.requested());
  EXPECT_EQ(shutdown.signal(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Both, ShutdownSignalTest, testing::Values(SIGINT, SIGTERM));

TEST(ShutdownSignal, ARequestFromInsideCountsAsOne) {
  ShutdownSignal shutdown;
  int calls = 0;
  shutdown.OnRequest([&calls] { ++calls; });
  shutdown.Request();
  shutdown.Request();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(shutdown.signal(), 0);
  shutdown.OnRequest([&calls] { ++calls; });  // Late, so at once.
  EXPECT_EQ(calls, 2);
}

TEST(ShutdownSignalDeathTest, ASecondSignalEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        ShutdownSignal shutdown;
        kill(getpid(), SIGTERM);
        shutdown.Wait();
        kill(getpid(), SIGTERM);
        absl::Notification().WaitForNotification();
      },
      testing::KilledBySignal(SIGTERM), "");
}

TEST(ShutdownSignal, ABrokenPipeDoesNotKill) {
  ShutdownSignal shutdown;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  close(ends[1]);
}

}  // namespace
}  // namespace armature

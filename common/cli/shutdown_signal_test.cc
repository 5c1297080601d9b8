#include "common/cli/shutdown_signal.h"

#include <signal.h>
#include <unistd.h>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

class ShutdownSignalTest : public testing::TestWithParam<int> {};

TEST_P(ShutdownSignalTest, ASignalIsWaitedForAndCallsBackOnce) {
  signal(GetParam(), SIG_DFL);  // Whoever started the test may ignore it.
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

INSTANTIATE_TEST_SUITE_P(Each, ShutdownSignalTest, testing::Values(SIGINT, SIGTERM, SIGHUP));

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

TEST(ShutdownSignalDeathTest, HangUpsAreNeverASecondSignalNorTheFirstOfTwo) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        signal(SIGHUP, SIG_DFL);  // Whoever started the test may ignore it.
        ShutdownSignal shutdown;
        absl::Notification repeated;
        shutdown.OnRepeat([&repeated] { repeated.Notify(); });
        kill(getpid(), SIGHUP);
        shutdown.Wait();
        for (const int signal : {SIGHUP, SIGTERM, SIGINT}) kill(getpid(), signal);
        repeated.WaitForNotification();
        _exit(shutdown.signal() == SIGHUP ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(ShutdownSignalDeathTest, AThirdSignalEndsTheProcessWhereTheSecondDidSomethingElse) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        ShutdownSignal shutdown;
        absl::Notification repeated;
        shutdown.OnRepeat([&repeated] { repeated.Notify(); });
        kill(getpid(), SIGINT);
        shutdown.Wait();
        kill(getpid(), SIGINT);
        repeated.WaitForNotification();
        kill(getpid(), SIGINT);
        absl::Notification().WaitForNotification();
      },
      testing::KilledBySignal(SIGINT), "");
}

TEST(ShutdownSignalDeathTest, AnIgnoredHangUpStaysIgnored) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        signal(SIGHUP, SIG_IGN);  // As nohup does.
        ShutdownSignal shutdown;
        kill(getpid(), SIGHUP);
        kill(getpid(), SIGTERM);
        shutdown.Wait();
        _exit(shutdown.signal());
      },
      testing::ExitedWithCode(SIGTERM), "");
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

#include "common/rpc_client/wait_log.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

// Captures what is logged.
std::string Said(WaitLog* log, absl::Time now) {
  testing::internal::CaptureStdout();
  log->Tell("waits for learner 10.0.0.5:5556: no connection", now);
  spdlog::default_logger()->flush();
  return testing::internal::GetCapturedStdout();
}

TEST(WaitLog, SaysWhatIsWaitedForAtGrowingIntervals) {
  const absl::Time begin = absl::UnixEpoch();
  WaitLog log(begin);
  EXPECT_EQ(Said(&log, begin + absl::Seconds(4)), "");
  EXPECT_THAT(
      Said(&log, begin + absl::Seconds(5)),
      testing::HasSubstr("waits for learner 10.0.0.5:5556: no connection (for 5 s so far)"));
  EXPECT_EQ(log.next(), begin + absl::Seconds(15));
  EXPECT_EQ(Said(&log, begin + absl::Seconds(14)), "");
  EXPECT_THAT(Said(&log, begin + absl::Seconds(15)), testing::HasSubstr("(for 15 s so far)"));
  EXPECT_EQ(log.next(), begin + absl::Seconds(35));
  log.Begin(begin + absl::Seconds(20));
  EXPECT_EQ(log.next(), begin + absl::Seconds(25)) << "another wait";
}

}  // namespace
}  // namespace armature

#include "deploy/launcher/report/progress_report.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

constexpr absl::Time kStart = absl::UnixEpoch();

v1::StatusResponse Status(uint64_t env_steps, uint64_t learner_steps) {
  v1::StatusResponse status;
  status.set_env_steps(env_steps);
  status.set_learner_steps(learner_steps);
  status.set_waiting("learner waits for experience");
  status.set_policy_lag_mean(std::nan(""));
  status.set_episode_return_mean(std::nan(""));
  status.set_success_rate(std::nan(""));
  status.set_evaluation_return_mean(std::nan(""));
  status.set_evaluation_success_rate(std::nan(""));
  return status;
}

TEST(ProgressReport, SaysEverythingThatIsKnown) {
  ProgressReport report(kStart, 2000000);
  report.Line(Status(1000, 100), kStart + absl::Seconds(1));
  v1::StatusResponse status = Status(1234567, 1100);
  status.set_policy_version(55);
  status.set_policy_lag_mean(1.25);
  status.set_episode_return_mean(-12.345);
  status.set_success_rate(0.5);
  status.set_replay_fill_ratio(0.124);
  status.set_evaluation_return_mean(-3);
  status.set_evaluation_success_rate(0.75);
  EXPECT_EQ(report.Line(status, kStart + absl::Seconds(3)),
            "1,234,567 env steps (616784/s)  61% of 2,000,000, 1 s left  1,100 updates (500/s)  "
            "policy 55 (lag 1.2)  "
            "return -12.35  success 0.50  replay 12%  evaluation -3.00 success 0.75");
}

TEST(ProgressReport, ShowsTheRewardTermsLast) {
  ProgressReport report(kStart, 1000);
  v1::StatusResponse status = Status(100, 10);
  status.set_episode_return_mean(9.4);
  for (const auto& [name, mean] :
       {std::pair("reward/forward", 12.5), {"speed", 1.0}, {"reward/effort", -3.1}}) {
    v1::MetricMean* metric = status.add_metric();
    metric->set_name(name);
    metric->set_mean(mean);
  }
  EXPECT_THAT(report.Line(status, kStart + absl::Seconds(1)),
              HasSubstr("return 9.40  terms forward 12.50, effort -3.10"));
}

TEST(ProgressReport, OfReplicasAddsUpTheirEnvStepsAndShowsEach) {
  ProgressReport report(kStart, 2000000);
  report.Line({Status(1000, 100), Status(2000, 90)}, kStart + absl::Seconds(1));
  EXPECT_EQ(report.Line({Status(1500, 200), Status(2600, 190)}, kStart + absl::Seconds(2)),
            "4,100 env steps (1100/s)  0% of 2,000,000, 30 min left  200 updates (100/s)  policy "
            "0  replicas 1,500 + 2,600");
  // A replica that does not answer counts with its last steps.
  EXPECT_EQ(report.Line({Status(1600, 300), absl::UnavailableError("it is being restarted")},
                        kStart + absl::Seconds(3)),
            "4,200 env steps (100/s)  0% of 2,000,000, 55 min left  300 updates (100/s)  policy 0 "
            " replicas 1,600 + 2,600 (does "
            "not answer)");
  EXPECT_EQ(
      report.Line({absl::UnavailableError("gone"), Status(2700, 390)}, kStart + absl::Seconds(4)),
      "the learner does not answer: gone  replicas 1,600 (does not answer) + 2,700");
}

TEST(ProgressReport, SaysHowMuchOfTheBudgetIsMadeAndHowLongTheRestTakes) {
  ProgressReport report(kStart, 100000);
  // A resumed run: earlier steps do not count for the pace.
  EXPECT_THAT(report.Line(Status(50000, 0), kStart),
              StartsWith("50,000 env steps  50% of 100,000  "));
  EXPECT_THAT(report.Line(Status(50100, 0), kStart + absl::Seconds(10)),
              HasSubstr("  50% of 100,000, 1 h 23 min left  "));
  EXPECT_THAT(report.Line(Status(99900, 0), kStart + absl::Seconds(20)),
              HasSubstr("  99% of 100,000, 0 s left  "));
  EXPECT_THAT(report.Line(Status(100016, 0), kStart + absl::Seconds(21)),
              HasSubstr("  100% of 100,000, 0 s left  "));
}

TEST(ProgressReport, LeavesOutWhatIsNotKnown) {
  ProgressReport report(kStart, 2000000);
  EXPECT_EQ(report.Line(Status(999, 0), kStart + absl::Seconds(1)),
            "999 env steps  0% of 2,000,000  0 updates  policy 0");
}

TEST(ProgressReport, NamesWhoWaitsAfterTenSecondsWithoutAStep) {
  ProgressReport report(kStart, 2000000);
  report.Line(Status(10, 0), kStart + absl::Seconds(1));
  EXPECT_THAT(report.Line(Status(10, 0), kStart + absl::Seconds(10)),
              HasSubstr("10 env steps (0/s)  0% of 2,000,000  "));
  EXPECT_FALSE(report.stalled());
  EXPECT_EQ(report.Line(Status(10, 0), kStart + absl::Seconds(11)),
            "nothing moves for 10 s: learner waits for experience");
  EXPECT_TRUE(report.stalled());
  EXPECT_THAT(report.Line(Status(11, 0), kStart + absl::Seconds(12)),
              HasSubstr("  0% of 2,000,000, "));
  EXPECT_FALSE(report.stalled());
}

TEST(ProgressReport, ALearnerStepCountsAsMovement) {
  ProgressReport report(kStart, 2000000);
  report.Line(Status(10, 1), kStart + absl::Seconds(1));
  EXPECT_THAT(report.Line(Status(10, 2), kStart + absl::Seconds(20)),
              Not(HasSubstr("nothing moves")));
}

TEST(ProgressReport, ALearnerThatDoesNotAnswerIsSaidSo) {
  ProgressReport report(kStart, 2000000);
  const absl::Status down = absl::UnavailableError("connection refused");
  EXPECT_EQ(report.Line(down, kStart + absl::Seconds(2)),
            "the learner does not answer: connection refused");
  EXPECT_EQ(report.Line(down, kStart + absl::Seconds(20)),
            "nothing moves for 20 s: the learner does not answer: connection refused");
}

TEST(ProgressReport, CountsThatWentBackGiveNoNegativeRate) {
  ProgressReport report(kStart, 2000000);
  report.Line(Status(1000, 1000), kStart + absl::Seconds(1));
  EXPECT_THAT(report.Line(Status(500, 500), kStart + absl::Seconds(2)),
              MatchesRegex("500 env steps \\(0/s\\)  .*  500 updates \\(0/s\\).*"));
}

}  // namespace
}  // namespace armature

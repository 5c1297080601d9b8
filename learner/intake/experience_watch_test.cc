#include "learner/intake/experience_watch.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using testing::HasSubstr;

class ExperienceWatchTest : public testing::Test {
 protected:
  // Counts `usable` and `voided` steps each second for a minute.
  std::string Minute(int64_t usable, int64_t voided) {
    std::string problem;
    for (int second = 0; second <= 60 && problem.empty(); ++second) {
      watch_.CountUsable("actor-0", usable);
      watch_.CountVoid("actor-0", voided, "slot 3: reward is None");
      problem = watch_.Problem(now_);
      now_ += absl::Seconds(1);
    }
    return problem;
  }

  ExperienceWatch watch_{absl::Seconds(60)};
  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(ExperienceWatchTest, ARunWhoseEveryStepIsVoidEndsWithTheCause) {
  EXPECT_EQ(Minute(0, 10),
            "the run learns from nothing: of its last 610 environment steps 610 were void, for "
            "their simulators failed, and 0 were refused "
            "(learner.unusable_experience_timeout_s=60); the last cause: slot 3: reward is None");
}

TEST_F(ExperienceWatchTest, RefusedStepsAreNoBetter) {
  watch_.CountUsable("actor-0", 4);
  watch_.CountRefused("actor-0", 100, "observation[0,0] is 1e5,\nbeyond");
  EXPECT_EQ(watch_.Problem(now_), "");
  EXPECT_THAT(watch_.Problem(now_ + absl::Seconds(60)),
              HasSubstr("100 were refused (learner.unusable_experience_timeout_s=60); the last "
                        "cause: observation[0,0] is 1e5, beyond"));
}

TEST_F(ExperienceWatchTest, AFlakyEnvironmentIsNoProblem) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Minute(49, 1), "");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Minute(1, 9), "") << "one in ten is still learned from";
}

TEST_F(ExperienceWatchTest, AFaultThatPassesWithinTheTimeIsNoProblem) {
  watch_.CountVoid("actor-0", 100000, "out of memory");
  EXPECT_EQ(watch_.Problem(now_), "");
  watch_.CountUsable("actor-0", 10000);
  EXPECT_EQ(watch_.Problem(now_ + absl::Seconds(59)), "");
  EXPECT_EQ(watch_.Problem(now_ + absl::Seconds(61)), "");
}

TEST_F(ExperienceWatchTest, WhatOneActorClaimsDoesNotOutweighWhatAnotherBrings) {
  watch_.CountUsable("actor-0", 100);
  EXPECT_EQ(watch_.Problem(now_), "");
  watch_.CountVoid("liar", int64_t{1} << 20, "everything is void");
  watch_.CountRefused("liar", int64_t{1} << 20, "nonsense");
  EXPECT_EQ(watch_.Problem(now_ + absl::Minutes(1)), "");
  watch_.CountUsable("actor-0", 100);
  watch_.CountVoid("liar", int64_t{1} << 20, "everything is void");
  EXPECT_EQ(watch_.ProblemAtEnd(), "");
  watch_.CountVoid("actor-0", 1900 + 1, "broken too");
  EXPECT_THAT(watch_.ProblemAtEnd(), HasSubstr("broken too"));
}

TEST_F(ExperienceWatchTest, ItRemembersSoManyActorsOnly) {
  for (size_t i = 0; i < 3 * ExperienceWatch::kActorsMax; ++i) {
    watch_.CountVoid(absl::StrCat("actor-", i), 1, "");
  }
  EXPECT_THAT(watch_.ProblemAtEnd(), HasSubstr("3000 were void"));
}

TEST_F(ExperienceWatchTest, AFewStepsSayNothing) {
  watch_.CountVoid("actor-0", ExperienceWatch::kStepsMin - 1, "");
  EXPECT_EQ(watch_.Problem(now_), "");
  EXPECT_EQ(watch_.Problem(now_ + absl::Hours(1)), "");
  watch_.CountVoid("actor-0", 1, "");
  EXPECT_THAT(watch_.Problem(now_ + absl::Hours(1)), HasSubstr("the last cause: unknown"));
}

TEST_F(ExperienceWatchTest, TimeWithoutExperienceDoesNotCount) {
  EXPECT_EQ(watch_.Problem(now_), "");
  now_ += absl::Hours(1);
  EXPECT_EQ(watch_.Problem(now_), "");
  watch_.CountVoid("actor-0", 1000, "");
  EXPECT_EQ(watch_.Problem(now_), "");
}

TEST_F(ExperienceWatchTest, AWindowBeginsAnewAfterAGoodOne) {
  EXPECT_EQ(Minute(10, 0), "");
  EXPECT_EQ(Minute(0, 10).substr(0, 27), "the run learns from nothing");
}

TEST_F(ExperienceWatchTest, AtTheEndOfARunNoTimeIsWaitedFor) {
  EXPECT_EQ(watch_.ProblemAtEnd(), "");
  watch_.CountVoid("actor-0", 50, "slot 0: reward is None");
  EXPECT_THAT(watch_.ProblemAtEnd(), HasSubstr("50 were void"));
  watch_.CountUsable("actor-0", 20);
  EXPECT_EQ(watch_.ProblemAtEnd(), "");
}

}  // namespace
}  // namespace armature

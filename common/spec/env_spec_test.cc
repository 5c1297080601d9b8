#include "common/spec/env_spec.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

EnvSpec Reach() {
  EnvSpec spec;
  spec.id = "reach";
  spec.observation = {{"observation", v1::DTYPE_FLOAT32, {6}, {-10}, {10}},
                      {"achieved_goal", v1::DTYPE_FLOAT32, {3}, {}, {}},
                      {"desired_goal", v1::DTYPE_FLOAT32, {3}, {}, {}}};
  spec.action.low = {-1, -1, -1};
  spec.action.high = {1, 1, 1};
  spec.goal = GoalSpec{"achieved_goal", "desired_goal"};
  spec.horizon = 50;
  spec.control_period_s = 0.04;
  return spec;
}

TEST(EnvSpecTest, SurvivesTheWire) {
  absl::StatusOr<EnvSpec> back = EnvSpec::FromProto(Reach().ToProto());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(DescribeDifference(Reach(), *back), "");
  EXPECT_EQ(SpecHash(Reach()), SpecHash(*back));
  EXPECT_EQ(back->observation_size(), 12);
}

TEST(EnvSpecTest, AnyChangeChangesTheHashAndIsNamed) {
  EnvSpec other = Reach();
  other.horizon = 51;
  EXPECT_NE(SpecHash(Reach()), SpecHash(other));
  EXPECT_THAT(DescribeDifference(Reach(), other), HasSubstr("horizon: 50 -> 51"));
}

TEST(EnvSpecTest, TheSignOfZeroIsNoDifference) {
  EnvSpec positive = Reach();
  positive.observation[0].low = {0};
  positive.action.low[0] = 0;
  positive.reward_high = 0;
  EnvSpec negative = positive;
  negative.observation[0].low = {-0.0};
  negative.action.low[0] = -0.0;
  negative.reward_high = -0.0;
  EXPECT_EQ(SpecHash(positive), SpecHash(negative));
  EXPECT_FALSE(std::signbit(negative.ToProto().observation(0).low(0)));
}

TEST(EnvSpecTest, RefusesWhatBreaksTheRules) {
  EnvSpec twice = Reach();
  twice.observation[1].name = "observation";
  EXPECT_THAT(twice.Validate().message(), HasSubstr("named twice"));

  EnvSpec huge = Reach();
  huge.observation[0].shape = {1 << 20, 1 << 20};
  EXPECT_FALSE(huge.Validate().ok());

  EnvSpec crossed = Reach();
  crossed.action.low[1] = 2;
  EXPECT_THAT(crossed.Validate().message(), HasSubstr("action.box[1]"));

  EnvSpec goalless = Reach();
  goalless.goal->desired_field = "nowhere";
  EXPECT_THAT(goalless.Validate().message(), HasSubstr("nowhere"));

  EXPECT_FALSE(EnvSpec::FromProto(v1::EnvSpec()).ok());
}

}  // namespace
}  // namespace armature

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

TEST(EnvSpecTest, SeveralChoicesAtOnceSurviveTheWire) {
  EnvSpec spec = Reach();
  spec.action = ActionSpec();
  spec.action.choices = {3, 1, 2, 4};
  spec.action.shape = {2, 2};
  spec.action.start = {0, 0, -1, 5};
  EXPECT_EQ(spec.action.size(), 4);
  EXPECT_EQ(spec.action.policy_size(), 10);
  const absl::StatusOr<EnvSpec> back = EnvSpec::FromProto(spec.ToProto());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->action.choices, spec.action.choices);
  EXPECT_EQ(back->action.shape, spec.action.shape);
  EXPECT_EQ(back->action.start, spec.action.start);
  EXPECT_EQ(SpecHash(spec), SpecHash(*back));
}

TEST(EnvSpecTest, OneActionHasOneHashHoweverItIsWritten) {
  EnvSpec bare = Reach();
  bare.action = ActionSpec();
  bare.action.choices = {3, 2};
  EnvSpec spelled = bare;
  spelled.action.shape = {2};
  spelled.action.start = {0, 0};
  EXPECT_EQ(SpecHash(bare), SpecHash(spelled));
  EXPECT_EQ(SpecHash(EnvSpec::FromProto(bare.ToProto()).value()), SpecHash(bare));

  EnvSpec discrete = Reach();
  discrete.action = ActionSpec();
  discrete.action.choices = {3};
  EnvSpec multi = discrete;
  multi.action.shape = {1};
  EXPECT_NE(SpecHash(discrete), SpecHash(multi));
  EXPECT_TRUE(EnvSpec::FromProto(discrete.ToProto())->action.shape.empty());
  EXPECT_EQ(EnvSpec::FromProto(multi.ToProto())->action.shape, std::vector<int64_t>{1});
}

TEST(EnvSpecTest, FindsAValueThatIsNoChoice) {
  ActionSpec action;
  action.choices = {3, 2};
  EXPECT_EQ(FindBadChoice(action, {2, 1, 0, 0}), -1);
  EXPECT_EQ(FindBadChoice(action, {2, 1, 0, 2}), 3);
  EXPECT_EQ(FindBadChoice(action, {0.5f, 1}), 0);
  EXPECT_EQ(FindBadChoice(action, {0, -1}), 1);
  EXPECT_EQ(FindBadChoice(action, {0, std::nanf("")}), 1);
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

  const auto refusal = [](const ActionSpec& action) {
    EnvSpec spec = Reach();
    spec.action = action;
    return std::string(spec.Validate().message());
  };
  EXPECT_THAT(refusal({{}, {}, {1}}), HasSubstr("action.discrete.count is 1, expected 2"));
  EXPECT_THAT(refusal({{}, {}, {2, 0}}), HasSubstr("action.multi_discrete.count[1] is 0"));
  EXPECT_THAT(refusal({{}, {}, {2, 3, 4}, {2, 2}}), HasSubstr("[2,2] for 3 components"));
  EXPECT_THAT(refusal({{-1, -1}, {1, 1}, {}, {1 << 30, 1 << 30}}), HasSubstr("action.shape"));
  EXPECT_THAT(refusal({{}, {}, {2, 3}, {}, {1}}), HasSubstr("action.start has 1 values for 2"));
  EXPECT_THAT(refusal({{-1}, {1}, {}, {}, {1}}), HasSubstr("is a Box"));

  EXPECT_FALSE(EnvSpec::FromProto(v1::EnvSpec()).ok());
  v1::EnvSpec unknown = Reach().ToProto();
  unknown.mutable_action()->clear_box();
  EXPECT_THAT(EnvSpec::FromProto(unknown).status().message(),
              HasSubstr("reach: action is of a kind"));
}

}  // namespace
}  // namespace armature

// rescale_reward and clip_reward.
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "envserver/wrappers/testing/wrapped.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The rewards of the achieved goals 0, 2, 3 and 7 for the desired goal 3: -3, -1, 0, -4.
std::vector<float> HindsightRewards(Wrapped& env) {
  const std::vector<float> achieved = {0, 2, 3, 7};
  const std::vector<float> desired = {3, 3, 3, 3};
  std::vector<float> reward(4);
  std::vector<uint8_t> terminated(4);
  const absl::Status status = env.env().ComputeReward(
      {achieved, desired, {}}, absl::MakeSpan(reward), absl::MakeSpan(terminated));
  EXPECT_TRUE(status.ok()) << status;
  return reward;
}

TEST(RescaleRewardTest, MultipliesStepsBoundsAndHindsight) {
  Wrapped env("scripted", {{"wrappers", "[rescale_reward]"}, {"rescale_reward.scale", "0.5"}});
  EXPECT_EQ(env.spec().reward_low, 0);
  EXPECT_EQ(env.spec().reward_high, 500);
  env.Reset();
  env.Step({0, 0});
  env.Step({0, 0});
  EXPECT_EQ(env.Step({0, 0}).reward, 1.5);
  EXPECT_THAT(env.Metrics(), ElementsAre(3, 3, 3)) << "metrics keep their units";
  Wrapped goal(
      "scripted",
      {{"wrappers", "[rescale_reward]"}, {"rescale_reward.scale", "0.5"}, {"goal", "true"}});
  EXPECT_THAT(HindsightRewards(goal), ElementsAre(-1.5, -0.5, 0, -2));
}

TEST(ClipRewardTest, HoldsStepsBoundsAndHindsight) {
  Wrapped env("scripted", {{"wrappers", "[clip_reward]"}, {"clip_reward.high", "2.5"}});
  EXPECT_EQ(env.spec().reward_low, 0);
  EXPECT_EQ(env.spec().reward_high, 2.5);
  env.Reset();
  std::vector<float> rewards;
  for (int t = 0; t < 4; ++t) rewards.push_back(env.Step({0, 0}).reward);
  EXPECT_THAT(rewards, ElementsAre(1, 2, 2.5, 2.5));
  Wrapped goal("scripted",
               {{"wrappers", "[clip_reward]"}, {"clip_reward.low", "-2"}, {"goal", "true"}});
  EXPECT_EQ(goal.spec().reward_low, -2);
  EXPECT_EQ(goal.spec().reward_high, 0);
  EXPECT_THAT(HindsightRewards(goal), ElementsAre(-2, -1, 0, -2));
}

TEST(RewardWrappersTest, WithoutAGoalThereIsStillNothingToCompute) {
  for (const char* wrappers : {"[clip_reward]", "[rescale_reward]"}) {
    Wrapped env("scripted", {{"wrappers", wrappers}});
    EXPECT_EQ(env.env().ComputeReward({}, {}, {}).code(), absl::StatusCode::kUnimplemented);
  }
}

TEST(RewardWrappersTest, ImpossibleKeysAreRefused) {
  EXPECT_THAT(WrappedError("scripted", {{"wrappers", "[clip_reward]"}, {"clip_reward.low", "3"}}),
              HasSubstr("low is 3 and high 1; expected low < high"));
  EXPECT_THAT(
      WrappedError("scripted", {{"wrappers", "[rescale_reward]"}, {"rescale_reward.scale", "0"}}),
      HasSubstr("scale: expected more than 0, got '0'"));
}

}  // namespace
}  // namespace armature

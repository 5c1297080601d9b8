#include "common/play/evaluation_tally.h"

#include "actor/testing/scripted_steps.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(EvaluationTallyTest, SurplusEpisodesOfQuickSlotsDoNotCount) {
  EvaluationTally tally(EnvSpec(), 5, 2);  // Slot 0: three episodes; slot 1: two.
  tally.OnStep(ScriptedStep(0, {Outcome::kGoesOn, Outcome::kGoesOn}));
  // Slot 0 ends at every step, slot 1 at every fourth.
  uint64_t step = 0;
  while (!tally.complete()) {
    ++step;
    tally.OnStep(ScriptedStep(
        step, {Outcome::kTerminated, step % 4 == 0 ? Outcome::kTruncated : Outcome::kGoesOn}));
    ASSERT_LE(step, 8u);
  }
  EXPECT_EQ(step, 8u) << "the slow slot's quota is awaited";
  const std::vector<v1::Episode> episodes = tally.episodes();
  ASSERT_EQ(episodes.size(), 5u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(episodes[i].length(), 1u);
    EXPECT_DOUBLE_EQ(episodes[i].return_sum(), RewardAt(i + 1, 0));
    EXPECT_TRUE(episodes[i].is_success());
  }
  EXPECT_EQ(episodes[3].length(), 4u);
  EXPECT_DOUBLE_EQ(episodes[3].return_sum(),
                   RewardAt(1, 1) + RewardAt(2, 1) + RewardAt(3, 1) + RewardAt(4, 1));
  EXPECT_EQ(episodes[4].length(), 4u);
  EXPECT_FALSE(episodes[4].is_success());
}

TEST(EvaluationTallyTest, ARestartedEpisodeIsRunAgain) {
  EvaluationTally tally(EnvSpec(), 1, 1);
  tally.OnStep(ScriptedStep(0, {Outcome::kGoesOn}));
  tally.OnStep(ScriptedStep(1, {Outcome::kGoesOn}));
  tally.OnStep(ScriptedStep(2, {Outcome::kRestarted}));
  EXPECT_FALSE(tally.complete());
  tally.OnStep(ScriptedStep(3, {Outcome::kTerminated}));
  ASSERT_TRUE(tally.complete());
  EXPECT_EQ(tally.episodes()[0].length(), 1u);
  EXPECT_DOUBLE_EQ(tally.episodes()[0].return_sum(), RewardAt(3, 0));
}

TEST(EvaluationTallyTest, EpisodesThatDoNotEndAreCutAndTheGroupIsResetForTheNext) {
  EvaluationTally tally(EnvSpec(), 3, 2, /*steps_max=*/4);  // Slot 0: two episodes; slot 1: one.
  for (uint64_t begin = 0; begin < 2; ++begin) {
    tally.OnStep(ScriptedStep(0, {Outcome::kGoesOn, Outcome::kGoesOn}));
    for (uint64_t step = 1; step <= 4; ++step) {
      EXPECT_FALSE(tally.awaits_reset());
      tally.OnStep(ScriptedStep(step, {Outcome::kGoesOn, Outcome::kGoesOn}));
    }
    EXPECT_EQ(tally.awaits_reset(), begin == 0);
  }
  ASSERT_TRUE(tally.complete());
  for (const v1::Episode& episode : tally.episodes()) {
    EXPECT_EQ(episode.length(), 4u);
    EXPECT_TRUE(episode.cut());
  }
  EXPECT_DOUBLE_EQ(tally.episodes()[0].return_sum(),
                   RewardAt(1, 0) + RewardAt(2, 0) + RewardAt(3, 0) + RewardAt(4, 0));
}

TEST(EvaluationTallyTest, ASlotThatWasCutWaitsForTheOthers) {
  EvaluationTally tally(EnvSpec(), 4, 2, /*steps_max=*/3);
  tally.OnStep(ScriptedStep(0, {Outcome::kGoesOn, Outcome::kGoesOn}));
  // Slot 1 ends by itself after two steps, and is cut in its second episode.
  for (uint64_t step = 1; step <= 5; ++step) {
    EXPECT_FALSE(tally.awaits_reset()) << step;
    tally.OnStep(
        ScriptedStep(step, {Outcome::kGoesOn, step == 2 ? Outcome::kTruncated : Outcome::kGoesOn}));
  }
  EXPECT_EQ(tally.missing(), 1) << "what slot 0 does after it was cut counts for nothing";
  EXPECT_TRUE(tally.awaits_reset());
  tally.OnStep(ScriptedStep(0, {Outcome::kGoesOn, Outcome::kGoesOn}));
  EXPECT_FALSE(tally.awaits_reset());
  tally.OnStep(ScriptedStep(1, {Outcome::kTerminated, Outcome::kGoesOn}));
  ASSERT_TRUE(tally.complete());
  EXPECT_TRUE(tally.episodes()[0].cut());
  EXPECT_FALSE(tally.episodes()[1].cut());
}

}  // namespace
}  // namespace armature

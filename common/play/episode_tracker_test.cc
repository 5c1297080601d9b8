#include "common/play/episode_tracker.h"

#include "actor/testing/scripted_steps.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;

// Two slots; a sum and a last value, and one parameter.
EnvSpec Spec() {
  EnvSpec spec;
  spec.metrics = {{"reward/alive", v1::MetricSpec::AGGREGATION_SUM},
                  {"terminated/fell", v1::MetricSpec::AGGREGATION_LAST}};
  spec.parameters = {{"slope", 0, 1, 0.5}};
  return spec;
}

DecodedStep Step(uint64_t step, const std::vector<Outcome>& outcomes,
                 const std::vector<float>& metric, const std::vector<double>& parameter) {
  DecodedStep decoded = ScriptedStep(step, outcomes);
  decoded.metric = metric;
  decoded.parameter = parameter;
  return decoded;
}

constexpr Outcome kOn = Outcome::kGoesOn, kEnds = Outcome::kTerminated, kVoid = Outcome::kRestarted;

TEST(EpisodeTracker, AnEpisodeHasItsStepsMetricsAndTheParametersItBeganWith) {
  EpisodeTracker tracker(Spec(), 2);
  EXPECT_TRUE(tracker.OnStep(Step(0, {kOn, kOn}, {0, 0, 0, 0}, {0.25, 0.5})).empty());
  EXPECT_TRUE(tracker.OnStep(Step(1, {kOn, kOn}, {1, 0, 10, 0}, {0.25, 0.5})).empty());
  // The row of slot 0 already shows the next episode's parameter.
  auto ended = tracker.OnStep(Step(2, {kEnds, kOn}, {2, 1, 20, 0}, {0.75, 0.5}));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].slot, 0);
  EXPECT_THAT(ended[0].episode.metric(), ElementsAre(3, 1));
  EXPECT_THAT(ended[0].episode.parameter(), ElementsAre(0.25));
  ended = tracker.OnStep(Step(3, {kEnds, kEnds}, {4, 0, 30, 1}, {1, 1}));
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_THAT(ended[0].episode.metric(), ElementsAre(4, 0));
  EXPECT_THAT(ended[0].episode.parameter(), ElementsAre(0.75));
  EXPECT_THAT(ended[1].episode.metric(), ElementsAre(60, 1));
  EXPECT_THAT(ended[1].episode.parameter(), ElementsAre(0.5));
}

TEST(EpisodeTracker, WhatARestartedSlotHadIsDropped) {
  EpisodeTracker tracker(Spec(), 1);
  tracker.OnStep(Step(0, {kOn}, {0, 0}, {0.25}));
  tracker.OnStep(Step(1, {kOn}, {100, 1}, {0.25}));
  EXPECT_TRUE(tracker.OnStep(Step(2, {kVoid}, {0, 0}, {0.75})).empty());
  const auto ended = tracker.OnStep(Step(3, {kEnds}, {1, 0}, {1}));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].episode.length(), 1u);
  EXPECT_THAT(ended[0].episode.metric(), ElementsAre(1, 0));
  EXPECT_THAT(ended[0].episode.parameter(), ElementsAre(0.75));
}

}  // namespace
}  // namespace armature

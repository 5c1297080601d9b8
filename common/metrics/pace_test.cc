#include "common/metrics/pace.h"

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(Pace, KnowsNothingBeforeTwoObservationsAndOfWhatDoesNotMove) {
  Pace pace;
  EXPECT_TRUE(std::isnan(pace.SecondsFor(10)));
  pace.Observe(1000, 5);  // What was done before the first observation does not count.
  EXPECT_TRUE(std::isnan(pace.SecondsFor(10)));
  pace.Observe(1000, 7);
  EXPECT_TRUE(std::isnan(pace.SecondsFor(10)));
}

TEST(Pace, ASteadyCountTakesWhatIsLeftOverItsRate) {
  Pace pace;
  for (int i = 0; i < 500; ++i) pace.Observe(20.0 * i, i);
  EXPECT_NEAR(pace.SecondsFor(100), 5, 1e-9);
  EXPECT_EQ(pace.SecondsFor(0), 0);
}

TEST(Pace, WhatIsLongAgoIsForgottenByHalves) {
  Pace pace;
  for (int i = 0; i <= 600; ++i) pace.Observe(100.0 * i, i);
  // A minute at a tenth of the pace weighs as much as all the time before.
  for (int i = 1; i <= 60; ++i) pace.Observe(60000 + 10.0 * i, 600 + i);
  EXPECT_NEAR(pace.SecondsFor(55), 1, 0.02);
}

TEST(Pace, ACountOrClockThatWentBackIsTakenAsItIsFromThere) {
  Pace pace;
  pace.Observe(0, 0);
  pace.Observe(100, 10);
  pace.Observe(50, 5);
  pace.Observe(100, 10);
  EXPECT_NEAR(pace.SecondsFor(10), 1, 0.1);
}

}  // namespace
}  // namespace armature

#include "envserver/human/ramp.h"

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(Ramp, RateAndItsChangeAreDerivatives) {
  for (double ramp : {0.2, 0.7, 1.0}) {
    constexpr double kHalf = 1e-6;
    for (double t = 0.003; t < 2; t += 0.0137) {
      const RampedTime now = Ramp(t, 2, ramp);
      const RampedTime before = Ramp(t - kHalf, 2, ramp), after = Ramp(t + kHalf, 2, ramp);
      ASSERT_NEAR(now.rate, (after.value - before.value) / (2 * kHalf), 1e-7);
      ASSERT_NEAR(now.rate_change, (after.rate - before.rate) / (2 * kHalf), 1e-4);
    }
  }
}

TEST(Ramp, GoesFromRestToRest) {
  EXPECT_EQ(Ramp(0, 3, 0.5).value, 0);
  EXPECT_EQ(Ramp(0, 3, 0.5).rate, 0);
  EXPECT_EQ(Ramp(0, 3, 0.5).rate_change, 0);
  EXPECT_EQ(Ramp(3, 3, 0.5).value, 2.5);
  EXPECT_EQ(Ramp(3, 3, 0.5).rate, 0);
  EXPECT_EQ(Ramp(9, 3, 0.5).value, 2.5);
  EXPECT_EQ(Ramp(1.5, 3, 0.5).rate, 1);
  EXPECT_EQ(MinimumJerk(-1), 0);
  EXPECT_EQ(MinimumJerk(0.5), 0.5);
  EXPECT_EQ(MinimumJerk(2), 1);
}

}  // namespace
}  // namespace armature

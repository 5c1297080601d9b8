#include "envserver/shield/path_profile.h"

#include <algorithm>
#include <cmath>

#include "common/random/rng.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

PathLimits RandomLimits(Rng& rng) { return {rng.Uniform(1, 20), rng.Uniform(20, 800)}; }

// Any state from which the invariant holds.
PathState RandomState(const PathLimits& limits, Rng& rng) {
  while (true) {
    PathState state;
    state.s = rng.Uniform(0, 2);
    state.speed = rng.Index(4) == 0 ? static_cast<double>(rng.Index(2)) : rng.Uniform(0, 1);
    state.acceleration = rng.Index(4) == 0 ? 0 : rng.Uniform(-1, 1) * limits.acceleration;
    const double released =
        state.speed + state.acceleration * std::abs(state.acceleration) / (2 * limits.jerk);
    if (released >= 0 && released <= 1) return state;
  }
}

TEST(PathProfileTest, KeepsLimitsAndEndsAtItsTarget) {
  Rng rng({2});
  for (int i = 0; i < 3000; ++i) {
    const PathLimits limits = RandomLimits(rng);
    const PathState start = RandomState(limits, rng);
    const double target = rng.Index(2) == 0 ? static_cast<double>(rng.Index(2)) : rng.Uniform(0, 1);
    const PathProfile profile(start, target, limits);
    constexpr int kSteps = 100;
    const double dt = (profile.duration_s() + 0.01) / kSteps;
    PathState last = profile.At(0);
    EXPECT_NEAR(last.speed, start.speed, 1e-12);
    EXPECT_NEAR(last.acceleration, start.acceleration, 1e-9);
    for (int k = 1; k <= kSteps; ++k) {
      const PathState now = profile.At(k * dt);
      ASSERT_GE(now.speed, 0);
      ASSERT_LE(now.speed, 1);
      ASSERT_LE(std::abs(now.acceleration), limits.acceleration * (1 + 1e-9));
      ASSERT_LE(std::abs(now.acceleration - last.acceleration),
                limits.jerk * dt * (1 + 1e-6) + 1e-6);
      // Speed and position are integrals of what is above them.
      const double slack = limits.jerk * dt * dt;
      ASSERT_NEAR(now.speed - last.speed, (now.acceleration + last.acceleration) / 2 * dt, slack);
      ASSERT_NEAR(now.s - last.s, (now.speed + last.speed) / 2 * dt, slack * dt);
      const double released =
          now.speed + now.acceleration * std::abs(now.acceleration) / (2 * limits.jerk);
      ASSERT_GE(released, -1e-9);
      ASSERT_LE(released, 1 + 1e-9);
      last = now;
    }
    EXPECT_EQ(last.speed, target);
    EXPECT_EQ(last.acceleration, 0);
  }
}

TEST(PathProfileTest, MaxSpeedIsTheHighestOfManySamples) {
  Rng rng({3});
  for (int i = 0; i < 2000; ++i) {
    const PathLimits limits = RandomLimits(rng);
    const PathProfile profile(RandomState(limits, rng), rng.Uniform(0, 1), limits);
    double t0 = rng.Uniform(0, profile.duration_s() + 0.01);
    double t1 = rng.Uniform(0, profile.duration_s() + 0.01);
    if (t0 > t1) std::swap(t0, t1);
    double highest = 0;
    constexpr int kSamples = 500;
    for (int k = 0; k <= kSamples; ++k) {
      highest = std::max(highest, profile.At(t0 + (t1 - t0) * k / kSamples).speed);
    }
    const double most = profile.MaxSpeed(t0, t1);
    ASSERT_GE(most, highest - 1e-12);
    ASSERT_LE(most, highest + limits.acceleration * (t1 - t0) / kSamples + 1e-12);
  }
}

TEST(PathProfileTest, NoStopIsLongerThanTheLongest) {
  Rng rng({4});
  for (int i = 0; i < 20000; ++i) {
    const PathLimits limits = RandomLimits(rng);
    const PathProfile stop(RandomState(limits, rng), 0, limits);
    ASSERT_LE(stop.duration_s(), LongestStop(limits) + 1e-12);
  }
}

TEST(PathProfileTest, IsAsFastAsItsLimitsAllow) {
  // 1 to 0 with A = 8 and J = 337 takes 1 / A + A / J.
  EXPECT_NEAR(PathProfile({0, 1, 0}, 0, {8, 337}).duration_s(), 1.0 / 8 + 8.0 / 337, 1e-12);
}

}  // namespace
}  // namespace armature

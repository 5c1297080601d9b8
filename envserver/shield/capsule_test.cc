#include "envserver/shield/capsule.h"

#include <algorithm>
#include <cmath>

#include "common/random/rng.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

Eigen::Vector3d Point(Rng& rng) {
  return {rng.Uniform(-1, 1), rng.Uniform(-1, 1), rng.Uniform(-1, 1)};
}

double FromPoint(const Eigen::Vector3d& p, const Capsule& capsule) {
  const Eigen::Vector3d d = capsule.b - capsule.a;
  const double length2 = d.squaredNorm();
  const double t = length2 > 0 ? std::clamp(d.dot(p - capsule.a) / length2, 0.0, 1.0) : 0;
  return (capsule.a + t * d - p).norm();
}

TEST(CapsuleTest, DistanceIsThatOfTheNearestOfManyPoints) {
  Rng rng({1});
  for (int i = 0; i < 500; ++i) {
    Capsule one = {Point(rng), Point(rng), 0};
    Capsule other = {Point(rng), Point(rng), 0};
    if (i % 5 == 0) one.b = one.a;
    if (i % 7 == 0) other.b = other.a;
    if (i % 5 == 1) other.b = other.a + (one.b - one.a) * rng.Uniform(-2, 2);  // Parallel.
    double least = 1e9;
    constexpr int kPoints = 400;
    for (int k = 0; k <= kPoints; ++k) {
      least = std::min(least, FromPoint(one.a + (one.b - one.a) * k / kPoints, other));
    }
    const double distance = std::sqrt(AxisDistanceSquared(one, other));
    EXPECT_LE(distance, least + 1e-9);
    EXPECT_GE(distance, least - (one.b - one.a).norm() / kPoints - 1e-9);
  }
}

TEST(CapsuleTest, GapCountsBothRadii) {
  const Capsule one = {{0, 0, 0}, {1, 0, 0}, 0.1};
  const Capsule other = {{0.5, 1, -1}, {0.5, 1, 1}, 0.3};
  EXPECT_NEAR(Gap(one, other), 0.6, 1e-12);
}

}  // namespace
}  // namespace armature

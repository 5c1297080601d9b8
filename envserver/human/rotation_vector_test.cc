#include "envserver/human/rotation_vector.h"

#include <cmath>

#include "common/random/rng.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

Eigen::Vector3d Random(Rng& rng, double length) {
  return length * Eigen::Vector3d(rng.Normal(), rng.Normal(), rng.Normal()).normalized();
}

// On both sides of where the series end, and beyond half a turn.
TEST(RotationVector, VelocityAndAccelerationAreDerivativesAtAnyAngle) {
  Rng rng({1});
  for (double angle : {0.0, 1e-4, 0.19, 0.1999, 0.2001, 0.21, 1.0, 3.0, 4.0, 6.0}) {
    const Eigen::Vector3d w = Random(rng, angle), w1 = Random(rng, 2), w2 = Random(rng, 3);
    const auto at = [&](double t) {
      return TurningRotation(w + t * w1 + t * t / 2 * w2, w1 + t * w2, w2);
    };
    constexpr double kHalf = 1e-6;
    const TurningRotation now = at(0), before = at(-kHalf), after = at(kHalf);
    EXPECT_LT((now.rotation - Eigen::AngleAxisd(w.norm(), w.stableNormalized()).matrix()).norm(),
              1e-12);
    const Eigen::Matrix3d cross =
        (after.rotation - before.rotation) / (2 * kHalf) * now.rotation.transpose();
    EXPECT_LT((now.velocity - Eigen::Vector3d(cross(2, 1), cross(0, 2), cross(1, 0))).norm(), 1e-7)
        << angle;
    EXPECT_LT((now.acceleration - (after.velocity - before.velocity) / (2 * kHalf)).norm(), 1e-7)
        << angle;
  }
}

TEST(RotationVector, GoesToAVectorAndBack) {
  Rng rng({2});
  for (double angle : {0.0, 1e-10, 1e-3, 1.0, 3.1415}) {
    const Eigen::Vector3d w = Random(rng, angle);
    Eigen::Quaterniond rotation = FromRotationVector(w);
    EXPECT_LT((ToRotationVector(rotation) - w).norm(), 1e-10);
    rotation.coeffs() *= -1;
    EXPECT_LT((ToRotationVector(rotation) - w).norm(), 1e-10);
  }
}

TEST(RotationVector, StaysNearThePreviousOneBeyondHalfATurn) {
  const Eigen::Vector3d axis = Eigen::Vector3d(1, 2, 3).normalized();
  Eigen::Vector3d previous = Eigen::Vector3d::Zero();
  for (double angle = 0; angle < 6; angle += 0.1) {
    previous = ToRotationVectorNear(FromRotationVector(angle * axis), previous);
    ASSERT_LT((previous - angle * axis).norm(), 1e-9);
  }
}

TEST(RotationVector, HeadingLeavesATiltWithoutTurn) {
  Rng rng({3});
  for (int i = 0; i < 100; ++i) {
    const Eigen::Quaterniond rotation = FromRotationVector(Random(rng, rng.Uniform(0, 3)));
    const Eigen::Quaterniond tilt = RotationZ(-Heading(rotation)) * rotation;
    EXPECT_LT(std::abs(ToRotationVector(tilt).z()), 1e-9);
  }
  EXPECT_NEAR(Heading(RotationZ(0.7)), 0.7, 1e-12);
}

}  // namespace
}  // namespace armature

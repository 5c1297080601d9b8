#include "envserver/shield/human_model.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/random/rng.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using Eigen::Vector3d;

Vector3d Direction(Rng& rng) {
  const Vector3d v(rng.Normal(), rng.Normal(), rng.Normal());
  return v / std::max(v.norm(), 1e-9);
}

// A forearm of an extremity whose root is joint 0.
HumanModel Forearm() {
  HumanModel human;
  human.joints = {{30}, {30}, {30}};
  human.capsules = {{1, 2, 0.066, 0}};
  human.extremities = {{0, 0.6}};
  human.position_error_m = 0.03;
  human.velocity_error_m_s = 0.2;
  human.delay_s = 0.012;
  return human;
}

struct Joint {
  Vector3d position, velocity, acceleration;
};

// Constant acceleration for `t`, at its bound, then a speed that stays within its own.
Vector3d After(const Joint& joint, double speed_max, double t) {
  // Fine steps; the speed is cut off at its bound, which takes less acceleration, not more.
  Vector3d position = joint.position;
  Vector3d velocity = joint.velocity;
  const int steps = 50;
  for (int i = 0; i < steps; ++i) {
    Vector3d next = velocity + joint.acceleration * (t / steps);
    if (next.norm() > speed_max) next *= speed_max / next.norm();
    position += (velocity + next) / 2 * (t / steps);
    velocity = next;
  }
  return position;
}

TEST(HumanReachTest, EachSetHoldsEveryBoundedHuman) {
  Rng rng({10});
  const HumanModel human = Forearm();
  double tightest[3] = {1, 1, 1};
  for (int i = 0; i < 60000; ++i) {
    // Where the joints were when they were measured, and what the tracker made of it.
    const Vector3d towards = Direction(rng);
    Joint joints[3];
    std::vector<Vector3d> position, velocity;
    joints[0].position = Direction(rng) * rng.Uniform(0, 2);
    const bool is_extreme = i % 2 == 0;  // All bounds at once, in one direction.
    const double stretch = is_extreme ? 1 : rng.Uniform(0, 1);
    joints[1].position =
        joints[0].position + (is_extreme ? towards : Direction(rng)) * 0.3 * stretch;
    joints[2].position =
        joints[0].position + (is_extreme ? towards : Direction(rng)) * 0.6 * stretch;
    const double speed = is_extreme ? rng.Index(2) * human.speed_max_m_s : rng.Uniform(0, 2);
    const bool is_rigid = i % 4 < 2;
    for (int j = 0; j < 3; ++j) {
      const Vector3d way = is_rigid ? towards : Direction(rng);
      joints[j].velocity = way * speed;
      joints[j].acceleration =
          way * human.joints[j].acceleration_max_m_s2 * (is_extreme ? 1 : rng.Uniform(-1, 1));
      const Vector3d error = is_extreme ? Vector3d(-towards) : Direction(rng);
      position.push_back(joints[j].position + error * human.position_error_m);
      velocity.push_back(joints[j].velocity + error * human.velocity_error_m_s);
    }
    HumanMeasurement measurement;
    measurement.position = position;
    measurement.velocity = velocity;
    const HumanReach reach(&human, &measurement);
    const double t0 = rng.Uniform(0, 0.2);
    const double t1 = t0 + rng.Uniform(0, 0.05);
    const double t = (is_extreme ? t1 : rng.Uniform(t0, t1)) +
                     (is_extreme ? human.delay_s : rng.Uniform(0, human.delay_s));
    const Vector3d a = After(joints[1], human.speed_max_m_s, t);
    const Vector3d b = After(joints[2], human.speed_max_m_s, t);
    const Vector3d root = After(joints[0], human.speed_max_m_s, t);
    const Capsule sets[3] = {reach.ByVelocity(0, t1), reach.ByAcceleration(0, t0, t1),
                             reach.ByPosition(0, t1)};
    for (int k = 0; k < 3; ++k) {
      // The position's set asks that the arm is still no longer than it is.
      const bool is_long = std::max((a - root).norm(), (b - root).norm()) > 0.6 + 1e-12;
      if (k == 2 && is_long) continue;
      for (const double u : {0.0, 0.5, 1.0}) {
        const Vector3d point = a + u * (b - a);
        const double room =
            sets[k].radius - 0.066 - std::sqrt(AxisDistanceSquared({point, point, 0}, sets[k]));
        ASSERT_GE(room, -1e-9) << "set " << k << " at " << t;
        tightest[k] = std::min(tightest[k], room);
      }
    }
  }
  // Humans at their bounds come to the edge of each.
  for (const double room : tightest) EXPECT_LT(room, 5e-3);
}

TEST(HumanReachTest, IsClearIfAnySetIs) {
  HumanModel human = Forearm();
  const std::vector<Vector3d> position = {{0, 0, 0}, {0.3, 0, 0}, {0.6, 0, 0}};
  const std::vector<Vector3d> still(3, Vector3d::Zero());
  HumanMeasurement measurement;
  measurement.position = position;
  const HumanReach reach(&human, &measurement);
  const auto ball = [](double x) { return Capsule{{x, 0, 0}, {x, 0, 0}, 0.05}; };
  // In 0.1 s: velocity 0.6 + 0.066 + 0.03 + 2 * 0.112 = 0.92; with 0.05 of the ball, 0.97.
  EXPECT_TRUE(reach.IsClear(0, ball(0.98), 0, 0.1));
  EXPECT_FALSE(reach.IsClear(0, ball(0.96), 0, 0.1));
  // The acceleration's, of one who stands: 0.6 + 0.066 + 0.03 + 0.2 * 0.032 + 15 * 0.032^2 = 0.718.
  measurement.velocity = still;
  EXPECT_TRUE(reach.IsClear(0, ball(0.77), 0, 0.02));
  EXPECT_FALSE(reach.IsClear(0, ball(0.76), 0, 0.02));
  // The position's: behind the shoulder by 0.6 + 0.066 + 0.03 + 2 * 1.012.
  EXPECT_TRUE(reach.IsClear(0, ball(-2.8), 0, 1));
  EXPECT_FALSE(reach.IsClear(0, ball(-1.6), 0, 1));
  human.capsules[0].extremity = -1;
  EXPECT_TRUE(human.Validate().ok());
}

TEST(HumanModelTest, RefusesIndicesAndBoundsThatAreWrong) {
  HumanModel human = Forearm();
  EXPECT_TRUE(human.Validate().ok());
  human.capsules[0].joint_b = 3;
  EXPECT_FALSE(human.Validate().ok());
  human = Forearm();
  human.capsules[0].extremity = 1;
  EXPECT_FALSE(human.Validate().ok());
  human = Forearm();
  human.delay_s = -1;
  EXPECT_FALSE(human.Validate().ok());
  human = Forearm();
  human.joints[0].acceleration_max_m_s2 = std::nan("");
  EXPECT_FALSE(human.Validate().ok());
}

}  // namespace
}  // namespace armature

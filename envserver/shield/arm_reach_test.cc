#include "envserver/shield/arm_reach.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "common/random/rng.h"
#include "envserver/shield/schunk_arm.h"
#include "envserver/shield/testing/random_paths.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr JointLimits kLimits = {1, 2, 15};

// How far the ball of radius `radius` at `point` sticks out of `cover`.
double SticksOut(const Eigen::Vector3d& point, double radius, const Capsule& cover) {
  return std::sqrt(AxisDistanceSquared({point, point, 0}, cover)) + radius - cover.radius;
}

class ArmReachTest : public testing::TestWithParam<bool> {
 protected:
  ArmModel Arm(Rng& rng) const { return GetParam() ? SchunkArm() : RandomArm(rng); }
};

TEST(SchunkArmTest, IsWhereItsJointsPutIt) {
  const ArmModel arm = SchunkArm();
  std::vector<Capsule> placed(arm.num_capsules());
  JointVector position = JointVector::Zero(6);
  arm.Place(position, placed);
  // Straight up: shoulder at 0.11, elbow 0.35 above it, wrist 0.305 above that.
  EXPECT_NEAR((placed[1].b - Eigen::Vector3d(0, 0, 0.46)).norm(), 0, 1e-9);
  EXPECT_NEAR(placed[3].b.z(), 0.765, 1e-9);
  EXPECT_NEAR(placed[5].b.z(), 0.885, 1e-9);
  position[1] = 1.5707963267948966;  // Shoulder: the arm lies level.
  arm.Place(position, placed);
  EXPECT_NEAR(placed[1].b.z(), 0.11, 1e-9);
  EXPECT_NEAR(std::hypot(placed[1].b.x(), placed[1].b.y()), 0.35, 1e-9);
  position[0] = 0.5;  // Turned about the vertical: as far from it as before.
  arm.Place(position, placed);
  EXPECT_NEAR(std::atan2(placed[1].b.y(), placed[1].b.x()),
              std::atan2(0, -1) + 0.5 - 2 * 3.14159265358979323846, 1e-9);
}

TEST_P(ArmReachTest, NoPointIsEverFartherFromAJointsAxisThanItsReach) {
  Rng rng({6});
  for (int i = 0; i < 300; ++i) {
    const ArmModel arm = Arm(rng);
    std::vector<Capsule> placed(arm.num_capsules()), turned(arm.num_capsules());
    JointVector position = RandomPosition(arm, rng);
    arm.Place(position, placed);
    for (int j = 0; j < arm.num_joints(); ++j) {
      constexpr double kTurn = 1e-4;
      JointVector other = position;
      other[j] += kTurn;
      arm.Place(other, turned);
      for (int c = 0; c < arm.num_capsules(); ++c) {
        const double moved =
            std::max((turned[c].a - placed[c].a).norm(), (turned[c].b - placed[c].b).norm());
        if (arm.capsules()[c].joint < j) {
          ASSERT_LT(moved, 1e-12);
        } else {
          ASSERT_LE(moved / kTurn, arm.reach_m(c, j) + 1e-6);
        }
      }
    }
  }
}

TEST_P(ArmReachTest, CoverHoldsTheArmOnAllOfThePiece) {
  Rng rng({7});
  constexpr double kMargin = 0.01;
  double tightest = 1;
  for (int i = 0; i < 1500; ++i) {
    const ArmModel arm = Arm(rng);
    TrajectoryPlanner planner(arm.num_joints(), kLimits);
    ArmReach reach(&arm, kLimits, kMargin);
    JointTrajectory path(JointVector::Zero(arm.num_joints()));
    ASSERT_TRUE(
        planner.Plan(RandomState(arm, planner, kLimits, rng), RandomPosition(arm, rng), path).ok());
    ArmNode begin(arm), end(arm), now(arm);
    const double s0 = rng.Uniform(-0.1, path.duration_s());
    reach.Place(path, std::max(0.0, s0), begin);
    reach.Place(path, begin.s + rng.Uniform(0, 0.3), end);
    std::vector<Capsule> cover(arm.num_capsules());
    reach.Cover(begin, end, cover);
    constexpr int kSamples = 40;
    for (int k = 0; k <= kSamples; ++k) {
      reach.Place(path, begin.s + (end.s - begin.s) * k / kSamples, now);
      for (int c = 0; c < arm.num_capsules(); ++c) {
        for (const double u : {0.0, 0.3, 0.5, 0.8, 1.0}) {
          const Eigen::Vector3d point =
              now.capsules[c].a + u * (now.capsules[c].b - now.capsules[c].a);
          const double out = SticksOut(point, now.capsules[c].radius, cover[c]);
          ASSERT_LE(out, -kMargin + 1e-9);
          tightest = std::min(tightest, -kMargin - out);
        }
      }
    }
  }
  EXPECT_LT(tightest, 1e-3);  // Not a cover that holds everything.
}

TEST_P(ArmReachTest, NoPointIsFasterThanTheBound) {
  Rng rng({8});
  for (int i = 0; i < 1000; ++i) {
    const ArmModel arm = Arm(rng);
    TrajectoryPlanner planner(arm.num_joints(), kLimits);
    ArmReach reach(&arm, kLimits, 0);
    JointTrajectory path(JointVector::Zero(arm.num_joints()));
    ASSERT_TRUE(
        planner.Plan(RandomState(arm, planner, kLimits, rng), RandomPosition(arm, rng), path).ok());
    ArmNode begin(arm), end(arm), now(arm), soon(arm);
    reach.Place(path, rng.Uniform(0, path.duration_s()), begin);
    reach.Place(path, begin.s + rng.Uniform(0.001, 0.2), end);
    const double bound = reach.SpeedBound(begin.state, end.state, end.s - begin.s);
    for (int k = 0; k < 20; ++k) {
      constexpr double kDt = 1e-5;
      const double s = begin.s + (end.s - begin.s - kDt) * k / 20;
      reach.Place(path, s, now);
      reach.Place(path, s + kDt, soon);
      for (int c = 0; c < arm.num_capsules(); ++c) {
        const double moved = std::max((soon.capsules[c].a - now.capsules[c].a).norm(),
                                      (soon.capsules[c].b - now.capsules[c].b).norm());
        ASSERT_LE(moved / kDt, bound + 1e-6);
        ASSERT_LE(moved / kDt, reach.SpeedBound(path) + 1e-6);
      }
    }
  }
}

// Stretched out along x; all axes are parallel, so that the joints' rates add up.
ArmModel PlanarArm(int num_joints) {
  std::vector<ArmJoint> joints(num_joints);
  std::vector<LinkCapsule> capsules;
  for (int i = 0; i < num_joints; ++i) {
    if (i > 0) joints[i].origin.translation() = Eigen::Vector3d(0.3, 0, 0);
    joints[i].position_min_rad = -3;
    joints[i].position_max_rad = 3;
    capsules.push_back({i, {{0, 0, 0}, {0.3, 0, 0}, 0.05}});
  }
  return *ArmModel::Create(joints, capsules);
}

TEST(ArmReachBoundTest, BendBoundIsExactForAStretchedArmThatTurnsAsOne) {
  const ArmModel arm = PlanarArm(4);
  const ArmReach reach(&arm, kLimits, 0);
  const JointVector one = JointVector::Ones(4);
  const JointVector none = JointVector::Zero(4);
  // Link k has rate k and length 0.3: sum of 0.3 k^2.
  EXPECT_NEAR(reach.BendBound(3, one, none), 0.3 * (1 + 4 + 9 + 16), 1e-9);
  // Of accelerations alone, the tip's: 1.2 + 0.9 + 0.6 + 0.3.
  EXPECT_NEAR(reach.BendBound(3, none, one), 3, 1e-9);
}

TEST(ArmReachBoundTest, CoverOfAWayOutAndBackHoldsItsMiddle) {
  const ArmModel arm = PlanarArm(8);
  const ArmReach reach(&arm, kLimits, 0);
  // q = s - s^2 for every joint, from 0 to 1: both ends are the same place.
  ArmNode begin(arm), end(arm), middle(arm);
  begin.state = {JointVector::Zero(8), JointVector::Ones(8), JointVector::Constant(8, -2)};
  end.state = {JointVector::Zero(8), -JointVector::Ones(8), JointVector::Constant(8, -2)};
  end.s = 1;
  arm.Place(begin.state.position, begin.capsules);
  arm.Place(end.state.position, end.capsules);
  arm.Place(JointVector::Constant(8, 0.25), middle.capsules);
  std::vector<Capsule> cover(arm.num_capsules());
  reach.Cover(begin, end, cover);
  for (int c = 0; c < arm.num_capsules(); ++c) {
    EXPECT_LE(SticksOut(middle.capsules[c].b, middle.capsules[c].radius, cover[c]), 0);
  }
}

// sara-shield has 5 m/s^2 for every link.
TEST(ArmReachBoundTest, AFixedAlphaOfFiveIsNoBoundAndBendBoundIs) {
  Rng rng({9});
  const ArmModel arm = SchunkArm();
  const ArmReach reach(&arm, kLimits, 0);
  std::vector<Capsule> before(arm.num_capsules()), at(before), after(before);
  double highest = 0;
  for (int i = 0; i < 20000; ++i) {
    const JointVector q = RandomPosition(arm, rng);
    JointVector v(6), a(6);
    for (int j = 0; j < 6; ++j) {
      v[j] = rng.Index(2) == 0 ? kLimits.velocity : -kLimits.velocity;
      a[j] = rng.Index(2) == 0 ? kLimits.acceleration : -kLimits.acceleration;
    }
    constexpr double kH = 1e-4;
    arm.Place(q - kH * v + kH * kH / 2 * a, before);
    arm.Place(q, at);
    arm.Place(q + kH * v + kH * kH / 2 * a, after);
    for (int c = 0; c < arm.num_capsules(); ++c) {
      const JointVector most_v = v.cwiseAbs(), most_a = a.cwiseAbs();
      ASSERT_LE((before[c].b - 2 * at[c].b + after[c].b).norm() / (kH * kH),
                reach.BendBound(c, most_v, most_a) + 1e-3);
      highest = std::max(highest, (before[c].b - 2 * at[c].b + after[c].b).norm() / (kH * kH));
    }
  }
  EXPECT_GT(highest, 5);
  RecordProperty("highest", std::to_string(highest));
}

INSTANTIATE_TEST_SUITE_P(Arms, ArmReachTest, testing::Values(true, false),
                         [](const auto& arm) { return arm.param ? "Schunk" : "Random"; });

}  // namespace
}  // namespace armature

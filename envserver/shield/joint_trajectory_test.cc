#include "envserver/shield/joint_trajectory.h"

#include <algorithm>
#include <cmath>

#include "common/random/rng.h"
#include "envserver/shield/schunk_arm.h"
#include "envserver/shield/testing/random_paths.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr JointLimits kLimits = {1, 2, 15};

TEST(JointTrajectoryTest, KeepsItsLimitsFromAnyStateToRestAtTheGoal) {
  Rng rng({5});
  const ArmModel arm = SchunkArm();
  TrajectoryPlanner planner(arm.num_joints(), kLimits);
  JointTrajectory path(JointVector::Zero(arm.num_joints()));
  for (int i = 0; i < 2000; ++i) {
    const JointState start = RandomState(arm, planner, kLimits, rng);
    const JointVector goal = RandomPosition(arm, rng);
    ASSERT_TRUE(planner.Plan(start, goal, path).ok());
    JointState last, now;
    path.At(0, last);
    EXPECT_LT((last.position - start.position).norm(), 1e-9);
    EXPECT_LT((last.velocity - start.velocity).norm(), 1e-9);
    EXPECT_LT((last.acceleration - start.acceleration).norm(), 1e-9);
    JointVector lowest = last.position, highest = last.position;
    constexpr int kSteps = 300;
    const double dt = (path.duration_s() + 0.01) / kSteps;
    for (int k = 1; k <= kSteps; ++k) {
      path.At(k * dt, now);
      ASSERT_LE(now.velocity.cwiseAbs().maxCoeff(), kLimits.velocity + 1e-6);
      ASSERT_LE(now.acceleration.cwiseAbs().maxCoeff(), kLimits.acceleration + 1e-6);
      ASSERT_LE((now.acceleration - last.acceleration).cwiseAbs().maxCoeff(),
                kLimits.jerk * dt + 1e-6);
      const JointVector mean = (now.velocity + last.velocity) / 2;
      ASSERT_LT((now.position - last.position - mean * dt).norm(),
                10 * kLimits.jerk * dt * dt * dt);
      lowest = lowest.cwiseMin(now.position);
      highest = highest.cwiseMax(now.position);
      last = now;
    }
    EXPECT_EQ(last.position, goal);
    // Of limits at the extrema, and closer by more than what is between samples.
    const int joint = static_cast<int>(rng.Index(arm.num_joints()));
    const JointVector slack = JointVector::Constant(arm.num_joints(), 1e-3);
    EXPECT_TRUE(path.StaysWithin(lowest - slack, highest + slack));
    JointVector tight = highest;
    tight[joint] -= 1e-6;
    EXPECT_FALSE(path.StaysWithin(lowest - slack, tight));
    tight = lowest;
    tight[joint] += 1e-6;
    EXPECT_FALSE(path.StaysWithin(tight, highest + slack));
    EXPECT_TRUE(last.velocity.isZero(0));
    path.At(path.duration_s() - 1e-6, last);
    EXPECT_LT((last.position - goal).norm(), 1e-7);
  }
}

TEST(JointTrajectoryTest, RefusesToBeginWhereALimitWouldBeBroken) {
  TrajectoryPlanner planner(1, kLimits);
  const auto one = [](double x) { return JointVector::Constant(1, x); };
  EXPECT_TRUE(planner.CanPlanFrom({one(0), one(1), one(0)}));
  EXPECT_FALSE(planner.CanPlanFrom({one(0), one(0), one(2.1)}));
  EXPECT_FALSE(planner.CanPlanFrom({one(0), one(-1.1), one(0)}));
  // Before its acceleration can be gone, its velocity is 1.03.
  EXPECT_FALSE(planner.CanPlanFrom({one(0), one(0.9), one(2)}));
  EXPECT_TRUE(planner.CanPlanFrom({one(0), one(0.9), one(-2)}));
}

}  // namespace
}  // namespace armature

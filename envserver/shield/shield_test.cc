#include "envserver/shield/shield.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "common/random/rng.h"
#include "envserver/bullet/testing/allocations.h"
#include "envserver/human/human_figure.h"
#include "envserver/shield/schunk_arm.h"
#include "envserver/shield/testing/bounded_human.h"
#include "envserver/shield/testing/random_paths.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using Eigen::Vector3d;

class ShieldTest : public testing::Test {
 protected:
  std::unique_ptr<Shield> Make(const ShieldOptions& options = {}) {
    return Shield::Create(options, SchunkArm(), HumanFigure(), JointVector::Zero(6)).value();
  }

  // One who stands at x.
  const HumanMeasurement* HumanAt(double x) {
    position_ = StandingAt({x, 0, 0});
    velocity_.assign(position_.size(), Vector3d::Zero());
    measurement_.position = position_;
    measurement_.velocity = velocity_;
    return &measurement_;
  }

  std::vector<Vector3d> position_, velocity_;
  HumanMeasurement measurement_;
};

JointVector Goal(double rad) { return JointVector::Constant(6, rad); }

TEST_F(ShieldTest, ReachesItsGoalsWithNobodyNear) {
  auto shield = Make();
  Rng rng({11});
  const ArmModel arm = SchunkArm();
  for (int i = 0; i < 20; ++i) {
    const JointVector goal = RandomPosition(arm, rng);
    ASSERT_TRUE(shield->SetGoal(goal).ok());
    for (int k = 0; k < 4000; ++k) {
      const ShieldStep step = shield->Step(HumanAt(10));
      ASSERT_FALSE(step.intervened);
      if (step.desired.position == goal) break;
    }
    EXPECT_EQ(shield->desired().position, goal);
    EXPECT_TRUE(shield->desired().velocity.isZero(0));
  }
  EXPECT_EQ(shield->unplanned_steps(), 0);
}

TEST_F(ShieldTest, TakesANewGoalOnTheWay) {
  auto shield = Make();
  ASSERT_TRUE(shield->SetGoal(Goal(1)).ok());
  for (int k = 0; k < 100; ++k) shield->Step(HumanAt(10));
  EXPECT_GT(shield->desired().velocity[0], 0.1);
  ASSERT_TRUE(shield->SetGoal(Goal(-1)).ok());
  shield->Step(HumanAt(10));
  EXPECT_FALSE(shield->goal_waits());
  for (int k = 0; k < 2000; ++k) shield->Step(HumanAt(10));
  EXPECT_EQ(shield->desired().position, Goal(-1));
}

TEST_F(ShieldTest, StandsWithinTheStopTimeOnceMeasurementsFail) {
  Rng rng({12});
  const ShieldOptions options;
  for (int i = 0; i < 300; ++i) {
    auto shield = Make();
    ASSERT_TRUE(shield->SetGoal(Goal(rng.Uniform(-2, 2))).ok());
    const int good = static_cast<int>(rng.Index(300));
    for (int k = 0; k < good; ++k) shield->Step(rng.Index(40) == 0 ? nullptr : HumanAt(10));
    const double kind = rng.Uniform(0, 1);
    const int stop_cycles = static_cast<int>(std::ceil(options.stop_time_max_s / options.cycle_s));
    ShieldStep step;
    for (int k = 0; k < stop_cycles; ++k) {
      HumanAt(10);
      measurement_.age_s = 0.2;
      step = shield->Step(kind < 0.5 ? nullptr : &measurement_);
      EXPECT_EQ(step.cause, kind < 0.5 ? ShieldCause::kMissing : ShieldCause::kLate);
    }
    measurement_.age_s = 0;
    EXPECT_TRUE(step.desired.velocity.isZero(0)) << good;
    EXPECT_TRUE(step.desired.acceleration.isZero(0));
    // And goes on once they are back.
    for (int k = 0; k < 3000; ++k) step = shield->Step(HumanAt(10));
    EXPECT_FALSE(shield->goal_waits());
    EXPECT_TRUE(step.desired.velocity.isZero(0));
    EXPECT_EQ(step.cause, ShieldCause::kNone);
  }
}

TEST_F(ShieldTest, NoMeasurementNoMotion) {
  auto shield = Make();
  ASSERT_TRUE(shield->SetGoal(Goal(1)).ok());
  for (int k = 0; k < 100; ++k) shield->Step(nullptr);
  EXPECT_EQ(shield->desired().position, Goal(0));
  EXPECT_TRUE(shield->goal_waits());
  EXPECT_EQ(shield->steps(ShieldCause::kMissing), 100);
}

TEST_F(ShieldTest, WaitsForAHumanInTheWayAndThenGoesOn) {
  auto shield = Make();
  ASSERT_TRUE(shield->SetGoal(Goal(1.5)).ok());
  for (int k = 0; k < 500; ++k) shield->Step(HumanAt(0.1));  // The arm stands in the human.
  EXPECT_EQ(shield->desired().position, Goal(0));
  EXPECT_EQ(shield->steps(ShieldCause::kHuman), 500);
  for (int k = 0; k < 3000; ++k) {
    // It walks away at 1 m/s; nothing is implausible.
    const ShieldStep step = shield->Step(HumanAt(std::min(10.0, 0.1 + 0.004 * k)));
    ASSERT_NE(step.cause, ShieldCause::kImplausible);
  }
  EXPECT_EQ(shield->desired().position, Goal(1.5));
}

TEST_F(ShieldTest, CreepsPastAHumanWithPowerAndForceLimiting) {
  ShieldOptions options;
  options.mode = ShieldMode::kPowerAndForceLimiting;
  auto shield = Make(options);
  ASSERT_TRUE(shield->SetGoal(Goal(0.3)).ok());
  for (int k = 0; k < 20000; ++k) {
    const ShieldStep step = shield->Step(HumanAt(0.3));
    // Joint 1 alone moves the elbow by up to 0.3 m/rad.
    ASSERT_LT(step.desired.velocity.cwiseAbs().maxCoeff(), 0.3);
  }
  EXPECT_EQ(shield->desired().position, Goal(0.3));
}

TEST_F(ShieldTest, CountsAJumpAndBrakes) {
  auto shield = Make();
  ASSERT_TRUE(shield->SetGoal(Goal(1)).ok());
  for (int k = 0; k < 100; ++k) shield->Step(HumanAt(5));
  const ShieldStep step = shield->Step(HumanAt(6));
  EXPECT_EQ(step.cause, ShieldCause::kImplausible);
  EXPECT_LT(step.path_speed, 1);
  EXPECT_EQ(shield->steps(ShieldCause::kImplausible), 1);
  EXPECT_EQ(shield->Step(HumanAt(6)).cause, ShieldCause::kNone);
}

TEST_F(ShieldTest, NeverLeavesTheJointsLimits) {
  auto shield = Make();
  const ArmModel arm = SchunkArm();
  Rng rng({13});
  for (int k = 0; k < 40000; ++k) {
    if (k % 25 == 0) {
      // To and fro between limits, so that a new goal often finds the arm fast and near one.
      JointVector goal(6);
      for (int j = 0; j < 6; ++j) {
        const ArmJoint& joint = arm.joints()[j];
        goal[j] = rng.Index(3) == 0 ? joint.position_min_rad : joint.position_max_rad;
      }
      ASSERT_TRUE(shield->SetGoal(goal).ok());
    }
    const ShieldStep step = shield->Step(HumanAt(10));
    for (int j = 0; j < 6; ++j) {
      ASSERT_GE(step.desired.position[j], arm.joints()[j].position_min_rad - 1e-6);
      ASSERT_LE(step.desired.position[j], arm.joints()[j].position_max_rad + 1e-6);
    }
  }
}

TEST_F(ShieldTest, RefusesOptionsAndGoalsThatCannotBe) {
  const auto refused = [](const ShieldOptions& options) { return !options.Validate().ok(); };
  ShieldOptions options;
  EXPECT_FALSE(refused(options));
  options.stop_time_max_s = 0.15;
  EXPECT_TRUE(refused(options));
  options = {};
  options.path.acceleration = 11;
  EXPECT_TRUE(refused(options));
  options = {};
  options.jerk_allowed_rad_s3 = 50;
  EXPECT_TRUE(refused(options));
  options = {};
  options.tracking_speed_m_s = 0.05;
  EXPECT_TRUE(refused(options));
  options = {};
  options.cycle_s = 0;
  EXPECT_TRUE(refused(options));
  auto shield = Make();
  EXPECT_FALSE(shield->SetGoal(Goal(2.2)).ok());  // Joint 2 turns by 2.094 rad.
  EXPECT_FALSE(shield->SetGoal(JointVector::Zero(5)).ok());
  EXPECT_FALSE(shield->SetGoal(Goal(std::nan(""))).ok());
  EXPECT_FALSE(shield->goal_waits());
  EXPECT_FALSE(Shield::Create({}, SchunkArm(), HumanFigure(), Goal(3)).ok());
}

TEST_F(ShieldTest, AStepAllocatesNothing) {
  for (const ShieldMode mode :
       {ShieldMode::kSpeedAndSeparation, ShieldMode::kPowerAndForceLimiting}) {
    ShieldOptions options;
    options.mode = mode;
    auto shield = Make(options);
    Rng rng({14});
    const ArmModel arm = SchunkArm();
    std::vector<Capsule> links(arm.num_capsules());
    BoundedHuman human(HumanFigure(), 0.5, {1, 0, 0}, &rng);
    long allocations = 0;
    for (int k = 0; k < 5000; ++k) {
      const JointVector goal = RandomPosition(arm, rng);
      const HumanMeasurement measurement = human.Measure(0.004);
      const long before = Allocations();
      if (k % 25 == 0) shield->SetGoal(goal).IgnoreError();
      shield->Step(&measurement);
      allocations += Allocations() - before;
      arm.Place(shield->desired().position, links);
      human.Step(options.cycle_s, links);
    }
    EXPECT_EQ(allocations, 0);
    EXPECT_GT(shield->steps(ShieldCause::kHuman), 100);
    EXPECT_GT(shield->steps(ShieldCause::kNone), 100);
  }
}

}  // namespace
}  // namespace armature

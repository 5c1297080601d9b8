#include "envserver/tasks/human/safe_arm.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "envserver/bullet/bullet_world.h"
#include "envserver/human/human_figure.h"
#include "envserver/shield/schunk_arm.h"
#include "envserver/tasks/human/schunk_body.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr double kStep_s = 0.004;
constexpr double kRounding_m_s = 1e-4;

// A Schunk in an empty world, driven by torques or by motors.
class SafeArmTest : public testing::TestWithParam<bool> {
 protected:
  SafeArmTest() {
    WorldOptions world;
    world.time_step_s = kStep_s;
    world_ = std::make_unique<BulletWorld>(world);
    BodyOptions options;
    options.fixed_base = true;
    options.linear_damping = options.angular_damping = 0;
    body_ = world_->AddBody(SchunkBody(), options);
    std::vector<double> start(body_->num_dofs());
    start[2] = start[4] = -1.5;
    body_->SetJoints(start, std::vector<double>(start.size()));
    for (int finger = kSchunkJoints; finger < body_->num_dofs(); ++finger) {
      MotorTarget shut;
      shut.kp = 0.05;
      shut.force_max = 60;
      body_->SetMotor(finger, shut);
    }
    std::vector<int> dofs;
    SafeArmOptions drive;
    for (int i = 0; i < kSchunkJoints; ++i) {
      dofs.push_back(i);
      MotorTarget motor;
      motor.kp = 0.1;
      motor.force_max = 200;
      if (GetParam()) drive.motors.push_back(motor);
    }
    drive.physics_step_s = kStep_s;
    ShieldConfig config;
    config.type = "off";  // Nobody is there.
    const ArmModel model = SchunkArm();
    arm_ = std::make_unique<SafeArm>(body_, dofs, model, HumanFigure(), config, drive);
    tracking_speed_m_s_ = config.tracking_speed_m_s;
    for (int j = 0; j < kSchunkJoints; ++j) {
      double reach = 0;
      for (int c = 0; c < model.num_capsules(); ++c) {
        const LinkCapsule& capsule = model.capsules()[c];
        if (capsule.joint < j) continue;
        reach = std::max(reach, model.reach_m(c, j) + capsule.shape.radius);
      }
      reach_m_.push_back(reach);
    }
  }

  // Returns how much faster than told the arm's fastest point may be after it.
  double Step() {
    const JointVector before = arm_->shield().desired().velocity;
    if (arm_->cycle_begins()) arm_->BeginCycle(nullptr);
    const JointVector after = arm_->shield().desired().velocity;
    arm_->Drive();
    world_->Step();
    const JointVector speed = arm_->velocity();
    double too_fast = 0;
    for (int j = 0; j < kSchunkJoints; ++j) {
      const double told = std::max(std::abs(before[j]), std::abs(after[j]));
      too_fast += reach_m_[j] * std::max(0.0, std::abs(speed[j]) - told);
    }
    return too_fast;
  }

  std::unique_ptr<BulletWorld> world_;
  Body* body_ = nullptr;
  std::unique_ptr<SafeArm> arm_;
  std::vector<double> reach_m_;  // By joint.
  double tracking_speed_m_s_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Drives, SafeArmTest, testing::Bool());

TEST_P(SafeArmTest, OneThatWasHeldBackCatchesUpNoFasterThanTheTrackingSpeed) {
  for (int i = 0; i < 10; ++i) EXPECT_LT(Step(), kRounding_m_s);
  const JointVector told = arm_->position();
  std::vector<double> held(body_->joint_positions().begin(), body_->joint_positions().end());
  held[1] -= 0.0045 / reach_m_[1];
  body_->SetJoints(held, std::vector<double>(held.size()));
  double worst = 0;
  for (int i = 0; i < 2000; ++i) worst = std::max(worst, Step());
  EXPECT_EQ(arm_->tracking_stops(), 0);
  EXPECT_LE(worst, tracking_speed_m_s_ + kRounding_m_s);
  EXPECT_GT(worst, 0.9 * tracking_speed_m_s_);  // It does catch up,
  EXPECT_LT(arm_->tracking_error_m(), 1e-4);    // and to the end.
  EXPECT_LT((arm_->position() - told).norm(), 1e-4);
}

TEST_P(SafeArmTest, OneThatWasPushedSlowsDown) {
  std::vector<double> speed(body_->num_dofs());
  speed[0] = 1;
  const std::vector<double> at(body_->joint_positions().begin(), body_->joint_positions().end());
  body_->SetJoints(at, speed);
  double last = 1e9;
  int steps = 0;
  for (double too_fast = 1e9; too_fast > tracking_speed_m_s_ + kRounding_m_s; ++steps) {
    too_fast = Step();
    ASSERT_LT(too_fast, last);
    last = too_fast;
  }
  EXPECT_LT(steps * kStep_s, 0.1);
  for (int i = 0; i < 500; ++i) EXPECT_LE(Step(), tracking_speed_m_s_ + kRounding_m_s);
  EXPECT_LT(Step(), kRounding_m_s);
}

}  // namespace
}  // namespace armature

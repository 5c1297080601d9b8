// Single bodies on a floor obey the formulas of textbooks, whichever path steps them: friction in
// every direction, rolling and spinning friction, bouncing, and a joint's motor.

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/testing/robots.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr double kGravity = 9.81;
constexpr double kStep = 1e-3;
constexpr double kRadius = 0.1;
constexpr double kMass = 2;

class ContactPhysicsTest : public testing::TestWithParam<bool> {
 protected:
  ContactPhysicsTest() : world_(Options()) {
    BodyOptions floor;
    floor.friction = 1;
    floor_ = world_.AddPlane(floor);
  }

  BodyOptions At(double height) {
    BodyOptions options = NoDrag(/*fixed_base=*/false);
    options.always_bullet = GetParam();
    options.base_pose.setOrigin(btVector3(0, 0, height));
    return options;
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) world_.Step();
  }

  static WorldOptions Options() {
    WorldOptions options;
    options.time_step_s = kStep;
    return options;
  }

  BulletWorld world_;
  Body* floor_;
};

INSTANTIATE_TEST_SUITE_P(Paths, ContactPhysicsTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "bullet" : "own"; });

// A circle, not a square: v^2 / (2 friction g) along the axes of friction and between them.
TEST_P(ContactPhysicsTest, ABoxSlidesEquallyFarInEveryDirection) {
  constexpr double kFriction = 0.2, kSpeed = 1;
  BodyOptions options = At(0.02);
  options.friction = kFriction;
  Body* box = world_.AddBox({0.2, 0.2, 0.04}, kMass, options);
  ASSERT_NE(box->has_own_step(), GetParam());
  Run(200);
  for (const double degrees : {0, 30, 45, 120, 225}) {
    const double angle = degrees * M_PI / 180;
    const btVector3 way(std::cos(angle), std::sin(angle), 0);
    const btVector3 start = box->LinkPose(kBase).getOrigin();
    box->SetBaseVelocity(kSpeed * way, btVector3(0, 0, 0));
    Run(800);
    const btVector3 moved = box->LinkPose(kBase).getOrigin() - start;
    const double expected = kSpeed * kSpeed / (2 * kFriction * kGravity);
    EXPECT_NEAR(moved.dot(way), expected, 0.02 * expected) << degrees;
    EXPECT_NEAR(moved.cross(way).z(), 0, 0.02 * expected) << degrees;
    EXPECT_LT(box->LinkVelocity(kBase).length(), 1e-3) << degrees;
  }
}

// A ball that rolls without slipping, whose rolling friction is a torque of up to c x load:
// a = c g / r / (1 + 2/5).
TEST_P(ContactPhysicsTest, RollingFrictionSlowsABallEquallyInEveryDirection) {
  constexpr double kRolling = 0.01, kSpeed = 1;
  ContactMaterial material;
  material.friction = 1;
  material.rolling_friction = kRolling;
  Body* ball = world_.AddSphere(kRadius, kMass, At(kRadius));
  ball->SetContactMaterial(kBase, material);
  for (const double degrees : {0, 45, 160}) {
    const double angle = degrees * M_PI / 180;
    const btVector3 way(std::cos(angle), std::sin(angle), 0);
    ball->SetBaseVelocity(btVector3(0, 0, 0), btVector3(0, 0, 0));
    Run(200);
    ball->SetBaseVelocity(kSpeed * way, btVector3(0, 0, 1).cross(way) * kSpeed / kRadius);
    Run(500);
    const double speed = ball->LinkVelocity(kBase).dot(way);
    const double expected = kSpeed - 0.5 * kRolling * kGravity / kRadius / 1.4;
    EXPECT_NEAR(speed, expected, 0.02 * (kSpeed - expected)) << degrees;
  }
}

// A ball that spins on the spot: c m g / (2/5 m r^2).
TEST_P(ContactPhysicsTest, SpinningFrictionSlowsASpinningBall) {
  constexpr double kSpinning = 0.002, kRate = 10;
  ContactMaterial material;
  material.friction = 1;
  material.spinning_friction = kSpinning;
  Body* ball = world_.AddSphere(kRadius, kMass, At(kRadius));
  ball->SetContactMaterial(kBase, material);
  Run(200);
  ball->SetBaseVelocity(btVector3(0, 0, 0), btVector3(0, 0, kRate));
  Run(500);
  const double expected = kRate - 0.5 * kSpinning * kGravity / (0.4 * kRadius * kRadius);
  EXPECT_NEAR(ball->LinkAngularVelocity(kBase).z(), expected, 0.02 * (kRate - expected));
}

// What touches without restitution stays; an impact gives no energy.
TEST_P(ContactPhysicsTest, WithoutRestitutionABallThatFallsStays) {
  Body* ball = world_.AddSphere(kRadius, kMass, At(kRadius + 0.5));
  double highest = 0;
  for (int i = 0; i < 1500; ++i) {
    world_.Step();
    if (!world_.contacts().empty()) {
      highest = std::max(highest, ball->LinkVelocity(kBase).z());
    }
  }
  EXPECT_LT(highest, 0.01) << "of 3 m/s";
  EXPECT_NEAR(ball->LinkPose(kBase).getOrigin().z(), kRadius, 1e-3);
  EXPECT_NEAR(world_.Contacts(*ball).NormalForce(), kMass * kGravity, 0.01 * kMass * kGravity);
}

// Restitutions of a pair are multiplied.
TEST_P(ContactPhysicsTest, ABallBouncesWithTheProductOfTheRestitutions) {
  ContactMaterial material;
  material.restitution = 0.9;
  floor_->SetContactMaterial(kBase, material);
  material.restitution = 0.8;
  Body* ball = world_.AddSphere(kRadius, kMass, At(kRadius + 0.5));
  ball->SetContactMaterial(kBase, material);
  double lowest = 0, highest = 0;
  for (int i = 0; i < 450; ++i) {
    world_.Step();
    lowest = std::min(lowest, ball->LinkVelocity(kBase).z());
    highest = std::max(highest, ball->LinkVelocity(kBase).z());
  }
  EXPECT_NEAR(lowest, -std::sqrt(2 * kGravity * 0.5), 0.02);
  EXPECT_NEAR(highest, -0.72 * lowest, 0.01 * -lowest);
}

// A joint at its limit is free to leave it.
TEST_P(ContactPhysicsTest, ALimitStopsAJointAndDoesNotHoldItBack) {
  world_.SetGravity(btVector3(0, 0, 0));
  auto model = std::make_shared<BodyModel>(*TestArm());
  for (LinkModel& link : model->links) {
    link.has_limits = true;
    link.position_low = -0.2;
    link.position_high = 0.3;
  }
  BodyOptions options = NoDrag(/*fixed_base=*/true);
  options.always_bullet = GetParam();
  options.motors = false;
  options.base_pose.setOrigin(btVector3(0, 0, 2));
  Body* arm = world_.AddBody(model, options);
  for (const double side : {-1.0, 1.0}) {
    for (int dof = 0; dof < 3; ++dof) {
      for (const double speed : {-0.5, 0.5}) {
        std::vector<double> positions(3, 0.05), velocities(3, 0.0);
        positions[dof] = side < 0 ? -0.2 : 0.3;
        velocities[dof] = speed;
        arm->SetJoints(positions, velocities);
        world_.Step();
        EXPECT_NEAR(arm->joint_velocity(dof), side * speed > 0 ? 0 : speed, 5e-3)
            << dof << " " << side << " " << speed;
      }
    }
  }
}

// With force enough, in one step: kp x error / step + velocity + kd x error of the velocity.
TEST_P(ContactPhysicsTest, AMotorGivesItsJointTheVelocityThatItsGainsAskFor) {
  world_.SetGravity(btVector3(0, 0, 0));
  BodyOptions options = NoDrag(/*fixed_base=*/true);
  options.always_bullet = GetParam();
  options.base_pose.setOrigin(btVector3(0, 0, 2));
  Body* arm = world_.AddBody(TestArm(), options);
  const double positions[3] = {0.3, 0.02, -0.2}, velocities[3] = {0.5, -0.1, 0.2};
  arm->SetJoints(positions, velocities);
  MotorTarget target;
  target.position = 0.1;
  target.velocity = 0.7;
  target.kp = 0.05;
  target.kd = 0.3;
  target.force_max = 1e6;
  for (int dof = 0; dof < 3; ++dof) arm->SetMotor(dof, target);
  world_.Step();
  for (int dof = 0; dof < 3; ++dof) {
    const double expected = target.kp * (target.position - positions[dof]) / kStep +
                            velocities[dof] + target.kd * (target.velocity - velocities[dof]);
    EXPECT_NEAR(arm->joint_velocity(dof), expected, 0.01 * std::abs(expected)) << dof;
  }
}

}  // namespace
}  // namespace armature

// Velocities, Jacobians and dynamics of a body, against Bullet's own steps.
#include "envserver/bullet/body_dynamics.h"

#include <cmath>

#include "Eigen/Cholesky"
#include "Eigen/Core"
#include "absl/types/span.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/testing/robots.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Sets a position and velocities that have nothing special.
void Disturb(Body* arm) {
  if (!arm->has_fixed_base()) {
    btTransform pose(btQuaternion(0.3, -0.5, 0.2), btVector3(0.1, 0.2, 2));
    arm->SetBasePose(pose);
    arm->SetBaseVelocity(btVector3(0.3, -0.2, 0.5), btVector3(0.7, 0.4, -0.6));
  }
  arm->SetJoints({0.4, 0.1, -0.7}, {1.2, -0.4, 2.1});
}

// Velocities of the whole body.
Eigen::VectorXd Velocities(const Body& arm) {
  Eigen::VectorXd v(arm.num_velocities());
  int n = 0;
  if (!arm.has_fixed_base()) {
    for (int i = 0; i < 3; ++i) v[n++] = arm.LinkVelocity(kBase)[i];
    for (int i = 0; i < 3; ++i) v[n++] = arm.LinkAngularVelocity(kBase)[i];
  }
  for (double each : arm.joint_velocities()) v[n++] = each;
  return v;
}

class DynamicsTest : public testing::TestWithParam<bool> {
 protected:
  DynamicsTest() : world_(FineSteps()), arm_(world_.AddBody(TestArm(), NoDrag(GetParam()))) {
    Disturb(arm_);
  }
  BulletWorld world_;
  Body* arm_;
};

TEST_P(DynamicsTest, VelocitiesAreTheDerivativesOfPoses) {
  for (int link = kBase; link < arm_->num_links(); ++link) {
    Disturb(arm_);
    const btTransform before = arm_->LinkPose(link);
    world_.Step();
    const btTransform after = arm_->LinkPose(link);
    const btVector3 velocity = (after.getOrigin() - before.getOrigin()) / 1e-5;
    EXPECT_LT((velocity - arm_->LinkVelocity(link)).length(), 1e-4) << link;
    const btQuaternion turn = after.getRotation() * before.getRotation().inverse();
    const btVector3 rate = turn.getAxis() * turn.getAngle() / 1e-5;
    if (link == kBase && GetParam()) continue;
    EXPECT_LT((rate - arm_->LinkAngularVelocity(link)).length(), 1e-3) << link;
  }
}

TEST_P(DynamicsTest, TheJacobianGivesTheVelocityOfAPoint) {
  const int n = arm_->num_velocities();
  for (int link = kBase; link < arm_->num_links(); ++link) {
    const btVector3 point = arm_->LinkPose(link) * btVector3(0.1, -0.2, 0.3);
    Matrix jacobian(6, n);
    arm_->Jacobian(link, point, absl::MakeSpan(jacobian.data(), jacobian.size()));
    const Eigen::VectorXd motion = jacobian * Velocities(*arm_);
    const btVector3 linear = arm_->PointVelocity(link, point);
    const btVector3 angular = arm_->LinkAngularVelocity(link);
    for (int i = 0; i < 3; ++i) {
      EXPECT_NEAR(motion[i], linear[i], 1e-12) << link;
      EXPECT_NEAR(motion[3 + i], angular[i], 1e-12) << link;
    }
  }
}

TEST_P(DynamicsTest, TheMassMatrixGivesTheKineticEnergy) {
  const int n = arm_->num_velocities();
  Matrix mass(n, n);
  arm_->MassMatrix(absl::MakeSpan(mass.data(), mass.size()));
  EXPECT_LT((mass - mass.transpose()).cwiseAbs().maxCoeff(), 1e-12);
  double energy = 0;
  for (int link = kBase; link < arm_->num_links(); ++link) {
    if (link == kBase && GetParam()) continue;
    const btVector3 v = arm_->PointVelocity(link, arm_->CentreOfMass(link));
    const btTransform frame = arm_->LinkPose(link) * arm_->link_model(link).inertial_frame;
    const btVector3 w = frame.getBasis().transpose() * arm_->LinkAngularVelocity(link);
    energy += 0.5 * arm_->mass(link) * v.length2() +
              0.5 * w.dot(w * arm_->link_model(link).inertia_diagonal);
  }
  const Eigen::VectorXd v = Velocities(*arm_);
  EXPECT_NEAR(0.5 * v.dot(mass * v), energy, 1e-12);
}

TEST_P(DynamicsTest, InverseDynamicsAreTheForcesOfBulletsOwnAcceleration) {
  // The whole body falls freely; what it takes for that is nothing.
  const Eigen::VectorXd before = Velocities(*arm_);
  std::vector<double> force(arm_->num_velocities()), mid(arm_->num_velocities());
  world_.Step();
  // Accelerations of base origin and joints, from Bullet.
  const Eigen::VectorXd acceleration = (Velocities(*arm_) - before) / 1e-5;
  Disturb(arm_);
  arm_->InverseDynamics(
      absl::MakeConstSpan(acceleration.data(), static_cast<size_t>(acceleration.size())),
      absl::MakeSpan(force));
  for (double each : force) EXPECT_NEAR(each, 0, 2e-3);
}

TEST_P(DynamicsTest, JointForcesOfInverseDynamicsGiveTheAcceleration) {
  if (!GetParam()) return;  // A free base has no forces of its own.
  const std::vector<double> wanted = {3, -2, 5};
  std::vector<double> force(3);
  arm_->InverseDynamics(wanted, absl::MakeSpan(force));
  for (int dof = 0; dof < 3; ++dof) arm_->AddJointForce(dof, force[dof]);
  const Eigen::VectorXd before = Velocities(*arm_);
  world_.Step();
  const Eigen::VectorXd acceleration = (Velocities(*arm_) - before) / 1e-5;
  for (int dof = 0; dof < 3; ++dof) EXPECT_NEAR(acceleration[dof], wanted[dof], 1e-2);
}

TEST_P(DynamicsTest, GravityForcesHoldTheBodyWhereItIs) {
  arm_->SetBaseVelocity(btVector3(0, 0, 0), btVector3(0, 0, 0));
  arm_->SetJoints({0.4, 0.1, -0.7}, {0, 0, 0});
  std::vector<double> force(arm_->num_velocities());
  arm_->GravityForces(absl::MakeSpan(force));
  if (!GetParam()) {
    EXPECT_NEAR(force[2], 6.5 * 9.81, 1e-9);
    return;
  }
  for (int dof = 0; dof < 3; ++dof) arm_->AddJointForce(dof, force[dof]);
  world_.Step();
  for (int dof = 0; dof < 3; ++dof) EXPECT_NEAR(arm_->joint_velocity(dof), 0, 1e-12);
}

TEST_P(DynamicsTest, AForceAtAPointActsThroughTheJacobian) {
  const int hand = arm_->Link("hand"), n = arm_->num_velocities();
  const btVector3 point = arm_->LinkPose(hand) * btVector3(0.1, 0, 0.2);
  const btVector3 force(2, -3, 4);
  Matrix jacobian(6, n), mass(n, n);
  arm_->Jacobian(hand, point, absl::MakeSpan(jacobian.data(), jacobian.size()));
  arm_->MassMatrix(absl::MakeSpan(mass.data(), mass.size()));
  const Eigen::Vector3d f(force.x(), force.y(), force.z());
  const Eigen::VectorXd expected = mass.ldlt().solve(jacobian.topRows(3).transpose() * f) * 1e-5;
  world_.Step();
  const Eigen::VectorXd without = Velocities(*arm_);
  for (const bool held : {false, true}) {
    Disturb(arm_);
    if (held) {
      arm_->HoldForce(hand, force, (point - arm_->CentreOfMass(hand)).cross(force));
    } else {
      arm_->AddForce(hand, force, point);
    }
    world_.Step();
    const Eigen::VectorXd change = Velocities(*arm_) - without;
    EXPECT_LT((change - expected).norm(), 1e-3 * expected.norm());
  }
  Disturb(arm_);
  world_.Step();
  EXPECT_GT((Velocities(*arm_) - without).norm(), 0.5 * expected.norm()) << "still held";
  arm_->HoldForce(hand, btVector3(0, 0, 0), btVector3(0, 0, 0));
  Disturb(arm_);
  world_.Step();
  EXPECT_EQ((Velocities(*arm_) - without).norm(), 0) << "held no more";
}

INSTANTIATE_TEST_SUITE_P(FixedAndFree, DynamicsTest, testing::Bool());

}  // namespace
}  // namespace armature

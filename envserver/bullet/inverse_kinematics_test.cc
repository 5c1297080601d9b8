#include "envserver/bullet/inverse_kinematics.h"

#include <cmath>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace armature {
namespace {

// Three joints; the last one does not move the tip.
std::shared_ptr<const BodyModel> Arm() {
  auto model = std::make_shared<BodyModel>();
  for (int i = 0; i < 3; ++i) {
    LinkModel link;
    link.name = std::string(1, static_cast<char>('a' + i));
    link.parent = i == 2 ? 0 : i - 1;
    link.joint_type = JointType::kRevolute;
    link.axis = i == 0 ? btVector3(0, 0, 1) : btVector3(0, 1, 0);
    link.parent_to_joint.setOrigin(btVector3(0.3, 0, 0.1));
    model->links.push_back(link);
  }
  LinkModel tip;
  tip.name = "tip";
  tip.parent = 1;
  tip.parent_to_joint.setOrigin(btVector3(0.4, 0, 0));
  model->links.push_back(tip);
  return model;
}

TEST(InverseKinematicsTest, LittleDampingReachesAPoseOfTheArmItself) {
  InverseKinematicsOptions options;
  options.damping = 1e-6;
  const InverseKinematics solver(Arm(), 3, options);
  const btTransform target = solver.ForwardKinematics({0.5, -0.4, 0.0});
  std::vector<double> joints = {0.1, 0.1, 0.7};
  solver.Solve(target, absl::MakeSpan(joints));
  EXPECT_NEAR(joints[0], 0.5, 1e-3);
  EXPECT_NEAR(joints[1], -0.4, 1e-3);
  EXPECT_EQ(joints[2], 0.7) << "a joint that does not move the tip";
}

TEST(InverseKinematicsTest, OneIterationIsTheDampedLeastSquaresStep) {
  InverseKinematicsOptions options;
  options.iterations_max = 1;
  options.damping = 0.5;
  auto model = std::make_shared<BodyModel>();
  LinkModel slide;
  slide.name = "slide";
  slide.joint_type = JointType::kPrismatic;
  slide.axis = btVector3(0, 0, 1);
  model->links.push_back(slide);
  const InverseKinematics solver(model, 0, options);
  btTransform target = btTransform::getIdentity();
  target.setOrigin(btVector3(0, 0, 0.3));
  std::vector<double> joints = {0};
  solver.Solve(target, absl::MakeSpan(joints));
  EXPECT_NEAR(joints[0], 0.3 / 1.5, 1e-12);  // J = 1: (1 + 0.5)^-1 0.3.
}

TEST(InverseKinematicsTest, AnyAngleUpToHalfATurnIsOneStep) {
  for (const double angle : {0.0, 1e-9, -0.3, 1.5, -1.6, 3.1}) {
    auto model = std::make_shared<BodyModel>();
    LinkModel turn;
    turn.name = "turn";
    turn.joint_type = JointType::kRevolute;
    turn.axis = btVector3(0.6, 0, -0.8);
    model->links.push_back(turn);
    InverseKinematicsOptions options;
    options.iterations_max = 1;
    options.damping = 1e-12;
    options.step_max_rad = 4;
    const InverseKinematics solver(model, 0, options);
    std::vector<double> joints = {0.2};
    solver.Solve(solver.ForwardKinematics({0.2 + angle}), absl::MakeSpan(joints));
    // The angle is rounded to single precision.
    EXPECT_NEAR(joints[0], 0.2 + angle, 2e-7 * std::abs(angle) + 1e-12) << angle;
  }
}

TEST(InverseKinematicsTest, AStepIsCappedAtTheLargestJointChange) {
  InverseKinematicsOptions options;
  options.iterations_max = 1;
  options.damping = 1e-9;
  options.step_max_rad = 0.01;
  const InverseKinematics solver(Arm(), 3, options);
  std::vector<double> joints = {0, 0.5, 0};
  const std::vector<double> start = joints;
  solver.Solve(solver.ForwardKinematics({1.0, -0.5, 0}), absl::MakeSpan(joints));
  EXPECT_NEAR(std::max(std::abs(joints[0] - start[0]), std::abs(joints[1] - start[1])), 0.01,
              1e-12);
}

}  // namespace
}  // namespace armature

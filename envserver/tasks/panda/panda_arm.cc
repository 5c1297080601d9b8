#include "envserver/tasks/panda/panda_arm.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "envserver/bullet/model_folder.h"
#include "envserver/kit/model_cache.h"

namespace armature {
namespace {

constexpr int kArmJoints = 7;
constexpr int kDofs = 9;
constexpr double kNeutral[kDofs] = {0, 0.41, 0, -1.85, 0, 2.26, 0.79, 0, 0};
constexpr double kForceMax[kDofs] = {87, 87, 87, 87, 12, 120, 120, 170, 170};
constexpr double kEndEffectorStep = 0.05;  // m
constexpr double kJointStep = 0.05;        // rad
constexpr double kWidthStep = 0.2;         // m
constexpr char kEndEffectorLink[] = "panda_grasptarget";
constexpr const char* kFingers[] = {"panda_leftfinger", "panda_rightfinger"};

BodyOptions ArmOptions() {
  BodyOptions options;
  options.base_pose.setOrigin(btVector3(-0.6, 0, 0));
  options.fixed_base = true;
  // As upstream, which drives joints harder than the model allows and each finger on its own.
  options.effort_limits = false;
  options.mimic_joints = false;
  return options;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const BodyModel>> LoadPandaModel() {
  auto folder = FindModelFolder("franka_panda", "pybullet_data/pybullet_data/franka_panda");
  if (!folder.ok()) return folder.status();
  auto model = LoadUrdfOnce(*folder + "/panda.urdf", {InertiaSource::kCollisionBox});
  if (!model.ok()) return model;
  if ((*model)->MovingLinks().size() != kDofs || (*model)->LinkIndex(kEndEffectorLink) < 0 ||
      (*model)->LinkIndex(kFingers[0]) < 0 || (*model)->LinkIndex(kFingers[1]) < 0) {
    return absl::InvalidArgumentError(*folder + "/panda.urdf is not the Panda with its hand");
  }
  return model;
}

PandaArm::PandaArm(std::shared_ptr<const BodyModel> model, PandaControl control, bool block_gripper,
                   BulletWorld* world)
    : control_(control),
      block_gripper_(block_gripper),
      body_(world->AddBody(model, ArmOptions())),
      ee_link_(model->LinkIndex(kEndEffectorLink)),
      inverse_kinematics_(model, ee_link_, InverseKinematicsOptions{}),
      world_to_base_(body_->LinkPose(kBase).inverse()),
      dofs_(kArmJoints),
      targets_(std::begin(kNeutral), std::end(kNeutral)),
      scratch_(kDofs) {
  std::iota(dofs_.begin(), dofs_.end(), 0);
  for (const char* finger : kFingers) {
    ContactMaterial material;
    material.friction = 1;
    material.spinning_friction = 0.001;
    material.stiffness = 3e4;
    material.damping = 1e3;
    material.friction_anchor = true;
    body_->SetContactMaterial(model->LinkIndex(finger), material);
  }
  body_->SetJoints(targets_, std::vector<double>(kDofs, 0.0));
}

int PandaArm::ActionSize(PandaControl control, bool block_gripper) {
  return (control == PandaControl::kEndEffector ? 3 : kArmJoints) + (block_gripper ? 0 : 1);
}

void PandaArm::ArmTargets(absl::Span<const float> action, absl::Span<double> targets) const {
  const auto clipped = [&](size_t i) { return std::clamp<double>(action[i], -1, 1); };
  for (int i = 0; i < kDofs; ++i) targets[i] = body_->joint_position(i);
  if (control_ == PandaControl::kJoints) {
    for (int i = 0; i < kArmJoints; ++i) targets[i] += kJointStep * clipped(i);
    return;
  }
  btVector3 target =
      ee_position() + kEndEffectorStep * btVector3(clipped(0), clipped(1), clipped(2));
  target.setZ(std::max(target.z(), 0.0));
  const btQuaternion downwards(1, 0, 0, 0);
  inverse_kinematics_.Solve(world_to_base_ * btTransform(downwards, target), targets);
}

void PandaArm::JointGoal(absl::Span<const float> action, absl::Span<double> goal) const {
  ArmTargets(action, absl::MakeSpan(scratch_));
  for (int i = 0; i < kArmJoints; ++i) {
    // As motors hold them.
    const LinkModel& link = body_->link_model(body_->dof_link(i));
    goal[i] = std::clamp(scratch_[i], link.position_low, link.position_high);
  }
}

void PandaArm::SetJointGoal(absl::Span<const double> goal, absl::Span<float> action) const {
  const auto clipped = [](double value) {
    return static_cast<float>(std::clamp(value, -1.0, 1.0));
  };
  if (control_ == PandaControl::kJoints) {
    for (int i = 0; i < kArmJoints; ++i) {
      action[i] = clipped((goal[i] - body_->joint_position(i)) / kJointStep);
    }
    return;
  }
  for (int i = 0; i < kDofs; ++i) scratch_[i] = i < kArmJoints ? goal[i] : body_->joint_position(i);
  const btTransform tool =
      world_to_base_.inverse() * inverse_kinematics_.ForwardKinematics(scratch_);
  const btVector3 way = (tool.getOrigin() - ee_position()) / kEndEffectorStep;
  for (int i = 0; i < 3; ++i) action[i] = clipped(way[i]);
}

void PandaArm::Act(absl::Span<const float> action) {
  ArmTargets(action, absl::MakeSpan(targets_));
  const double width =
      block_gripper_ ? 0 : finger_width() + kWidthStep * std::clamp<double>(action.back(), -1, 1);
  targets_[kArmJoints] = targets_[kArmJoints + 1] = width / 2;
  for (int i = 0; i < kDofs; ++i) {
    MotorTarget motor;
    motor.position = targets_[i];
    motor.kp = 0.1;
    motor.kd = 1;
    motor.force_max = kForceMax[i];
    body_->SetMotor(i, motor);
  }
}

double PandaArm::finger_width() const {
  return body_->joint_position(kArmJoints) + body_->joint_position(kArmJoints + 1);
}

}  // namespace armature

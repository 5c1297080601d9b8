#include "envserver/tasks/anymal/anymal_robot.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace armature {
namespace {

constexpr const char* kLegNames[] = {"LF", "RF", "LH", "RH"};
constexpr const char* kJointNames[] = {"_HAA", "_HFE", "_KFE"};
constexpr int kJointsPerLeg = 3;
constexpr AnymalPart kMovedParts[kJointsPerLeg] = {AnymalPart::kHip, AnymalPart::kThigh,
                                                   AnymalPart::kShank};
constexpr double kFriction = 0.8;  // Of every link; the ground's is 1.

struct Version {
  const char* model;
  const char* urdf;
  double nominal_height;  // m
};
constexpr Version kB = {"anymal_b_simple_description", "/robots/anymal.urdf", 0.5};
constexpr Version kC = {"anymal_c_simple_description", "/urdf/anymal.urdf", 0.55};
constexpr char kModels[] = "example_robot_data/cmeel.prefix/share/example-robot-data/robots/";

}  // namespace

AnymalRobot::AnymalRobot(const AnymalKeys& keys, TaskBuilder* task) : keys_(keys) {
  const Version& version = keys.robot == "c" ? kC : kB;
  nominal_height_ = version.nominal_height;
  BodyOptions options;
  options.name = "anymal";
  options.base_pose.setOrigin(btVector3(0, 0, nominal_height_));
  options.motors = false;
  options.linear_damping = options.angular_damping = 0;
  options.friction = kFriction;
  const std::string folder = task->FindModel(version.model, absl::StrCat(kModels, version.model));
  body_ = task->AddBody(task->LoadUrdf(folder + version.urdf), options);

  const int links = body_->num_links();
  std::vector<int> joint_of_link(links, -1);
  for (int i = 0; i < kJoints; ++i) {
    dofs_[i] =
        body_->Joint(absl::StrCat(kLegNames[i / kJointsPerLeg], kJointNames[i % kJointsPerLeg]));
    joint_of_link[body_->dof_link(dofs_[i])] = i;
  }
  parts_.assign(links + 1, AnymalPart::kBase);
  for (int link = 0; link < links; ++link) {
    const int joint = joint_of_link[link];
    // What is fixed to a link belongs to the same part; parents come first.
    parts_[link + 1] =
        joint < 0 ? parts_[body_->link_model(link).parent + 1] : kMovedParts[joint % kJointsPerLeg];
  }
  feet_.assign(links + 1, -1);
  for (int leg = 0; leg < kLegs; ++leg) {
    foot_links_[leg] = body_->Link(absl::StrCat(kLegNames[leg], "_FOOT"));
    feet_[foot_links_[leg] + 1] = leg;
  }
  task->SetAction(kJoints, -keys.action_max, keys.action_max);
}

void AnymalRobot::Reset(const btTransform& base) {
  body_->SetBasePose(base);
  for (int i = 0; i < kJoints; ++i) body_->SetJointPosition(dofs_[i], kNominal[i]);
  targets_ = kNominal;
  torques_ = {};
}

void AnymalRobot::SetTargets(absl::Span<const float> action) {
  for (int i = 0; i < kJoints; ++i) targets_[i] = kNominal[i] + keys_.action_scale * action[i];
}

void AnymalRobot::ApplyTorques() {
  for (int i = 0; i < kJoints; ++i) {
    const double torque =
        keys_.proportional_gain * (targets_[i] - angle(i)) - keys_.derivative_gain * velocity(i);
    const double most = body_->link_model(body_->dof_link(dofs_[i])).effort_max;
    torques_[i] = std::clamp(torque, -most, most);
    body_->AddJointForce(dofs_[i], torques_[i]);
  }
}

btVector3 AnymalRobot::LinearVelocity() const {
  return base().getBasis().transpose() * body_->LinkVelocity(kBase);
}

btVector3 AnymalRobot::AngularVelocity() const {
  return base().getBasis().transpose() * body_->LinkAngularVelocity(kBase);
}

}  // namespace armature

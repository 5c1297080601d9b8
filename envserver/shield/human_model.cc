#include "envserver/shield/human_model.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace armature {
namespace {

bool IsBound(double value) { return std::isfinite(value) && value >= 0; }

bool Overlap(const Capsule& one, const Capsule& other) {
  const double reach = one.radius + other.radius;
  return AxisDistanceSquared(one, other) <= reach * reach;
}

}  // namespace

absl::Status HumanModel::Validate() const {
  const auto is_joint = [this](int j) { return j >= 0 && j < static_cast<int>(joints.size()); };
  for (const double bound : {speed_max_m_s, position_error_m, velocity_error_m_s, delay_s}) {
    if (!IsBound(bound)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "human: speed_max_m_s, errors and delay_s must be 0 or more; one is ", bound));
    }
  }
  for (const HumanJoint& joint : joints) {
    if (!IsBound(joint.acceleration_max_m_s2)) {
      return absl::InvalidArgumentError(
          absl::StrCat("human: acceleration_max_m_s2 ", joint.acceleration_max_m_s2));
    }
  }
  for (size_t i = 0; i < capsules.size(); ++i) {
    const HumanCapsule& capsule = capsules[i];
    const bool has_extremity =
        capsule.extremity >= -1 && capsule.extremity < static_cast<int>(extremities.size());
    if (!is_joint(capsule.joint_a) || !is_joint(capsule.joint_b) || !has_extremity ||
        !IsBound(capsule.radius_m)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "human: capsule ", i, " names no joint or extremity, or has radius ", capsule.radius_m));
    }
  }
  for (const HumanExtremity& extremity : extremities) {
    if (!is_joint(extremity.root_joint) || !IsBound(extremity.length_m)) {
      return absl::InvalidArgumentError(absl::StrCat("human: an extremity of root ",
                                                     extremity.root_joint, " and length ",
                                                     extremity.length_m));
    }
  }
  return absl::OkStatus();
}

Capsule HumanReach::ByVelocity(int capsule, double t1_s) const {
  const HumanCapsule& part = model_.capsules[capsule];
  return {measurement_.position[part.joint_a], measurement_.position[part.joint_b],
          model_.VelocityRadius(capsule, t1_s)};
}

Capsule HumanReach::ByAcceleration(int capsule, double t0_s, double t1_s) const {
  const HumanCapsule& part = model_.capsules[capsule];
  const double t2 = t1_s + model_.delay_s;
  const Eigen::Vector3d& velocity_a = measurement_.velocity[part.joint_a];
  const Eigen::Vector3d& velocity_b = measurement_.velocity[part.joint_b];
  const double speed = std::sqrt(std::max(velocity_a.squaredNorm(), velocity_b.squaredNorm()));
  const double acceleration = std::max(model_.joints[part.joint_a].acceleration_max_m_s2,
                                       model_.joints[part.joint_b].acceleration_max_m_s2);
  return {measurement_.position[part.joint_a] + velocity_a * ((t0_s + t2) / 2),
          measurement_.position[part.joint_b] + velocity_b * ((t0_s + t2) / 2),
          part.radius_m + model_.position_error_m + model_.velocity_error_m_s * t2 +
              acceleration * t2 * t2 / 2 + speed * (t2 - t0_s) / 2};
}

Capsule HumanReach::ByPosition(int capsule, double t1_s) const {
  const HumanCapsule& part = model_.capsules[capsule];
  const HumanExtremity& extremity = model_.extremities[part.extremity];
  const Eigen::Vector3d& root = measurement_.position[extremity.root_joint];
  return {root, root,
          part.radius_m + extremity.length_m + model_.position_error_m +
              model_.speed_max_m_s * (t1_s + model_.delay_s)};
}

bool HumanReach::IsClear(int capsule, const Capsule& other, double t0_s, double t1_s) const {
  if (!Overlap(ByVelocity(capsule, t1_s), other)) return true;
  const bool has_velocity = !measurement_.velocity.empty();
  if (has_velocity && !Overlap(ByAcceleration(capsule, t0_s, t1_s), other)) return true;
  const bool has_extremity = model_.capsules[capsule].extremity >= 0;
  return has_extremity && !Overlap(ByPosition(capsule, t1_s), other);
}

}  // namespace armature

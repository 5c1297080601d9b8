#include "envserver/shield/arm_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

double DistanceFromAxis(const Eigen::Vector3d& point, const Eigen::Vector3d& axis) {
  return axis.cross(point).norm();
}

absl::Status CheckJoint(const ArmJoint& joint, int i) {
  if (!joint.origin.matrix().allFinite() || !(std::abs(joint.axis.norm() - 1) < 1e-9)) {
    return absl::InvalidArgumentError(
        absl::StrCat("joint ", i, ": its axis must have length 1, its origin must be finite"));
  }
  if (!(joint.position_min_rad < joint.position_max_rad)) {
    return absl::InvalidArgumentError(absl::StrCat("joint ", i, ": position_min_rad ",
                                                   joint.position_min_rad, " is not below ",
                                                   joint.position_max_rad));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ArmModel> ArmModel::Create(std::vector<ArmJoint> joints,
                                          std::vector<LinkCapsule> capsules) {
  if (joints.empty() || joints.size() > kArmJointsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(joints.size(), " joints; must be 1 to ", kArmJointsMax));
  }
  for (size_t i = 0; i < joints.size(); ++i) {
    const absl::Status status = CheckJoint(joints[i], static_cast<int>(i));
    if (!status.ok()) return status;
  }
  if (capsules.empty()) return absl::InvalidArgumentError("the arm has no capsule");
  ArmModel model;
  for (size_t c = 0; c < capsules.size(); ++c) {
    const Capsule& shape = capsules[c].shape;
    const int own = capsules[c].joint;
    const bool is_finite = shape.a.allFinite() && shape.b.allFinite();
    if (own < 0 || own >= static_cast<int>(joints.size()) || !is_finite || !(shape.radius >= 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("capsule ", c, ": joint ", own, " of ", joints.size(), ", radius ",
                       shape.radius, "; it needs a joint, finite points and a radius"));
    }
    // The first piece of the way from joint j to the point is fixed in j's frame, so only its
    // distance from the axis counts; of the rest, its length.
    std::vector<double> reach(own + 1);
    double rest = std::max(shape.a.norm(), shape.b.norm());
    reach[own] = std::max(DistanceFromAxis(shape.a, joints[own].axis),
                          DistanceFromAxis(shape.b, joints[own].axis));
    for (int j = own - 1; j >= 0; --j) {
      const Eigen::Vector3d offset = joints[j + 1].origin.translation();
      reach[j] = DistanceFromAxis(offset, joints[j].axis) + rest;
      rest += offset.norm();
    }
    model.reach_m_.push_back(std::move(reach));
  }
  model.position_min_.resize(joints.size());
  model.position_max_.resize(joints.size());
  for (size_t i = 0; i < joints.size(); ++i) {
    model.position_min_[i] = joints[i].position_min_rad;
    model.position_max_[i] = joints[i].position_max_rad;
  }
  model.joints_ = std::move(joints);
  model.capsules_ = std::move(capsules);
  return model;
}

void ArmModel::Place(const JointVector& position, std::vector<Capsule>& out) const {
  Eigen::Isometry3d frame = Eigen::Isometry3d::Identity();
  for (int joint = 0; joint < num_joints(); ++joint) {
    frame = frame * joints_[joint].origin;
    frame.linear() *= Eigen::AngleAxisd(position[joint], joints_[joint].axis).toRotationMatrix();
    for (int c = 0; c < num_capsules(); ++c) {
      if (capsules_[c].joint != joint) continue;
      out[c].a = frame * capsules_[c].shape.a;
      out[c].b = frame * capsules_[c].shape.b;
      out[c].radius = capsules_[c].shape.radius;
    }
  }
}

}  // namespace armature

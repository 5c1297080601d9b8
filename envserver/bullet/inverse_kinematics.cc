#include "envserver/bullet/inverse_kinematics.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "Eigen/Cholesky"
#include "Eigen/Core"

namespace armature {
namespace {

constexpr int kMaxChain = 16;  // Joints between base and link; checked, more is our own bug.

using Vector6 = Eigen::Matrix<double, 6, 1>;
using Matrix6 = Eigen::Matrix<double, 6, 6>;

// Returns the rotation from `from` to `to` as axis times angle. The angle is rounded to single
// precision, as upstream.
btVector3 RotationError(const btQuaternion& from, const btQuaternion& to) {
  const btQuaternion difference = to * from.inverse();
  double angle = static_cast<float>(difference.getAngle());
  if (angle > SIMD_PI) angle -= 2 * SIMD_PI;
  return difference.getAxis().normalized() * angle;
}

}  // namespace

InverseKinematics::InverseKinematics(std::shared_ptr<const BodyModel> model, int link,
                                     const InverseKinematicsOptions& options)
    : options_(options), tip_(btTransform::getIdentity()) {
  std::vector<int> path;
  for (int i = link; i >= 0; i = model->links[i].parent) path.insert(path.begin(), i);
  const std::vector<int> moving = model->MovingLinks();
  for (int i : path) {
    const LinkModel& joint = model->links[i];
    tip_ *= joint.parent_to_joint;
    const auto dof = std::find(moving.begin(), moving.end(), i);
    if (dof == moving.end()) continue;
    chain_.push_back({tip_, joint.joint_type, joint.axis, static_cast<int>(dof - moving.begin())});
    tip_.setIdentity();
  }
  if (chain_.size() > kMaxChain) std::abort();
}

btTransform InverseKinematics::JointMotion(const ChainJoint& joint, double position) {
  return joint.type == JointType::kRevolute
             ? btTransform(btQuaternion(joint.axis, position))
             : btTransform(btQuaternion::getIdentity(), joint.axis * position);
}

btTransform InverseKinematics::ForwardKinematics(absl::Span<const double> joints) const {
  btTransform pose = btTransform::getIdentity();
  for (const ChainJoint& joint : chain_) {
    pose *= joint.parent_to_joint * JointMotion(joint, joints[joint.dof]);
  }
  return pose * tip_;
}

void InverseKinematics::Solve(const btTransform& target, absl::Span<double> joints) const {
  const int n = static_cast<int>(chain_.size());
  const btQuaternion target_rotation = target.getRotation();
  Eigen::Matrix<double, 6, Eigen::Dynamic, Eigen::ColMajor, 6, kMaxChain> jacobian(6, n);
  btVector3 axis[kMaxChain], origin[kMaxChain];
  for (int iteration = 0; iteration < options_.iterations_max; ++iteration) {
    btTransform pose = btTransform::getIdentity();
    for (int j = 0; j < n; ++j) {
      pose *= chain_[j].parent_to_joint;
      axis[j] = pose.getBasis() * chain_[j].axis;
      origin[j] = pose.getOrigin();
      pose *= JointMotion(chain_[j], joints[chain_[j].dof]);
    }
    pose *= tip_;
    for (int j = 0; j < n; ++j) {
      const bool turns = chain_[j].type == JointType::kRevolute;
      const btVector3 linear = turns ? axis[j].cross(pose.getOrigin() - origin[j]) : axis[j];
      const btVector3 angular = turns ? axis[j] : btVector3(0, 0, 0);
      jacobian.col(j) << linear.x(), linear.y(), linear.z(), angular.x(), angular.y(), angular.z();
    }
    const btVector3 position_error = target.getOrigin() - pose.getOrigin();
    const btVector3 rotation_error = RotationError(pose.getRotation(), target_rotation);
    Vector6 error;
    error << position_error.x(), position_error.y(), position_error.z(), rotation_error.x(),
        rotation_error.y(), rotation_error.z();

    // (J'J + d I)^-1 J' = J' (JJ' + d I)^-1: six unknowns instead of n.
    Matrix6 damped = options_.damping * Matrix6::Identity();
    damped.noalias() += jacobian.lazyProduct(jacobian.transpose());
    const Vector6 solved = damped.llt().solve(error);
    double change[kMaxChain];
    double change_max = 0;
    for (int j = 0; j < n; ++j) {
      change[j] = jacobian.col(j).dot(solved);
      change_max = std::max(change_max, std::abs(change[j]));
    }
    const double scale =
        change_max > options_.step_max_rad ? options_.step_max_rad / change_max : 1;
    for (int j = 0; j < n; ++j) joints[chain_[j].dof] += scale * change[j];
    if (position_error.length() <= options_.position_tolerance_m) return;
  }
}

}  // namespace armature

#include "envserver/bullet/inverse_kinematics.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "Eigen/Geometry"

namespace armature {
namespace {

constexpr int kMaxChain = 16;  // Joints between base and link; checked, more is our own bug.

using Matrix3 = Eigen::Matrix3d;
using Vector3 = Eigen::Vector3d;

Matrix3 ToMatrix(const btMatrix3x3& matrix) {
  Matrix3 result;
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) result(row, column) = matrix[row][column];
  }
  return result;
}

Vector3 ToVector(const btVector3& vector) { return {vector.x(), vector.y(), vector.z()}; }

// Returns a rotation that takes z to `axis`; the identity if that is z.
Matrix3 FromZ(const btVector3& axis) {
  return Eigen::Quaterniond::FromTwoVectors(Vector3::UnitZ(), ToVector(axis)).toRotationMatrix();
}

// Returns the rotation from `from` to `to` as axis times angle. The angle is rounded to single
// precision, as upstream.
Vector3 RotationError(const Matrix3& from, const Matrix3& to) {
  // From the vector and the scalar part of the quaternion of to x from'.
  const Matrix3 difference = to * from.transpose();
  const double trace = difference.trace();
  if (trace <= 0) {  // An angle of 90 degrees or more: the largest of four parts is another one.
    const Eigen::AngleAxisd turn(difference);
    return turn.axis() * static_cast<double>(static_cast<float>(turn.angle()));
  }
  const double scalar = 0.5 * std::sqrt(1 + trace);
  const Vector3 vector =
      Vector3(difference(2, 1) - difference(1, 2), difference(0, 2) - difference(2, 0),
              difference(1, 0) - difference(0, 1)) /
      (4 * scalar);
  const double sine = vector.norm();
  if (sine == 0) return Vector3::Zero();
  const double angle = static_cast<float>(2 * std::atan2(sine, scalar));
  return vector * (angle / sine);
}

// Replaces `x` by A^-1 x, for a symmetric positive definite A of which the lower triangle is read
// and overwritten (A = L D L').
void SolveInPlace(double (&a)[6][6], double (&x)[6]) {
  double inverse_pivot[6];
#pragma GCC unroll 6
  for (int j = 0; j < 6; ++j) {
    inverse_pivot[j] = 1 / a[j][j];
#pragma GCC unroll 6
    for (int i = j + 1; i < 6; ++i) {
      const double factor = a[i][j] * inverse_pivot[j];
#pragma GCC unroll 6
      for (int k = j + 1; k <= i; ++k) a[i][k] -= factor * a[k][j];
      x[i] -= factor * x[j];
    }
  }
#pragma GCC unroll 6
  for (int i = 5; i >= 0; --i) {
#pragma GCC unroll 6
    for (int k = i + 1; k < 6; ++k) x[i] -= a[k][i] * x[k];
    x[i] *= inverse_pivot[i];
  }
}

// Adds column x column' to the lower triangle of `a`.
inline void AddOuterProduct(const double (&column)[6], double (&a)[6][6]) {
#pragma GCC unroll 6
  for (int row = 0; row < 6; ++row) {
#pragma GCC unroll 6
    for (int k = 0; k <= (row | 1); ++k) a[row][k] += column[row] * column[k];
  }
}

}  // namespace

InverseKinematics::InverseKinematics(std::shared_ptr<const BodyModel> model, int link,
                                     const InverseKinematicsOptions& options)
    : options_(options) {
  std::vector<int> path;
  for (int i = link; i >= 0; i = model->links[i].parent) path.insert(path.begin(), i);
  const std::vector<int> moving = model->MovingLinks();
  btTransform fixed = btTransform::getIdentity();  // Joints since the last moving one.
  Matrix3 from_z_before = Matrix3::Identity();
  for (int i : path) {
    const LinkModel& joint = model->links[i];
    fixed *= joint.parent_to_joint;
    const auto dof = std::find(moving.begin(), moving.end(), i);
    if (dof == moving.end()) continue;
    const Matrix3 from_z = FromZ(joint.axis);
    chain_.push_back({from_z_before.transpose() * ToMatrix(fixed.getBasis()) * from_z,
                      from_z_before.transpose() * ToVector(fixed.getOrigin()), joint.joint_type,
                      static_cast<int>(dof - moving.begin())});
    from_z_before = from_z;
    fixed.setIdentity();
  }
  tip_.rotation = from_z_before.transpose() * ToMatrix(fixed.getBasis());
  tip_.origin = from_z_before.transpose() * ToVector(fixed.getOrigin());
  if (chain_.size() > kMaxChain) std::abort();
}

void InverseKinematics::Advance(const ChainJoint& joint, double position, Frame* frame) {
  frame->origin += frame->rotation * joint.origin;
  const Matrix3 rotation = frame->rotation * joint.rotation;
  frame->rotation = rotation;
  if (joint.type != JointType::kRevolute) {
    frame->origin += rotation.col(2) * position;
    return;
  }
  const double sine = std::sin(position);
  const double cosine = std::cos(position);
  frame->rotation.col(0) = cosine * rotation.col(0) + sine * rotation.col(1);
  frame->rotation.col(1) = cosine * rotation.col(1) - sine * rotation.col(0);
}

btTransform InverseKinematics::ForwardKinematics(absl::Span<const double> joints) const {
  Frame frame = {Matrix3::Identity(), Vector3::Zero()};
  for (const ChainJoint& joint : chain_) Advance(joint, joints[joint.dof], &frame);
  const Matrix3 rotation = frame.rotation * tip_.rotation;
  const Vector3 origin = frame.origin + frame.rotation * tip_.origin;
  return btTransform(
      btMatrix3x3(rotation(0, 0), rotation(0, 1), rotation(0, 2), rotation(1, 0), rotation(1, 1),
                  rotation(1, 2), rotation(2, 0), rotation(2, 1), rotation(2, 2)),
      btVector3(origin.x(), origin.y(), origin.z()));
}

void InverseKinematics::Solve(const btTransform& target, absl::Span<double> joints) const {
  const int n = static_cast<int>(chain_.size());
  const Matrix3 target_rotation = ToMatrix(target.getBasis());
  const Vector3 target_origin = ToVector(target.getOrigin());
  Vector3 axis[kMaxChain], origin[kMaxChain];
  double jacobian[kMaxChain][6];  // [joints][linear, angular]
  for (int iteration = 0; iteration < options_.iterations_max; ++iteration) {
    Frame frame = {Matrix3::Identity(), Vector3::Zero()};
    for (int j = 0; j < n; ++j) {
      Advance(chain_[j], joints[chain_[j].dof], &frame);
      axis[j] = frame.rotation.col(2);
      origin[j] = frame.origin;
    }
    const Vector3 tip_origin = frame.origin + frame.rotation * tip_.origin;
    const Vector3 position_error = target_origin - tip_origin;
    const Vector3 rotation_error = RotationError(frame.rotation * tip_.rotation, target_rotation);
    double solved[6];
    for (int i = 0; i < 3; ++i) {
      solved[i] = position_error[i];
      solved[3 + i] = rotation_error[i];
    }
    // (J'J + d I)^-1 J' = J' (JJ' + d I)^-1: six unknowns instead of n.
    double damped[6][6] = {};
    for (int i = 0; i < 6; ++i) damped[i][i] = options_.damping;
    for (int j = 0; j < n; ++j) {
      const bool turns = chain_[j].type == JointType::kRevolute;
      const Vector3 linear = turns ? Vector3(axis[j].cross(tip_origin - origin[j])) : axis[j];
      for (int i = 0; i < 3; ++i) {
        jacobian[j][i] = linear[i];
        jacobian[j][3 + i] = turns ? axis[j][i] : 0;
      }
      AddOuterProduct(jacobian[j], damped);
    }
    SolveInPlace(damped, solved);
    double change[kMaxChain];
    double change_max = 0;
    for (int j = 0; j < n; ++j) {
      change[j] = 0;
      for (int i = 0; i < 6; ++i) change[j] += jacobian[j][i] * solved[i];
      change_max = std::max(change_max, std::abs(change[j]));
    }
    const double scale =
        change_max > options_.step_max_rad ? options_.step_max_rad / change_max : 1;
    for (int j = 0; j < n; ++j) joints[chain_[j].dof] += scale * change[j];
    if (position_error.norm() <= options_.position_tolerance_m) return;
  }
}

}  // namespace armature

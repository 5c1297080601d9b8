// A body's physics step without Bullet: docs/decisions/0025-steps-without-contacts.md.

#include <algorithm>
#include <cmath>

#include "envserver/bullet/body.h"
#include "envserver/bullet/impulse_solver.h"
#include "envserver/bullet/tree_dynamics.h"

namespace armature {
namespace {

constexpr int kBaseVelocities = 6;  // In btMultiBody, whether the base is free or not.

// Turns `rotation`, from the world to the body, for `time_s`. As btMultiBody does.
btQuaternion Turned(const btQuaternion& rotation, const btVector3& angular_velocity,
                    double time_s) {
  constexpr double kAngleMax = 0.5 * SIMD_HALF_PI;  // In a step.
  constexpr double kSlow = 0.001;                   // rad/s; below it, a series.
  double rate = angular_velocity.length();
  if (rate * time_s > kAngleMax) rate = kAngleMax / time_s;
  const double half = 0.5 * time_s;
  const double scale = rate < kSlow ? half - time_s * time_s * time_s * rate * rate / 48
                                    : std::sin(half * rate) / rate;
  const btVector3 axis = angular_velocity * -scale;
  return (rotation * btQuaternion(axis.x(), axis.y(), axis.z(), std::cos(half * rate)))
      .normalized();
}

}  // namespace

void Body::PrepareOwnStep() {
  if (fixed_base_ && dof_links_.empty()) return;
  // As BulletWorld hands them to Bullet.
  btAlignedObjectArray<JointRow*> rows;
  for (const JointParts& joint : joints_) {
    if (joint.coupling != nullptr) return;
    if (joint.limit != nullptr) rows.push_back(joint.limit.get());
  }
  for (const JointParts& joint : joints_) {
    if (joint.motor != nullptr) rows.push_back(joint.motor.get());
    if (joint.damping != nullptr) rows.push_back(joint.damping.get());
    if (joint.friction != nullptr) rows.push_back(joint.friction.get());
  }
  // Two for a limit.
  if (rows.size() + num_dofs() > ImpulseSolver::kMaxRows / 2) return;
  // Bullet sorts rows by island. Its sort changes the order of equal ones, on which the result
  // depends where the solver stops.
  rows.quickSort([](const JointRow*, const JointRow*) { return false; });
  for (int i = 0; i < rows.size(); ++i) row_order_.push_back(rows[i]);
  change_.resize(tree_->num_velocities());
  has_own_step_ = true;
}

void Body::PlaceColliders() {
  if (!has_own_step_) return;
  tree_->UpdatePoses();
  for (const auto& collider : colliders_) {
    if (collider->m_link == kBase && fixed_base_) continue;
    collider->setWorldTransform(tree_->pose(collider->m_link));
  }
}

void Body::AddClamped(double scale) {
  const double most = multibody_->getMaxCoordinateVelocity();
  // A fixed base's are not in change_.
  double* const velocity = const_cast<double*>(multibody_->getVelocityVector()) + kBaseVelocities +
                           num_dofs() - change_.size();
  for (size_t i = 0; i < change_.size(); ++i) {
    velocity[i] = std::clamp(velocity[i] + scale * change_[i], -most, most);
  }
}

void Body::BeginOwnStep(const btVector3& gravity) {
  tree_->KeepPoses();
  lagged_poses_are_stale_ = true;
  tree_->UpdateInertia();
  tree_->GetForces(gravity, is_pushed_, absl::MakeSpan(change_));
  tree_->Solve(change_.data());
  AddClamped(time_step_s_);
}

void Body::BeginBulletStep() {
  RefreshCaches();
  lagged_poses_are_stale_ = false;  // It writes them.
}

void Body::AddJointRows(const btContactSolverInfo& info, int number, ImpulseSolver* solver) {
  for (JointRow* row : row_order_) row->AddTo(info, number, solver);
}

void Body::EndOwnStep(int number, const ImpulseSolver& solver) {
  solver.GetSum(number, absl::MakeSpan(change_));
  tree_->Unwhiten(change_.data());
  AddClamped(1);
  if (!fixed_base_) MoveBase();
  for (int dof = 0; dof < num_dofs(); ++dof) {
    multibody_->getLink(dof_links_[dof]).m_jointPos[0] += time_step_s_ * joint_velocity(dof);
    if (joints_[dof].motor != nullptr) joints_[dof].motor->ReadImpulse(solver);
  }
  caches_are_stale_ = true;
  PlaceColliders();
  ClearForces();
}

void Body::MoveBase() {
  multibody_->setBasePos(multibody_->getBasePos() + time_step_s_ * multibody_->getBaseVel());
  multibody_->setWorldToBaseRot(
      Turned(multibody_->getWorldToBaseRot(), multibody_->getBaseOmega(), time_step_s_));
}

// Those of the joints only, if there are no others: bodies can have many fixed links.
void Body::ClearForces() {
  if (is_pushed_ || !multibody_->getBaseForce().isZero() ||
      !multibody_->getBaseTorque().isZero()) {
    multibody_->clearForcesAndTorques();
    is_pushed_ = false;
    return;
  }
  for (int link : dof_links_) multibody_->getLink(link).m_jointTorque[0] = 0;
}

}  // namespace armature

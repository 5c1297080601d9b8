// A body's physics step without Bullet.

#include <algorithm>

#include "envserver/bullet/arm_dynamics.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/joint_impulses.h"

namespace armature {

void Body::PrepareStepAlone() {
  if (!fixed_base_ || dof_links_.empty()) return;
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
  if (rows.size() + num_dofs() > JointImpulses::kMaxRows) return;
  // Bullet sorts rows by island. Its sort changes the order of equal ones, on which the result
  // depends where the solver stops.
  rows.quickSort([](const JointRow*, const JointRow*) { return false; });
  for (int i = 0; i < rows.size(); ++i) row_order_.push_back(rows[i]);
  forces_.resize(num_dofs());
  arm_ = std::make_unique<ArmDynamics>(multibody_.get());
  impulses_ = std::make_unique<JointImpulses>();
}

void Body::PlaceColliders() {
  arm_->UpdatePoses();
  for (const auto& collider : colliders_) {
    if (collider->m_link >= 0) collider->setWorldTransform(arm_->pose(collider->m_link));
  }
}

void Body::StepAlone(const btVector3& gravity, const btContactSolverInfo& solver) {
  for (int link = 0; link < num_links(); ++link) {
    multibody_->getLink(link).m_cachedWorldTransform = arm_->pose(link);
  }
  const int n = num_dofs();
  const double velocity_max = multibody_->getMaxCoordinateVelocity();
  double* const velocity = multibody_->getJointVelMultiDof(dof_links_[0]);
  const absl::Span<double> velocities(velocity, n);
  const auto clamp = [&] {
    for (double& each : velocities) each = std::clamp(each, -velocity_max, velocity_max);
  };
  arm_->GetForces(gravity, absl::MakeSpan(forces_));
  for (int dof = 0; dof < n; ++dof) {
    const double* column = inertia_->InverseColumn(dof);
    const double impulse = forces_[dof] * time_step_s_;
    for (int i = 0; i < n; ++i) velocity[i] += column[i] * impulse;
  }
  clamp();
  impulses_->Clear();
  for (JointRow* row : row_order_) row->AddTo(solver, impulses_.get());
  impulses_->Solve(solver.m_numIterations, solver.m_leastSquaresResidualThreshold);
  impulses_->AddVelocityChange(velocities);
  clamp();
  for (int dof = 0; dof < n; ++dof) {
    multibody_->setJointPos(dof_links_[dof], joint_position(dof) + time_step_s_ * velocity[dof]);
    if (joints_[dof].motor != nullptr) joints_[dof].motor->ReadImpulse(*impulses_);
  }
  multibody_->clearForcesAndTorques();
  PlaceColliders();
}

}  // namespace armature

#include "envserver/bullet/joint_rows.h"

#include <algorithm>

#include "BulletDynamics/ConstraintSolver/btContactSolverInfo.h"
#include "envserver/bullet/impulse_solver.h"
#include "envserver/bullet/tree_dynamics.h"

namespace armature {
namespace {

// Bullet's own bound on a limit's impulse.
constexpr double kLimitImpulseMax = 100;

int NumVelocities(const btMultiBody& body) { return 6 + body.getNumDofs(); }

}  // namespace

JointRow::JointRow(btMultiBody* body, int link, const btMultiBodyLinkCollider* island,
                   TreeDynamics* tree)
    : btMultiBodyConstraint(body, nullptr, link, -1, /*numRows=*/1, /*isUnilateral=*/true,
                            MULTIBODY_CONSTRAINT_1DOF_JOINT_MOTOR),
      island_(island),
      tree_(tree),
      velocity_index_(6 + body->getLink(link).m_dofOffset) {
  m_data.resize(1);  // The impulse that the solver reports.
}

void JointRow::UnitResponse(const double* jacobian, double* response,
                            btMultiBodyJacobianData& data) {
  if (tree_ == nullptr) {
    m_bodyA->calcAccelerationDeltasMultiDof(jacobian, response, data.scratch_r, data.scratch_v);
    return;
  }
  const double* column = tree_->InverseColumn(velocity_index_ - 6);
  const double sign = jacobian[velocity_index_];
  // A fixed base's velocities are not in the column.
  const int skipped = NumVelocities(*m_bodyA) - tree_->num_velocities();
  std::fill(response, response + skipped, 0.0);
  for (int i = 0; i < tree_->num_velocities(); ++i) response[skipped + i] = sign * column[i];
}

void JointRow::AddRow(double sign, double desired_velocity, double impulse_low, double impulse_high,
                      btMultiBodyConstraintArray& rows, btMultiBodyJacobianData& data,
                      double softness) {
  const int size = NumVelocities(*m_bodyA);
  int delta_index = m_bodyA->getCompanionId();
  if (delta_index < 0) {
    delta_index = data.m_deltaVelocities.size();
    m_bodyA->setCompanionId(delta_index);
    data.m_deltaVelocities.resize(delta_index + size, 0);
  }
  const int jacobian_index = data.m_jacobians.size();
  data.m_jacobians.resize(jacobian_index + size, 0);
  data.m_deltaVelocitiesUnitImpulse.resize(jacobian_index + size);
  double* jacobian = &data.m_jacobians[jacobian_index];
  double* response = &data.m_deltaVelocitiesUnitImpulse[jacobian_index];
  std::fill(jacobian, jacobian + size, 0.0);
  jacobian[velocity_index_] = sign;
  UnitResponse(jacobian, response, data);
  const double inverse_mass = sign * response[velocity_index_] + softness;

  btMultiBodySolverConstraint& row = rows.expandNonInitializing();
  row = btMultiBodySolverConstraint();
  row.m_multiBodyA = m_bodyA;
  row.m_linkA = m_linkA;
  row.m_deltaVelAindex = delta_index;
  row.m_jacAindex = jacobian_index;
  row.m_relpos1CrossNormal.setZero();
  row.m_contactNormal1.setZero();
  row.m_jacDiagABInv = inverse_mass > SIMD_EPSILON ? 1 / inverse_mass : 0;
  row.m_rhs = (desired_velocity - sign * velocity()) * row.m_jacDiagABInv;
  row.m_rhsPenetration = 0;
  row.m_cfm = softness * row.m_jacDiagABInv;
  row.m_friction = 0;
  row.m_lowerLimit = impulse_low;
  row.m_upperLimit = impulse_high;
  row.m_appliedImpulse = 0;
  row.m_appliedPushImpulse = 0;
  row.m_orgConstraint = this;
  row.m_orgDofIndex = 0;
}

int JointRow::AddRow(double sign, double desired_velocity, double impulse_low, double impulse_high,
                     int body, ImpulseSolver* solver, double softness) const {
  return solver->AddJointRow(body, tree_->JointRow(velocity_index_ - 6), velocity(), sign,
                             desired_velocity, impulse_low, impulse_high, softness);
}

void JointMotor::SetTarget(double position, double velocity, double kp, double kd,
                           double impulse_max) {
  target_position_ = position;
  target_velocity_ = velocity;
  kp_ = kp;
  kd_ = kd;
  impulse_max_ = impulse_max;
}

void JointMotor::createConstraintRows(btMultiBodyConstraintArray& rows,
                                      btMultiBodyJacobianData& data,
                                      const btContactSolverInfo& solver) {
  set_impulse(0);
  if (impulse_max_ == 0) return;
  AddRow(/*sign=*/1, Aim(solver.m_timeStep), -impulse_max_, impulse_max_, rows, data);
}

double JointMotor::Aim(double time_step_s) const {
  return kp_ * (target_position_ - position()) / time_step_s + velocity() +
         kd_ * (target_velocity_ - velocity());
}

void JointMotor::AddTo(const btContactSolverInfo& info, int body, ImpulseSolver* solver) {
  row_ = impulse_max_ == 0
             ? -1
             : AddRow(/*sign=*/1, Aim(info.m_timeStep), -impulse_max_, impulse_max_, body, solver);
}

void JointMotor::ReadImpulse(const ImpulseSolver& solver) {
  set_impulse(row_ < 0 ? 0 : solver.impulse(row_));
}

JointDamping::JointDamping(btMultiBody* body, int link, const btMultiBodyLinkCollider* island,
                           TreeDynamics* tree, double damping)
    : JointRow(body, link, island, tree), damping_(damping) {}

void JointDamping::createConstraintRows(btMultiBodyConstraintArray& rows,
                                        btMultiBodyJacobianData& data,
                                        const btContactSolverInfo& solver) {
  AddRow(/*sign=*/1, /*desired_velocity=*/0, -SIMD_INFINITY, SIMD_INFINITY, rows, data,
         1 / (damping_ * solver.m_timeStep));
}

void JointDamping::AddTo(const btContactSolverInfo& info, int body, ImpulseSolver* solver) {
  AddRow(/*sign=*/1, /*desired_velocity=*/0, -SIMD_INFINITY, SIMD_INFINITY, body, solver,
         1 / (damping_ * info.m_timeStep));
}

JointLimit::JointLimit(btMultiBody* body, int link, const btMultiBodyLinkCollider* island,
                       TreeDynamics* tree, double low, double high)
    : JointRow(body, link, island, tree), low_(low), high_(high) {}

template <typename Add>
void JointLimit::ForReached(const btContactSolverInfo& solver, Add add_row) const {
  for (const double sign : {1.0, -1.0}) {
    const double distance = sign > 0 ? position() - low_ : high_ - position();
    if (distance > 0) continue;
    // Like Bullet, leaves deep errors to the split impulse, although multibodies do not have one.
    const bool recovers =
        !solver.m_splitImpulse || distance > solver.m_splitImpulsePenetrationThreshold;
    add_row(sign, recovers ? -distance * solver.m_erp / solver.m_timeStep : 0);
  }
}

void JointLimit::createConstraintRows(btMultiBodyConstraintArray& rows,
                                      btMultiBodyJacobianData& data,
                                      const btContactSolverInfo& solver) {
  ForReached(solver,
             [&](double sign, double aim) { AddRow(sign, aim, 0, kLimitImpulseMax, rows, data); });
}

void JointLimit::AddTo(const btContactSolverInfo& info, int body, ImpulseSolver* solver) {
  ForReached(
      info, [&](double sign, double aim) { AddRow(sign, aim, 0, kLimitImpulseMax, body, solver); });
}

JointCoupling::JointCoupling(btMultiBody* body, int link, const btMultiBodyLinkCollider* island,
                             TreeDynamics* tree, int other_link, double multiplier, double offset)
    : JointRow(body, link, island, tree),
      other_link_(other_link),
      other_index_(6 + body->getLink(other_link).m_dofOffset),
      multiplier_(multiplier),
      offset_(offset) {}

void JointCoupling::createConstraintRows(btMultiBodyConstraintArray& rows,
                                         btMultiBodyJacobianData& data,
                                         const btContactSolverInfo& solver) {
  AddRow(/*sign=*/1, /*desired_velocity=*/0, -SIMD_INFINITY, SIMD_INFINITY, rows, data);
  btMultiBodySolverConstraint& row = rows[rows.size() - 1];
  double* jacobian = &data.m_jacobians[row.m_jacAindex];
  double* response = &data.m_deltaVelocitiesUnitImpulse[row.m_jacAindex];
  jacobian[other_index_] = -multiplier_;
  m_bodyA->calcAccelerationDeltasMultiDof(jacobian, response, data.scratch_r, data.scratch_v);
  const double inverse_mass = response[velocity_index()] - multiplier_ * response[other_index_];
  const double error = position() - multiplier_ * m_bodyA->getJointPos(other_link_) - offset_;
  const double rate = velocity() - multiplier_ * m_bodyA->getJointVel(other_link_);
  row.m_jacDiagABInv = inverse_mass > SIMD_EPSILON ? 1 / inverse_mass : 0;
  row.m_rhs = (-error * solver.m_erp / solver.m_timeStep - rate) * row.m_jacDiagABInv;
}

}  // namespace armature

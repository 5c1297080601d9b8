// A body's physics step without Bullet: docs/decisions/0025-steps-without-contacts.md.

#include <algorithm>
#include <cmath>

#include "envserver/bullet/arm_dynamics.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/impulse_solver.h"

namespace armature {
namespace {

// Of a free body's velocities: angular, then linear, as in btMultiBody.
constexpr int kFreeVelocities = 6;

btVector3 ReadVector(const double* from) { return btVector3(from[0], from[1], from[2]); }

void WriteVector(const btVector3& vector, double* to) {
  for (int i = 0; i < 3; ++i) to[i] = vector[i];
}

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
  const bool is_free = !fixed_base_ && num_links() == 0;
  if (is_free) {
    has_own_step_ = true;
    return;
  }
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
  if (rows.size() + num_dofs() > ImpulseSolver::kMaxRows / 2) return;
  // Bullet sorts rows by island. Its sort changes the order of equal ones, on which the result
  // depends where the solver stops.
  rows.quickSort([](const JointRow*, const JointRow*) { return false; });
  for (int i = 0; i < rows.size(); ++i) row_order_.push_back(rows[i]);
  forces_.resize(num_dofs());
  change_.resize(num_dofs());
  arm_ = std::make_unique<ArmDynamics>(multibody_.get());
  has_own_step_ = true;
}

void Body::PlaceColliders() {
  if (arm_ == nullptr) return;
  arm_->UpdatePoses();
  for (const auto& collider : colliders_) {
    if (collider->m_link >= 0) collider->setWorldTransform(arm_->pose(collider->m_link));
  }
}

absl::Span<double> Body::Velocities() {
  double* const all = const_cast<double*>(multibody_->getVelocityVector());
  return arm_ == nullptr ? absl::MakeSpan(all, kFreeVelocities)
                         : absl::MakeSpan(all + kFreeVelocities, num_dofs());
}

absl::Span<const double> Body::velocities() const { return const_cast<Body*>(this)->Velocities(); }

void Body::AddClamped(absl::Span<const double> change, double scale) {
  const double most = multibody_->getMaxCoordinateVelocity();
  const absl::Span<double> velocity = Velocities();
  for (size_t i = 0; i < velocity.size(); ++i) {
    velocity[i] = std::clamp(velocity[i] + scale * change[i], -most, most);
  }
}

void Body::BeginOwnStep(const btVector3& gravity) {
  double acceleration[kFreeVelocities];
  if (arm_ == nullptr) {
    GetFreeAcceleration(gravity, acceleration);
    AddClamped(absl::MakeConstSpan(acceleration, kFreeVelocities), time_step_s_);
    return;
  }
  for (int link = 0; link < num_links(); ++link) {
    multibody_->getLink(link).m_cachedWorldTransform = arm_->pose(link);
  }
  const int n = num_dofs();
  arm_->GetForces(gravity, absl::MakeSpan(forces_));
  std::fill(change_.begin(), change_.end(), 0.0);
  for (int dof = 0; dof < n; ++dof) {
    const double* column = inertia_->InverseColumn(dof);
    for (int i = 0; i < n; ++i) change_[i] += column[i] * forces_[dof];
  }
  AddClamped(change_, time_step_s_);
}

void Body::GetFreeAcceleration(const btVector3& gravity, double* acceleration) {
  // In the body's frame, where the inertia is diagonal.
  const btMatrix3x3 to_body(multibody_->getWorldToBaseRot());
  const double mass = multibody_->getBaseMass();
  const btVector3& inertia = multibody_->getBaseInertia();
  const bool turns =
      inertia.x() >= SIMD_EPSILON && inertia.y() >= SIMD_EPSILON && inertia.z() >= SIMD_EPSILON;
  const btVector3 inverse =
      turns ? btVector3(1 / inertia.x(), 1 / inertia.y(), 1 / inertia.z()) : btVector3(0, 0, 0);
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) {
      double sum = 0;
      for (int k = 0; k < 3; ++k) sum += to_body[k][row] * inverse[k] * to_body[k][column];
      inverse_inertia_[row][column] = sum;
    }
  }
  const btVector3 velocity = multibody_->getBaseVel();
  const btVector3 spin = to_body * multibody_->getBaseOmega();
  const double angular_drag = multibody_->getAngularDamping() * (1 + spin.safeNorm());
  const double linear_drag = multibody_->getLinearDamping() * (1 + velocity.safeNorm());
  const btVector3 torque = to_body * multibody_->getBaseTorque() - spin.cross(inertia * spin);
  const btVector3 turning = to_body.transpose() * (torque * inverse - angular_drag * spin);
  const btVector3 linear = gravity + multibody_->getBaseForce() / mass - linear_drag * velocity;
  WriteVector(turning, acceleration);
  WriteVector(linear, acceleration + 3);
}

void Body::ContactJacobian(int link, const btVector3& point, const btVector3& axis, bool turns,
                           double* jacobian) const {
  if (arm_ != nullptr) {
    arm_->Jacobian(link, point, axis, turns, jacobian);
    return;
  }
  const btVector3 moment = turns ? axis : (point - multibody_->getBasePos()).cross(axis);
  WriteVector(moment, jacobian);
  WriteVector(turns ? btVector3(0, 0, 0) : axis, jacobian + 3);
}

void Body::ContactResponse(const double* jacobian, double* response) const {
  if (arm_ == nullptr) {
    WriteVector(inverse_inertia_ * ReadVector(jacobian), response);
    WriteVector(ReadVector(jacobian + 3) / multibody_->getBaseMass(), response + 3);
    return;
  }
  const int n = num_dofs();
  std::fill(response, response + n, 0.0);
  for (int dof = 0; dof < n; ++dof) {
    if (jacobian[dof] == 0) continue;
    const double* column = inertia_->InverseColumn(dof);
    for (int i = 0; i < n; ++i) response[i] += column[i] * jacobian[dof];
  }
}

void Body::AddJointRows(const btContactSolverInfo& info, int number, ImpulseSolver* solver) {
  for (JointRow* row : row_order_) row->AddTo(info, number, solver);
}

void Body::EndOwnStep(int number, const ImpulseSolver& solver) {
  double change[kFreeVelocities];
  const absl::Span<double> changes =
      arm_ == nullptr ? absl::MakeSpan(change) : absl::MakeSpan(change_);
  solver.GetVelocityChange(number, changes);
  AddClamped(changes, 1);
  if (arm_ == nullptr) {
    MoveFree();
  } else {
    const absl::Span<const double> velocity = Velocities();
    for (int dof = 0; dof < num_dofs(); ++dof) {
      multibody_->getLink(dof_links_[dof]).m_jointPos[0] += time_step_s_ * velocity[dof];
      if (joints_[dof].motor != nullptr) joints_[dof].motor->ReadImpulse(solver);
    }
    caches_are_stale_ = true;
    PlaceColliders();
  }
  multibody_->clearForcesAndTorques();
}

void Body::MoveFree() {
  multibody_->setBasePos(multibody_->getBasePos() + time_step_s_ * multibody_->getBaseVel());
  const btQuaternion rotation =
      Turned(multibody_->getWorldToBaseRot(), multibody_->getBaseOmega(), time_step_s_);
  multibody_->setWorldToBaseRot(rotation);
  if (colliders_.empty()) return;
  colliders_[0]->setWorldTransform(
      btTransform(btQuaternion(-rotation.x(), -rotation.y(), -rotation.z(), rotation.w()),
                  multibody_->getBasePos()));
}

}  // namespace armature

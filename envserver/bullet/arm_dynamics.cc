#include "envserver/bullet/arm_dynamics.h"

#include <algorithm>
#include <cmath>

namespace armature {
namespace {

btMatrix3x3 CrossMatrix(const btVector3& v) {
  return btMatrix3x3(0, -v.z(), v.y(), v.z(), 0, -v.x(), -v.y(), v.x(), 0);
}

btMatrix3x3 OuterProduct(const btVector3& v) {
  return btMatrix3x3(v.x() * v.x(), v.x() * v.y(), v.x() * v.z(), v.y() * v.x(), v.y() * v.y(),
                     v.y() * v.z(), v.z() * v.x(), v.z() * v.y(), v.z() * v.z());
}

}  // namespace

ArmDynamics::ArmDynamics(const btMultiBody* body)
    : body_(body), links_(body->getNumLinks()), motions_(body->getNumLinks()) {
  for (int i = 0; i < body->getNumLinks(); ++i) {
    const btMultibodyLink& model = body->getLink(i);
    Link& link = links_[i];
    link.parent = model.m_parent;
    link.dof = model.m_dofCount == 0 ? -1 : model.m_dofOffset;
    link.turns = model.m_jointType == btMultibodyLink::eRevolute;
    link.axis = link.dof < 0 ? btVector3(0, 0, 0)
                             : (link.turns ? model.getAxisTop(0) : model.getAxisBottom(0));
    link.pivot = model.m_eVector;
    link.to_centre = model.m_dVector;
    // Bullet's rotations are from the parent to the link.
    const btMatrix3x3 at_zero = btMatrix3x3(model.m_zeroRotParentToThis).transpose();
    link.parts = {at_zero, at_zero, at_zero};
    if (link.turns) {
      const btMatrix3x3 along = OuterProduct(link.axis);
      link.parts[0] = at_zero * along;
      link.parts[1] = at_zero - link.parts[0];
      link.parts[2] = at_zero * CrossMatrix(link.axis);
    }
  }
}

void ArmDynamics::UpdatePoses() {
  base_.pose = body_->getBaseWorldTransform();
  for (size_t i = 0; i < links_.size(); ++i) {
    const Link& link = links_[i];
    const btTransform& parent = link.parent < 0 ? base_.pose : motions_[link.parent].pose;
    Motion& own = motions_[i];
    const double position = link.dof < 0 ? 0 : body_->getLink(static_cast<int>(i)).m_jointPos[0];
    if (link.turns) {
      const double sine = std::sin(position);
      const double cosine = std::cos(position);
      btMatrix3x3 turn;
      for (int row = 0; row < 3; ++row) {
        turn[row] = link.parts[0][row] + cosine * link.parts[1][row] + sine * link.parts[2][row];
      }
      own.pose.getBasis() = parent.getBasis() * turn;
    } else {
      own.pose.getBasis() = parent.getBasis() * link.parts[0];
    }
    const btMatrix3x3& basis = own.pose.getBasis();
    own.axis = basis * link.axis;
    own.pivot = parent.getOrigin() + parent.getBasis() * link.pivot;
    own.pose.setOrigin(own.pivot + basis * link.to_centre);
    if (link.dof >= 0 && !link.turns) own.pose.getOrigin() += position * own.axis;
  }
}

void ArmDynamics::Accelerate(int index) {
  const Link& link = links_[index];
  const Motion& parent = link.parent < 0 ? base_ : motions_[link.parent];
  Motion& own = motions_[index];
  const double rate = link.dof < 0 ? 0 : body_->getJointVel(index);
  const btVector3& turning = parent.angular_velocity;
  const btVector3 motion = rate * own.axis;
  own.angular_velocity = turning;
  own.angular_acceleration = parent.angular_acceleration;
  // Of the link's point at the pivot, or of its centre where the joint slides.
  const btVector3& point = link.turns ? own.pivot : own.pose.getOrigin();
  const btVector3 arm = point - parent.pose.getOrigin();
  btVector3 velocity = parent.velocity + turning.cross(arm);
  btVector3 acceleration = parent.acceleration + parent.angular_acceleration.cross(arm) +
                           turning.cross(turning.cross(arm));
  if (link.turns) {
    own.angular_velocity += motion;
    own.angular_acceleration += turning.cross(motion);
    const btVector3 lever = own.pose.getOrigin() - own.pivot;
    const btVector3 swing = own.angular_velocity.cross(lever);
    velocity += swing;
    acceleration += own.angular_acceleration.cross(lever) + own.angular_velocity.cross(swing);
  } else if (link.dof >= 0) {
    velocity += motion;
    acceleration += 2 * turning.cross(motion);
  }
  own.velocity = velocity;
  own.acceleration = acceleration;
}

void ArmDynamics::AddOwnForces(int index, const btVector3& gravity) {
  Motion& own = motions_[index];
  const btMultibodyLink& model = body_->getLink(index);
  if (model.m_mass == 0 && model.m_inertiaLocal.isZero()) {
    own.force = -model.m_appliedForce;
    own.moment = own.pose.getOrigin().cross(own.force) - model.m_appliedTorque;
    return;
  }
  const btMatrix3x3& basis = own.pose.getBasis();
  const btMatrix3x3 inertia = basis.scaled(model.m_inertiaLocal).timesTranspose(basis);
  const double linear_drag = body_->getLinearDamping() * (1 + own.velocity.length());
  const double angular_drag = body_->getAngularDamping() * (1 + own.angular_velocity.length());
  const btVector3 spin = inertia * own.angular_velocity;
  own.force = model.m_mass * (own.acceleration - gravity + linear_drag * own.velocity) -
              model.m_appliedForce;
  own.moment = inertia * own.angular_acceleration + own.angular_velocity.cross(spin) +
               angular_drag * spin - model.m_appliedTorque + own.pose.getOrigin().cross(own.force);
}

void ArmDynamics::GetForces(const btVector3& gravity, absl::Span<double> forces) {
  const btVector3 none(0, 0, 0);
  base_.angular_velocity = base_.velocity = none;
  base_.angular_acceleration = base_.acceleration = none;
  const int num_links = static_cast<int>(links_.size());
  for (int i = 0; i < num_links; ++i) {
    Accelerate(i);
    AddOwnForces(i, gravity);
  }
  for (int i = num_links - 1; i >= 0; --i) {
    const Link& link = links_[i];
    const Motion& own = motions_[i];
    if (link.parent >= 0) {
      motions_[link.parent].force += own.force;
      motions_[link.parent].moment += own.moment;
    }
    if (link.dof < 0) continue;
    const double needed = link.turns ? own.axis.dot(own.moment - own.pivot.cross(own.force))
                                     : own.axis.dot(own.force);
    forces[link.dof] = body_->getJointTorque(i) - needed;
  }
}

void ArmDynamics::Jacobian(int link, const btVector3& point, const btVector3& axis, bool turns,
                           double* jacobian) const {
  std::fill(jacobian, jacobian + body_->getNumDofs(), 0.0);
  for (int i = link; i >= 0; i = links_[i].parent) {
    const Link& joint = links_[i];
    if (joint.dof < 0) continue;
    const Motion& motion = motions_[i];
    if (turns) {
      jacobian[joint.dof] = joint.turns ? motion.axis.dot(axis) : 0;
    } else {
      jacobian[joint.dof] =
          motion.axis.dot(joint.turns ? (point - motion.pivot).cross(axis) : axis);
    }
  }
}

}  // namespace armature

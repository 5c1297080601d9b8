#include "envserver/bullet/body_dynamics.h"

#include <algorithm>

namespace armature {
namespace {

bool Turns(const btMultibodyLink& link) { return link.m_jointType == btMultibodyLink::eRevolute; }

btVector3 Read(absl::Span<const double> values, int at) {
  return btVector3(values[at], values[at + 1], values[at + 2]);
}

}  // namespace

BodyDynamics::BodyDynamics(const btMultiBody* body)
    : body_(body),
      base_velocities_(body->hasFixedBase() ? 0 : 6),
      motions_(1 + body->getNumLinks()),
      world_to_link_(1 + body->getNumLinks()),
      unit_(num_velocities()),
      column_(num_velocities()) {}

const btTransform& BodyDynamics::pose(int link) {
  Update();
  return motion(link).pose;
}

const btVector3& BodyDynamics::velocity(int link) {
  Update();
  return motion(link).velocity;
}

const btVector3& BodyDynamics::angular_velocity(int link) {
  Update();
  return motion(link).angular_velocity;
}

void BodyDynamics::Update() {
  if (is_valid_) return;
  LinkMotion& base = motion(-1);
  world_to_link_[0] = body_->getWorldToBaseRot();
  base.pose = btTransform(world_to_link_[0].inverse(), body_->getBasePos());
  const bool fixed = base_velocities_ == 0;
  base.velocity = fixed ? btVector3(0, 0, 0) : body_->getBaseVel();
  base.angular_velocity = fixed ? btVector3(0, 0, 0) : body_->getBaseOmega();
  for (int i = 0; i < body_->getNumLinks(); ++i) UpdateLink(i);
  is_valid_ = true;
}

void BodyDynamics::UpdateLink(int index) {
  const btMultibodyLink& link = body_->getLink(index);
  const LinkMotion& parent = motion(link.m_parent);
  LinkMotion& own = motion(index);
  world_to_link_[index + 1] = link.m_cachedRotParentToThis * world_to_link_[link.m_parent + 1];
  const btQuaternion rotation = world_to_link_[index + 1].inverse();
  own.pose =
      btTransform(rotation, parent.pose.getOrigin() + quatRotate(rotation, link.m_cachedRVector));
  const btMatrix3x3& basis = own.pose.getBasis();
  own.origin = own.pose.getOrigin() - basis * link.m_dVector;
  own.axis.setZero();
  own.angular_velocity = parent.angular_velocity;
  const btVector3 arm = own.pose.getOrigin() - parent.pose.getOrigin();
  own.velocity = parent.velocity + parent.angular_velocity.cross(arm);
  if (link.m_dofCount == 0) return;
  const double rate = body_->getJointVel(index);
  if (Turns(link)) {
    own.axis = basis * link.m_axes[0].m_topVec;
    own.angular_velocity += rate * own.axis;
    own.velocity += (rate * own.axis).cross(own.pose.getOrigin() - own.origin);
  } else {
    own.axis = basis * link.m_axes[0].m_bottomVec;
    own.velocity += rate * own.axis;
  }
}

void BodyDynamics::Jacobian(int link, const btVector3& point, const btVector3& base_origin,
                            absl::Span<double> jacobian) {
  Update();
  const int columns = num_velocities();
  std::fill(jacobian.begin(), jacobian.end(), 0.0);
  const auto write = [&](int column, const btVector3& linear, const btVector3& angular) {
    for (int row = 0; row < 3; ++row) {
      jacobian[row * columns + column] = linear[row];
      jacobian[(3 + row) * columns + column] = angular[row];
    }
  };
  for (int i = 0; base_velocities_ > 0 && i < 3; ++i) {
    btVector3 unit(0, 0, 0);
    unit[i] = 1;
    write(i, unit, btVector3(0, 0, 0));
    write(3 + i, unit.cross(point - base_origin), unit);
  }
  for (int i = link; i >= 0; i = body_->getLink(i).m_parent) {
    const btMultibodyLink& joint = body_->getLink(i);
    if (joint.m_dofCount == 0) continue;
    const LinkMotion& own = motion(i);
    const int column = base_velocities_ + joint.m_dofOffset;
    if (Turns(joint)) {
      write(column, own.axis.cross(point - own.origin), own.axis);
    } else {
      write(column, own.axis, btVector3(0, 0, 0));
    }
  }
}

void BodyDynamics::MassMatrix(const btVector3& base_origin, absl::Span<double> matrix) {
  const int n = num_velocities();
  for (int j = 0; j < n; ++j) {
    unit_[j] = 1;
    InverseDynamics(unit_, /*moving=*/false, btVector3(0, 0, 0), base_origin,
                    absl::MakeSpan(column_));
    unit_[j] = 0;
    for (int i = 0; i < n; ++i) matrix[i * n + j] = column_[i];
  }
}

void BodyDynamics::GravityForces(const btVector3& gravity, const btVector3& base_origin,
                                 absl::Span<double> force) {
  InverseDynamics(unit_, /*moving=*/false, gravity, base_origin, force);
}

void BodyDynamics::Accelerate(int index, double joint_acceleration, bool moving) {
  const btMultibodyLink& link = body_->getLink(index);
  const LinkMotion& parent = motion(link.m_parent);
  LinkMotion& own = motion(index);
  const btVector3 arm = own.pose.getOrigin() - parent.pose.getOrigin();
  const double rate = link.m_dofCount > 0 && moving ? body_->getJointVel(index) : 0;
  const btVector3 turning = moving ? parent.angular_velocity : btVector3(0, 0, 0);
  own.angular_acceleration = parent.angular_acceleration;
  own.acceleration = parent.acceleration + parent.angular_acceleration.cross(arm) +
                     turning.cross(turning.cross(arm));
  if (link.m_dofCount == 0) return;
  if (Turns(link)) {
    const btVector3 lever = own.pose.getOrigin() - own.origin;
    const btVector3 spin = rate * own.axis;
    const btVector3 change = joint_acceleration * own.axis + turning.cross(spin);
    own.angular_acceleration += change;
    // The rest of (turning + spin) x ((turning + spin) x lever).
    own.acceleration += change.cross(lever) + spin.cross(turning.cross(lever)) +
                        turning.cross(spin.cross(lever)) + spin.cross(spin.cross(lever));
  } else {
    own.acceleration += joint_acceleration * own.axis + 2 * turning.cross(rate * own.axis);
  }
}

void BodyDynamics::InverseDynamics(absl::Span<const double> acceleration, bool moving,
                                   const btVector3& gravity, const btVector3& base_origin,
                                   absl::Span<double> force) {
  Update();
  const int num_links = body_->getNumLinks();
  LinkMotion& base = motion(-1);
  base.acceleration.setZero();
  base.angular_acceleration.setZero();
  if (base_velocities_ > 0) {
    const btVector3 turning = moving ? base.angular_velocity : btVector3(0, 0, 0);
    const btVector3 arm = base.pose.getOrigin() - base_origin;
    base.angular_acceleration = Read(acceleration, 3);
    base.acceleration = Read(acceleration, 0) + base.angular_acceleration.cross(arm) +
                        turning.cross(turning.cross(arm));
  }
  for (int i = 0; i < num_links; ++i) {
    const btMultibodyLink& link = body_->getLink(i);
    const double joint =
        link.m_dofCount > 0 ? acceleration[base_velocities_ + link.m_dofOffset] : 0;
    Accelerate(i, joint, moving);
  }
  for (int i = -1; i < num_links; ++i) {
    LinkMotion& own = motion(i);
    const double mass = i < 0 ? body_->getBaseMass() : body_->getLinkMass(i);
    const btVector3& inertia = i < 0 ? body_->getBaseInertia() : body_->getLinkInertia(i);
    const btMatrix3x3& basis = own.pose.getBasis();
    const btMatrix3x3 turned = basis.scaled(inertia).timesTranspose(basis);
    own.force = mass * (own.acceleration - gravity);
    own.moment = own.pose.getOrigin().cross(own.force) + turned * own.angular_acceleration;
    if (moving) own.moment += own.angular_velocity.cross(turned * own.angular_velocity);
  }
  for (int i = num_links - 1; i >= 0; --i) {
    const btMultibodyLink& link = body_->getLink(i);
    const LinkMotion& own = motion(i);
    motion(link.m_parent).force += own.force;
    motion(link.m_parent).moment += own.moment;
    if (link.m_dofCount == 0) continue;
    force[base_velocities_ + link.m_dofOffset] =
        Turns(link) ? own.axis.dot(own.moment - own.origin.cross(own.force))
                    : own.axis.dot(own.force);
  }
  if (base_velocities_ == 0) return;
  const btVector3 torque = base.moment - base_origin.cross(base.force);
  for (int i = 0; i < 3; ++i) {
    force[i] = base.force[i];
    force[3 + i] = torque[i];
  }
}

}  // namespace armature

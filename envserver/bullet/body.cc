#include "envserver/bullet/body.h"

#include <algorithm>
#include <utility>

#include "BulletCollision/CollisionShapes/btEmptyShape.h"

namespace armature {

Body::Body(std::shared_ptr<const BodyModel> model, const BodyOptions& options, int body_id)
    : model_(std::move(model)), body_id_(body_id), dof_links_(model_->MovingLinks()) {
  const LinkModel& base = model_->base;
  const int num_links = static_cast<int>(model_->links.size());
  multibody_ = std::make_unique<btMultiBody>(num_links, options.fixed_base ? 0 : base.mass,
                                             base.inertia_diagonal, options.fixed_base,
                                             /*canSleep=*/false);
  multibody_->setLinearDamping(options.linear_damping);
  multibody_->setAngularDamping(options.angular_damping);
  multibody_->setHasSelfCollision(options.self_collision);
  multibody_->setBaseWorldTransform(options.base_pose * base.inertial_frame);
  for (int i = 0; i < num_links; ++i) SetUpLink(i);
  multibody_->finalizeMultiDof();

  for (int link = -1; link < num_links; ++link) {
    if (btCollisionShape* shape = link_model(link).shape.get()) AddCollider(link, shape, options);
  }
  AddJoints(options);
  UpdatePoses();
}

void Body::SetUpLink(int index) {
  const LinkModel& link = model_->links[index];
  const btTransform joint_in_parent =
      link_model(link.parent).inertial_frame.inverse() * link.parent_to_joint;
  const btTransform frame_in_inertial = link.inertial_frame.inverse();
  const btQuaternion parent_to_this =
      frame_in_inertial.getRotation() * joint_in_parent.inverse().getRotation();
  const btVector3 axis = quatRotate(frame_in_inertial.getRotation(), link.axis);
  const btVector3 joint_to_centre = -frame_in_inertial.getOrigin();
  switch (link.joint_type) {
    case JointType::kFixed:
      multibody_->setupFixed(index, link.mass, link.inertia_diagonal, link.parent, parent_to_this,
                             joint_in_parent.getOrigin(), joint_to_centre);
      break;
    case JointType::kRevolute:
      multibody_->setupRevolute(index, link.mass, link.inertia_diagonal, link.parent,
                                parent_to_this, axis, joint_in_parent.getOrigin(), joint_to_centre,
                                /*disableParentCollision=*/true);
      break;
    case JointType::kPrismatic:
      multibody_->setupPrismatic(index, link.mass, link.inertia_diagonal, link.parent,
                                 parent_to_this, axis, joint_in_parent.getOrigin(), joint_to_centre,
                                 /*disableParentCollision=*/true);
      break;
  }
}

void Body::AddJoints(const BodyOptions& options) {
  // Bullet solves by islands, which consist of colliders, so a body with joints needs a moving
  // collider, even an empty one.
  const btMultiBodyLinkCollider* island = nullptr;
  for (const auto& collider : colliders_) {
    if (!collider->isStaticObject()) island = collider.get();
  }
  if (island == nullptr && !dof_links_.empty()) {
    empty_shape_ = std::make_unique<btEmptyShape>();
    AddCollider(dof_links_[0], empty_shape_.get(), options);
    island = colliders_.back().get();
  }
  if (options.fixed_base) inertia_ = std::make_unique<JointSpaceInertia>(multibody_.get());
  for (int link : dof_links_) {
    const LinkModel& model = model_->links[link];
    Joint joint;
    if (model.has_limits) {
      joint.limit = std::make_unique<JointLimit>(multibody_.get(), link, island, inertia_.get(),
                                                 model.position_low, model.position_high);
    }
    if (options.motors) {
      joint.motor = std::make_unique<JointMotor>(multibody_.get(), link, island, inertia_.get());
    }
    // Bullet stores a joint's damping and friction but does not use them.
    if (model.damping > 0) {
      joint.damping = std::make_unique<JointDamping>(multibody_.get(), link, island, inertia_.get(),
                                                     model.damping);
    }
    if (model.friction > 0) {
      joint.friction = std::make_unique<JointMotor>(multibody_.get(), link, island, inertia_.get());
    }
    joints_.push_back(std::move(joint));
  }
  if (options.motors) targets_.resize(num_dofs());
}

void Body::AddCollider(int link, btCollisionShape* shape, const BodyOptions& options) {
  auto collider = std::make_unique<btMultiBodyLinkCollider>(multibody_.get(), link);
  collider->setCollisionShape(shape);
  collider->setUserIndex(body_id_);
  collider->setFriction(options.friction);
  if (link >= 0) {
    multibody_->getLink(link).m_collider = collider.get();
  } else {
    multibody_->setBaseCollider(collider.get());
    if (options.fixed_base) {
      collider->setCollisionFlags(collider->getCollisionFlags() |
                                  btCollisionObject::CF_STATIC_OBJECT);
    }
  }
  colliders_.push_back(std::move(collider));
}

void Body::set_time_step(double time_step_s) {
  time_step_s_ = time_step_s;
  for (int dof = 0; dof < num_dofs(); ++dof) {
    if (joints_[dof].friction == nullptr) continue;
    joints_[dof].friction->SetTarget(/*position=*/0, /*velocity=*/0, /*kp=*/0, /*kd=*/1,
                                     link_model(dof_links_[dof]).friction * time_step_s);
  }
}

void Body::SetJoints(const std::vector<double>& position, const std::vector<double>& velocity) {
  for (int dof = 0; dof < num_dofs(); ++dof) {
    multibody_->setJointPos(dof_links_[dof], position[dof]);
    multibody_->setJointVel(dof_links_[dof], velocity[dof]);
  }
  UpdatePoses();
}

void Body::SetState(const BodyState& state) {
  multibody_->setBaseWorldTransform(state.base_pose);
  multibody_->setBaseVel(state.base_linear_velocity);
  multibody_->setBaseOmega(state.base_angular_velocity);
  SetJoints(state.joint_position, state.joint_velocity);
  for (size_t dof = 0; dof < state.motor.size(); ++dof) {
    SetMotor(static_cast<int>(dof), state.motor[dof]);
  }
}

void Body::GetState(BodyState* state) const {
  state->base_pose = multibody_->getBaseWorldTransform();
  state->base_linear_velocity = multibody_->getBaseVel();
  state->base_angular_velocity = multibody_->getBaseOmega();
  state->joint_position.resize(num_dofs());
  state->joint_velocity.resize(num_dofs());
  for (int dof = 0; dof < num_dofs(); ++dof) {
    state->joint_position[dof] = joint_position(dof);
    state->joint_velocity[dof] = joint_velocity(dof);
  }
  state->motor = targets_;
}

void Body::SetMotor(int dof, const MotorTarget& target) {
  targets_[dof] = target;
  const LinkModel& link = link_model(dof_links_[dof]);
  const double position = link.has_limits
                              ? std::clamp(target.position, link.position_low, link.position_high)
                              : target.position;
  joints_[dof].motor->SetTarget(position, target.velocity, target.kp, target.kd,
                                target.force_max * time_step_s_);
}

void Body::AddJointForce(int dof, double force) {
  multibody_->addJointTorque(dof_links_[dof], force);
}

void Body::SetContactMaterial(int link, const ContactMaterial& material) {
  for (const auto& collider : colliders_) {
    if (collider->m_link != link) continue;
    collider->setFriction(material.friction);
    collider->setSpinningFriction(material.spinning_friction);
    if (material.stiffness > 0) {
      collider->setContactStiffnessAndDamping(material.stiffness, material.damping);
    }
    const int anchor = btCollisionObject::CF_HAS_FRICTION_ANCHOR;
    const int flags = collider->getCollisionFlags();
    collider->setCollisionFlags(material.friction_anchor ? flags | anchor : flags & ~anchor);
  }
}

btTransform Body::link_pose(int link) const {
  const btTransform& centre = link < 0 ? multibody_->getBaseWorldTransform()
                                       : multibody_->getLink(link).m_cachedWorldTransform;
  return centre * link_model(link).inertial_frame.inverse();
}

void Body::UpdatePoses() {
  multibody_->forwardKinematics(scratch_rotation_, scratch_vector_);
  multibody_->updateCollisionObjectWorldTransforms(scratch_rotation_, scratch_vector_);
}

btVector3 Body::LinkVelocity(int link) {
  if (link < 0) return multibody_->getBaseVel();
  scratch_omega_.resize(multibody_->getNumLinks() + 1);
  scratch_vector_.resize(multibody_->getNumLinks() + 1);
  multibody_->compTreeLinkVelocities(&scratch_omega_[0], &scratch_vector_[0]);
  return multibody_->getLink(link).m_cachedWorldTransform.getBasis() * scratch_vector_[link + 1];
}

void Body::ForgetImpulses() {
  multibody_->clearForcesAndTorques();
  multibody_->clearConstraintForces();
  multibody_->clearVelocities();
}

}  // namespace armature

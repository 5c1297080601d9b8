#include "envserver/bullet/body.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "BulletCollision/CollisionShapes/btEmptyShape.h"
#include "LinearMath/btTransformUtil.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/primitive.h"
#include "envserver/bullet/tree_dynamics.h"

namespace armature {
namespace {

bool IsOnePrimitive(const BodyModel& model) {
  return model.links.empty() && model.base.collision_looks.size() == 1 &&
         model.base.shape != nullptr && !model.base.shape->isCompound() &&
         IsPrimitive(model.base.collision_looks[0].kind);
}

}  // namespace

Body::Body(std::shared_ptr<const BodyModel> model, const BodyOptions& options, int body_id)
    : model_(std::move(model)),
      name_(options.name),
      body_id_(body_id),
      fixed_base_(options.fixed_base),
      effort_limits_(options.effort_limits),
      has_size_(IsOnePrimitive(*model_)),
      dof_links_(model_->MovingLinks()),
      positions_(dof_links_.size()),
      velocities_(dof_links_.size()) {
  if (options.kinematic && !model_->links.empty()) {
    throw WorldError(absl::StrCat("body '", name_, "' has ", model_->links.size(),
                                  " links and a base; a kinematic body has its base alone"));
  }
  if (options.kinematic || (options.fixed_base && model_->links.empty())) {
    MakePlainObject(options);
  } else {
    MakeMultibody(options);
  }
  InitProperties(options);
}

Body::~Body() = default;

void Body::MakePlainObject(const BodyOptions& options) {
  btCollisionShape* shape = model_->base.shape.get();
  if (shape == nullptr) {
    empty_shape_ = std::make_unique<btEmptyShape>();
    shape = empty_shape_.get();
  }
  if (options.kinematic) {
    rigid_ = std::make_unique<btRigidBody>(/*mass=*/0, /*motionState=*/nullptr, shape);
    rigid_->setCollisionFlags(btCollisionObject::CF_KINEMATIC_OBJECT);
    plain_object_ = rigid_.get();
  } else {
    static_ = std::make_unique<btCollisionObject>();
    static_->setCollisionShape(shape);
    static_->setCollisionFlags(btCollisionObject::CF_STATIC_OBJECT);
    plain_object_ = static_.get();
  }
  plain_object_->setUserIndex(body_id_);
  objects_ = {plain_object_};
  const btTransform centre = options.base_pose * model_->base.inertial_frame;
  SetPlainPose(centre.getOrigin(), centre.getRotation());
}

void Body::MakeMultibody(const BodyOptions& options) {
  const LinkModel& base = model_->base;
  if (!options.fixed_base && base.mass <= 0) {
    throw WorldError(absl::StrCat("the base '", base.name, "' of body '", name_,
                                  "' has no mass; give it one or set fixed_base"));
  }
  multibody_ = std::make_unique<btMultiBody>(num_links(), options.fixed_base ? 0 : base.mass,
                                             base.inertia_diagonal, options.fixed_base,
                                             /*canSleep=*/false);
  multibody_->setLinearDamping(options.linear_damping);
  multibody_->setAngularDamping(options.angular_damping);
  multibody_->setHasSelfCollision(options.self_collision);
  multibody_->setBaseWorldTransform(options.base_pose * base.inertial_frame);
  for (int i = 0; i < num_links(); ++i) SetUpLink(i);
  multibody_->finalizeMultiDof();
  dynamics_ = std::make_unique<BodyDynamics>(multibody_.get());

  for (int link = kBase; link < num_links(); ++link) {
    if (btCollisionShape* shape = link_model(link).shape.get()) {
      AddCollider(link, shape, link == kBase && options.fixed_base);
    }
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
    AddCollider(dof_links_[0], empty_shape_.get(), /*is_static=*/false);
    island = colliders_.back().get();
  }
  btMultiBody* body = multibody_.get();
  tree_ = std::make_unique<TreeDynamics>(body);
  TreeDynamics* tree = options.always_bullet ? nullptr : tree_.get();
  for (int link : dof_links_) {
    const LinkModel& model = model_->links[link];
    JointParts joint;
    if (model.has_limits) {
      joint.limit = std::make_unique<JointLimit>(body, link, island, tree, model.position_low,
                                                 model.position_high);
    }
    if (options.motors) joint.motor = std::make_unique<JointMotor>(body, link, island, tree);
    // Bullet stores a joint's damping and friction but does not use them.
    if (model.damping > 0) {
      joint.damping = std::make_unique<JointDamping>(body, link, island, tree, model.damping);
    }
    if (model.friction > 0) {
      joint.friction = std::make_unique<JointMotor>(body, link, island, tree);
    }
    if (model.mimic.has_value() && options.mimic_joints) {
      joint.coupling =
          std::make_unique<JointCoupling>(body, link, island, tree, model.mimic->link,
                                          model.mimic->multiplier, model.mimic->offset);
    }
    joints_.push_back(std::move(joint));
  }
  if (options.motors) targets_.resize(num_dofs());
  if (!options.always_bullet) PrepareOwnStep();
}

void Body::AddCollider(int link, btCollisionShape* shape, bool is_static) {
  auto collider = std::make_unique<btMultiBodyLinkCollider>(multibody_.get(), link);
  collider->setCollisionShape(shape);
  collider->setUserIndex(body_id_);
  if (link >= 0) {
    multibody_->getLink(link).m_collider = collider.get();
  } else {
    multibody_->setBaseCollider(collider.get());
  }
  if (is_static) {
    collider->setCollisionFlags(collider->getCollisionFlags() |
                                btCollisionObject::CF_STATIC_OBJECT);
  }
  objects_.push_back(collider.get());
  colliders_.push_back(std::move(collider));
}

void Body::set_world(BulletWorld* world) {
  world_ = world;
  time_step_s_ = world->options().time_step_s;
  for (int dof = 0; dof < num_dofs(); ++dof) {
    if (joints_[dof].friction == nullptr) continue;
    joints_[dof].friction->SetTarget(/*position=*/0, /*velocity=*/0, /*kp=*/0, /*kd=*/1,
                                     link_model(dof_links_[dof]).friction * time_step_s_);
  }
}

int Body::Link(absl::string_view name) const {
  const int link = model_->LinkIndex(name);
  if (link != kNoLink) return link;
  std::vector<absl::string_view> names = {model_->base.name};
  for (const LinkModel& each : model_->links) names.push_back(each.name);
  throw WorldError(absl::StrCat("body '", name_, "' has no link '", name, "'; it has ",
                                absl::StrJoin(names, ", ")));
}

int Body::Joint(absl::string_view joint_name) const {
  std::vector<absl::string_view> names;
  for (int dof = 0; dof < num_dofs(); ++dof) {
    names.push_back(link_model(dof_links_[dof]).joint_name);
    if (names.back() == joint_name) return dof;
  }
  throw WorldError(absl::StrCat("body '", name_, "' has no moving joint '", joint_name,
                                "'; it has ", absl::StrJoin(names, ", ")));
}

void Body::CheckLink(int link) const {
  if (link >= kBase && link < num_links()) return;
  throw WorldError(absl::StrCat("body '", name_, "' has no link ", link, "; they are ", kBase,
                                " (the base) to ", num_links() - 1));
}

absl::Span<const double> Body::joint_positions() const {
  for (int dof = 0; dof < num_dofs(); ++dof) positions_[dof] = joint_position(dof);
  return positions_;
}

absl::Span<const double> Body::joint_velocities() const {
  for (int dof = 0; dof < num_dofs(); ++dof) velocities_[dof] = joint_velocity(dof);
  return velocities_;
}

void Body::SetJointPosition(int dof, double position) {
  multibody_->setJointPos(dof_links_[dof], position);
  UpdatePoses();
}

void Body::SetJointVelocity(int dof, double velocity) {
  multibody_->setJointVel(dof_links_[dof], velocity);
  dynamics_->Invalidate();
}

void Body::SetJoints(absl::Span<const double> position, absl::Span<const double> velocity) {
  for (int dof = 0; dof < num_dofs(); ++dof) {
    multibody_->setJointPos(dof_links_[dof], position[dof]);
    multibody_->setJointVel(dof_links_[dof], velocity[dof]);
  }
  UpdatePoses();
}

void Body::SetMotor(int dof, const MotorTarget& target) {
  targets_[dof] = target;
  const LinkModel& link = link_model(dof_links_[dof]);
  const double position = link.has_limits
                              ? std::clamp(target.position, link.position_low, link.position_high)
                              : target.position;
  const double force_max =
      effort_limits_ ? std::min(target.force_max, link.effort_max) : target.force_max;
  joints_[dof].motor->SetTarget(position, target.velocity, target.kp, target.kd,
                                force_max * time_step_s_);
}

double Body::MotorForce(int dof) const { return joints_[dof].motor->impulse() / time_step_s_; }

void Body::AddJointForce(int dof, double force) {
  const int link = dof_links_[dof];
  const double effort_max = link_model(link).effort_max;
  if (effort_limits_ && std::isfinite(effort_max)) {
    const double before = multibody_->getJointTorque(link);
    force = std::clamp(before + force, -effort_max, effort_max) - before;
  }
  multibody_->addJointTorque(link, force);
}

void Body::SetBasePose(const btTransform& pose) {
  const btTransform centre = pose * model_->base.inertial_frame;
  if (multibody_ == nullptr) {
    SetPlainPose(centre.getOrigin(), centre.getRotation());
    return;
  }
  multibody_->setBaseWorldTransform(centre);
  UpdatePoses();
}

void Body::SetBaseVelocity(const btVector3& linear, const btVector3& angular) {
  const btVector3 arm = CentreOfMass(kBase) - LinkPose(kBase).getOrigin();
  const btVector3 at_centre = linear + angular.cross(arm);
  if (multibody_ == nullptr) {
    SetPlainVelocity(at_centre, angular);
    return;
  }
  multibody_->setBaseVel(at_centre);
  multibody_->setBaseOmega(angular);
  dynamics_->Invalidate();
}

void Body::MoveTo(const btTransform& pose) {
  if (rigid_ == nullptr) {
    throw WorldError(absl::StrCat("body '", name_, "' is not kinematic; MoveTo moves those only"));
  }
  move_target_ = pose * model_->base.inertial_frame;
}

void Body::SetPlainPose(const btVector3& position, const btQuaternion& rotation) {
  plain_rotation_ = rotation;
  const btTransform centre(rotation, position);
  plain_object_->setWorldTransform(centre);
  plain_object_->setInterpolationWorldTransform(centre);
}

void Body::SetPlainVelocity(const btVector3& linear, const btVector3& angular) {
  if (rigid_ == nullptr) {
    if (linear.fuzzyZero() && angular.fuzzyZero()) return;
    throw WorldError(absl::StrCat("body '", name_, "' is static and cannot have a velocity"));
  }
  rigid_->setLinearVelocity(linear);
  rigid_->setAngularVelocity(angular);
}

void Body::BeginStep() {
  if (tree_ != nullptr) tree_->Invalidate();
  is_pushed_ = is_pushed_ || !held_.empty();
  if (rigid_ != nullptr && move_target_.has_value()) {
    btVector3 linear, angular;
    btTransformUtil::calculateVelocity(rigid_->getWorldTransform(), *move_target_, time_step_s_,
                                       linear, angular);
    SetPlainVelocity(linear, angular);
  }
  for (size_t i = 0; i < held_.size(); ++i) {
    const int link = static_cast<int>(i) - 1;
    if (link == kBase) {
      multibody_->addBaseForce(held_[i].force);
      multibody_->addBaseTorque(held_[i].torque);
    } else {
      multibody_->addLinkForce(link, held_[i].force);
      multibody_->addLinkTorque(link, held_[i].torque);
    }
  }
}

void Body::EndStep() {
  if (dynamics_ != nullptr) dynamics_->Invalidate();
  if (rigid_ == nullptr) return;
  if (move_target_.has_value()) {
    SetPlainPose(move_target_->getOrigin(), move_target_->getRotation());
    SetPlainVelocity(btVector3(0, 0, 0), btVector3(0, 0, 0));
    move_target_.reset();
    return;
  }
  btTransform moved;
  btTransformUtil::integrateTransform(rigid_->getWorldTransform(), rigid_->getLinearVelocity(),
                                      rigid_->getAngularVelocity(), time_step_s_, moved);
  SetPlainPose(moved.getOrigin(), moved.getRotation());
}

btTransform Body::BaseCentre() const {
  return multibody_ == nullptr ? plain_object_->getWorldTransform()
                               : multibody_->getBaseWorldTransform();
}

btTransform Body::LinkPose(int link) const {
  const btTransform centre = link == kBase ? BaseCentre() : dynamics().pose(link);
  return centre * link_model(link).inertial_frame.inverse();
}

btVector3 Body::CentreOfMass(int link) const {
  return link == kBase ? BaseCentre().getOrigin() : dynamics().pose(link).getOrigin();
}

btVector3 Body::LinkAngularVelocity(int link) const {
  if (link == kBase && multibody_ != nullptr && !fixed_base_) return multibody_->getBaseOmega();
  if (multibody_ != nullptr) return dynamics().angular_velocity(link);
  return rigid_ != nullptr ? rigid_->getAngularVelocity() : btVector3(0, 0, 0);
}

btVector3 Body::PointVelocity(int link, const btVector3& point) const {
  const btVector3 arm = point - CentreOfMass(link);
  if (link == kBase && multibody_ != nullptr && !fixed_base_) {
    return multibody_->getBaseVel() + multibody_->getBaseOmega().cross(arm);
  }
  if (multibody_ != nullptr) {
    return dynamics().velocity(link) + dynamics().angular_velocity(link).cross(arm);
  }
  if (rigid_ == nullptr) return btVector3(0, 0, 0);
  return rigid_->getLinearVelocity() + rigid_->getAngularVelocity().cross(arm);
}

btVector3 Body::LinkVelocity(int link) const {
  return PointVelocity(link, LinkPose(link).getOrigin());
}

btTransform Body::LaggedLinkPose(int link) const {
  if (multibody_ == nullptr) return LinkPose(link);
  RefreshLaggedPoses();
  const btTransform& centre = link < 0 ? multibody_->getBaseWorldTransform()
                                       : multibody_->getLink(link).m_cachedWorldTransform;
  return centre * link_model(link).inertial_frame.inverse();
}

btVector3 Body::LaggedLinkVelocity(int link) const {
  if (multibody_ == nullptr) return PointVelocity(link, CentreOfMass(link));
  if (link < 0) return multibody_->getBaseVel();
  RefreshCaches();
  RefreshLaggedPoses();
  scratch_omega_.resize(multibody_->getNumLinks() + 1);
  scratch_vector_.resize(multibody_->getNumLinks() + 1);
  multibody_->compTreeLinkVelocities(&scratch_omega_[0], &scratch_vector_[0]);
  return multibody_->getLink(link).m_cachedWorldTransform.getBasis() * scratch_vector_[link + 1];
}

void Body::RefreshCaches() const {
  if (!caches_are_stale_) return;
  caches_are_stale_ = false;
  for (int link : dof_links_) multibody_->getLink(link).updateCacheMultiDof();
}

void Body::RefreshLaggedPoses() const {
  if (!lagged_poses_are_stale_) return;
  lagged_poses_are_stale_ = false;
  for (int link = 0; link < num_links(); ++link) {
    multibody_->getLink(link).m_cachedWorldTransform = tree_->kept_pose(link);
  }
}

void Body::UpdatePoses() {
  if (multibody_ == nullptr) return;
  RefreshCaches();
  lagged_poses_are_stale_ = false;
  dynamics_->Invalidate();
  multibody_->forwardKinematics(scratch_rotation_, scratch_vector_);
  multibody_->updateCollisionObjectWorldTransforms(scratch_rotation_, scratch_vector_);
  PlaceColliders();
}

void Body::AddForce(int link, const btVector3& force, const btVector3& point) {
  AddTorque(link, (point - CentreOfMass(link)).cross(force));
  if (link == kBase) {
    multibody_->addBaseForce(force);
  } else {
    multibody_->addLinkForce(link, force);
  }
}

void Body::AddTorque(int link, const btVector3& torque) {
  CheckLink(link);
  if (multibody_ == nullptr) {
    throw WorldError(absl::StrCat("body '", name_, "' does not move by forces"));
  }
  is_pushed_ = true;
  if (link == kBase) {
    multibody_->addBaseTorque(torque);
  } else {
    multibody_->addLinkTorque(link, torque);
  }
}

void Body::HoldForce(int link, const btVector3& force, const btVector3& torque) {
  CheckLink(link);
  if (multibody_ == nullptr) {
    throw WorldError(absl::StrCat("body '", name_, "' does not move by forces"));
  }
  held_.resize(1 + num_links());
  held_[1 + link] = {force, torque};
}

void Body::Jacobian(int link, const btVector3& point, absl::Span<double> jacobian) const {
  if (multibody_ == nullptr) return;  // No velocities.
  dynamics().Jacobian(link, point, LinkPose(kBase).getOrigin(), jacobian);
}

void Body::MassMatrix(absl::Span<double> matrix) const {
  if (multibody_ == nullptr) return;
  dynamics().MassMatrix(LinkPose(kBase).getOrigin(), matrix);
}

void Body::InverseDynamics(absl::Span<const double> acceleration, absl::Span<double> force) const {
  if (multibody_ == nullptr) return;
  dynamics().InverseDynamics(acceleration, /*moving=*/true, world_->gravity(),
                             LinkPose(kBase).getOrigin(), force);
}

void Body::GravityForces(absl::Span<double> force) const {
  if (multibody_ == nullptr) return;
  dynamics().GravityForces(world_->gravity(), LinkPose(kBase).getOrigin(), force);
}

}  // namespace armature

// What a state holds of a body: its properties and its motion.

#include "envserver/bullet/body_state.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/primitive.h"
#include "envserver/bullet/tree_dynamics.h"

namespace armature {

bool operator==(const ContactMaterial& a, const ContactMaterial& b) {
  return a.friction == b.friction && a.spinning_friction == b.spinning_friction &&
         a.rolling_friction == b.rolling_friction && a.restitution == b.restitution &&
         a.stiffness == b.stiffness && a.damping == b.damping &&
         a.friction_anchor == b.friction_anchor;
}

bool operator==(const BodyProperties& a, const BodyProperties& b) {
  return a.mass == b.mass && a.inertia == b.inertia && a.material == b.material &&
         a.colour == b.colour && a.size == b.size && a.collision_group == b.collision_group &&
         a.collision_mask == b.collision_mask;
}

void Body::InitProperties(const BodyOptions& options) {
  for (int link = kBase; link < num_links(); ++link) {
    const LinkModel& model = link_model(link);
    properties_.mass.push_back(model.mass);
    properties_.inertia.push_back(model.inertia_diagonal);
    ContactMaterial material;
    material.friction = options.friction;
    properties_.material.push_back(model.material.value_or(material));
    properties_.colour.push_back(options.colour);
  }
  if (has_size_) properties_.size = model_->base.collision_looks[0].size;
  properties_.collision_group = options.collision_group;
  properties_.collision_mask = options.collision_mask;
  for (int link = kBase; link < num_links(); ++link) ApplyMaterial(link);
}

template <typename Visit>
void Body::ForLinks(int link, Visit visit) {
  if (link != kAllLinks) {
    CheckLink(link);
    visit(link);
    return;
  }
  for (int each = kBase; each < num_links(); ++each) visit(each);
}

void Body::ApplyMaterial(int link) {
  constexpr double kRigid = BT_LARGE_FLOAT;  // Bullet's initial values.
  constexpr double kRigidDamping = 0.1;
  const ContactMaterial& material = properties_.material[1 + link];
  const auto apply = [&](btCollisionObject* object) {
    object->setFriction(material.friction);
    object->setSpinningFriction(material.spinning_friction);
    object->setRollingFriction(material.rolling_friction);
    object->setRestitution(material.restitution);
    const bool soft = material.stiffness > 0;
    object->setContactStiffnessAndDamping(soft ? material.stiffness : kRigid,
                                          soft ? material.damping : kRigidDamping);
    int flags = object->getCollisionFlags();
    const auto set = [&](int flag, bool on) { flags = on ? flags | flag : flags & ~flag; };
    set(btCollisionObject::CF_HAS_CONTACT_STIFFNESS_DAMPING, soft);
    set(btCollisionObject::CF_HAS_FRICTION_ANCHOR, material.friction_anchor);
    object->setCollisionFlags(flags);
  };
  if (plain_object_ != nullptr) apply(plain_object_);
  for (const auto& collider : colliders_) {
    if (collider->m_link == link) apply(collider.get());
  }
}

void Body::ApplyMass(int link) {
  if (multibody_ == nullptr) return;
  tree_->MassesChanged();
  if (link == kBase) {
    if (!fixed_base_) multibody_->setBaseMass(properties_.mass[0]);
    multibody_->setBaseInertia(properties_.inertia[0]);
    return;
  }
  multibody_->getLink(link).m_mass = properties_.mass[1 + link];
  multibody_->getLink(link).m_inertiaLocal = properties_.inertia[1 + link];
}

void Body::ApplySize() {
  auto shape = MakePrimitive(model_->base.collision_looks[0].kind, properties_.size);
  objects_[0]->setCollisionShape(shape.get());
  own_shape_ = std::move(shape);  // Frees the one before.
}

void Body::ApplyProperties(const BodyProperties& properties) {
  const bool resize = has_size_ && properties.size != properties_.size;
  const bool new_looks = resize || properties.colour != properties_.colour;
  const bool new_filter = properties.collision_group != properties_.collision_group ||
                          properties.collision_mask != properties_.collision_mask;
  properties_ = properties;
  for (int link = kBase; link < num_links(); ++link) {
    ApplyMaterial(link);
    ApplyMass(link);
  }
  if (resize) ApplySize();
  if (new_filter) SetCollisionFilter(properties.collision_group, properties.collision_mask);
  if (new_looks) world_->LooksChanged();
}

double Body::mass(int link) const {
  CheckLink(link);
  return properties_.mass[1 + link];
}

void Body::SetMass(int link, double mass) {
  CheckLink(link);
  const double before = properties_.mass[1 + link];
  if (!std::isfinite(mass) || mass <= 0 || before <= 0) {
    throw WorldError(absl::StrCat("the mass of link '", link_model(link).name, "' of body '", name_,
                                  "' is ", before, " kg and cannot become ", mass,
                                  "; both must be above 0"));
  }
  properties_.mass[1 + link] = mass;
  properties_.inertia[1 + link] *= mass / before;
  saved_properties_ = nullptr;
  ApplyMass(link);
}

double Body::TotalMass() const {
  double sum = 0;
  for (double mass : properties_.mass) sum += mass;
  return sum;
}

const ContactMaterial& Body::contact_material(int link) const {
  CheckLink(link);
  return properties_.material[1 + link];
}

void Body::SetContactMaterial(int link, const ContactMaterial& material) {
  for (const double value :
       {material.friction, material.spinning_friction, material.rolling_friction,
        material.restitution, material.stiffness, material.damping}) {
    if (std::isfinite(value) && value >= 0) continue;
    throw WorldError(absl::StrCat("a contact material of body '", name_, "' has the value ", value,
                                  "; expected 0 or more"));
  }
  saved_properties_ = nullptr;
  ForLinks(link, [&](int each) {
    properties_.material[1 + each] = material;
    ApplyMaterial(each);
  });
}

void Body::SetFriction(int link, double friction) {
  ForLinks(link, [&](int each) {
    ContactMaterial material = contact_material(each);
    material.friction = friction;
    SetContactMaterial(each, material);
  });
}

const absl::optional<Colour>& Body::colour(int link) const {
  CheckLink(link);
  return properties_.colour[1 + link];
}

void Body::SetColour(int link, const Colour& colour) {
  saved_properties_ = nullptr;
  ForLinks(link, [&](int each) { properties_.colour[1 + each] = colour; });
  world_->LooksChanged();
}

void Body::SetSize(const std::array<double, 3>& size) {
  if (!has_size_) {
    throw WorldError(absl::StrCat("body '", name_,
                                  "' is not one box, sphere, cylinder or capsule; it has no size"));
  }
  MakePrimitive(model_->base.collision_looks[0].kind, size);  // Throws if it cannot be.
  world_->DropContacts(*this);
  properties_.size = size;
  saved_properties_ = nullptr;
  ApplySize();
  if (properties_.mass[0] > 0) {
    own_shape_->calculateLocalInertia(properties_.mass[0], properties_.inertia[0]);
  }
  ApplyMass(kBase);
  world_->LooksChanged();
}

void Body::SetCollisionFilter(int group, int mask) {
  world_->DropContacts(*this);
  properties_.collision_group = group;
  properties_.collision_mask = mask;
  saved_properties_ = nullptr;
  for (btCollisionObject* object : objects_) {
    object->getBroadphaseHandle()->m_collisionFilterGroup = group;
    object->getBroadphaseHandle()->m_collisionFilterMask = mask;
  }
}

void Body::GetAddedForces(BodyState* state) const {
  state->added_joint_force.clear();
  state->added.clear();
  bool any = multibody_->getBaseForce() != btVector3(0, 0, 0) ||
             multibody_->getBaseTorque() != btVector3(0, 0, 0);
  for (int i = 0; i < num_links() && !any; ++i) {
    any = multibody_->getLinkForce(i) != btVector3(0, 0, 0) ||
          multibody_->getLinkTorque(i) != btVector3(0, 0, 0) ||
          (link_model(i).joint_type != JointType::kFixed && multibody_->getJointTorque(i) != 0);
  }
  if (!any) return;
  state->added.push_back({multibody_->getBaseForce(), multibody_->getBaseTorque()});
  for (int i = 0; i < num_links(); ++i) {
    state->added.push_back({multibody_->getLinkForce(i), multibody_->getLinkTorque(i)});
  }
  for (int link : dof_links_) {
    state->added_joint_force.push_back(multibody_->getJointTorque(link));
  }
}

void Body::GetState(BodyState* state) const {
  if (saved_properties_ == nullptr) {
    saved_properties_ = std::make_shared<const BodyProperties>(properties_);
  }
  state->properties = saved_properties_;
  state->held = held_;
  state->move_target = move_target_;
  state->motor = targets_;
  if (multibody_ == nullptr) {
    state->base_position = plain_object_->getWorldTransform().getOrigin();
    state->base_rotation = plain_rotation_;
    state->base_linear_velocity =
        rigid_ == nullptr ? btVector3(0, 0, 0) : rigid_->getLinearVelocity();
    state->base_angular_velocity =
        rigid_ == nullptr ? btVector3(0, 0, 0) : rigid_->getAngularVelocity();
    return;
  }
  state->base_position = multibody_->getBasePos();
  state->base_rotation = multibody_->getWorldToBaseRot().inverse();
  state->base_linear_velocity = multibody_->getBaseVel();
  state->base_angular_velocity = multibody_->getBaseOmega();
  state->joint_position.resize(num_dofs());
  state->joint_velocity.resize(num_dofs());
  state->motor_impulse.resize(targets_.size());
  for (int dof = 0; dof < num_dofs(); ++dof) {
    state->joint_position[dof] = joint_position(dof);
    state->joint_velocity[dof] = joint_velocity(dof);
    if (!targets_.empty()) state->motor_impulse[dof] = joints_[dof].motor->impulse();
  }
  GetAddedForces(state);
  RefreshLaggedPoses();
  state->lagged_pose.clear();
  bool lags = false;
  for (int i = 0; i < num_links(); ++i) {
    const btTransform& lagged = multibody_->getLink(i).m_cachedWorldTransform;
    lags = lags || !(lagged == dynamics().pose(i));
    state->lagged_pose.push_back(lagged);
  }
  if (!lags) state->lagged_pose.clear();
}

void Body::SetState(const BodyState& state) {
  if (state.properties != saved_properties_) {
    ApplyProperties(*state.properties);
    saved_properties_ = state.properties;
  }
  held_ = state.held;
  move_target_ = state.move_target;
  if (multibody_ == nullptr) {
    SetPlainPose(state.base_position, state.base_rotation);
    SetPlainVelocity(state.base_linear_velocity, state.base_angular_velocity);
    return;
  }
  multibody_->setBasePos(state.base_position);
  multibody_->setWorldToBaseRot(state.base_rotation.inverse());
  multibody_->setBaseVel(state.base_linear_velocity);
  multibody_->setBaseOmega(state.base_angular_velocity);
  SetJoints(state.joint_position, state.joint_velocity);
  for (size_t dof = 0; dof < state.motor.size(); ++dof) {
    SetMotor(static_cast<int>(dof), state.motor[dof]);
    joints_[dof].motor->set_impulse(state.motor_impulse[dof]);
  }
  if (!state.added.empty()) {
    is_pushed_ = true;
    multibody_->addBaseForce(state.added[0].force);
    multibody_->addBaseTorque(state.added[0].torque);
    for (int i = 0; i < num_links(); ++i) {
      multibody_->addLinkForce(i, state.added[1 + i].force);
      multibody_->addLinkTorque(i, state.added[1 + i].torque);
    }
    for (int dof = 0; dof < num_dofs(); ++dof) {
      multibody_->addJointTorque(dof_links_[dof], state.added_joint_force[dof]);
    }
  }
  for (size_t i = 0; i < state.lagged_pose.size(); ++i) {
    multibody_->getLink(static_cast<int>(i)).m_cachedWorldTransform = state.lagged_pose[i];
  }
}

void Body::ForgetImpulses() {
  if (multibody_ == nullptr) return;
  multibody_->clearForcesAndTorques();
  multibody_->clearConstraintForces();
  multibody_->clearVelocities();
}

}  // namespace armature

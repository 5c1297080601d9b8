#include "envserver/bullet/bullet_world.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "BulletCollision/CollisionShapes/btStaticPlaneShape.h"
#include "BulletCollision/NarrowPhaseCollision/btPersistentManifold.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envserver/bullet/contact_cache.h"
#include "envserver/bullet/ground_contacts.h"
#include "envserver/bullet/height_field_shape.h"
#include "envserver/bullet/primitive.h"
#include "envserver/bullet/world_bytes.h"

namespace armature {
namespace {

using Kind = SceneShape::Kind;

// Initial sizes of Bullet's pools, which grow on the heap if needed. Bullet's own defaults take
// several MiB per world.
btDefaultCollisionConstructionInfo SmallPools() {
  btDefaultCollisionConstructionInfo pools;
  pools.m_defaultMaxPersistentManifoldPoolSize = 64;
  pools.m_defaultMaxCollisionAlgorithmPoolSize = 64;
  return pools;
}

constexpr int kContactsReserved = 128;  // So that a few more than ever before need no memory.
constexpr double kPlaneShown = 100;     // m, in viewers.

// All below z = 0. Bullet's own box of a plane is all of space, so that whatever there is would be
// tested against it, at any height.
struct GroundShape : btStaticPlaneShape {
  GroundShape() : btStaticPlaneShape(btVector3(0, 0, 1), /*planeConstant=*/0) {}
  void getAabb(const btTransform& pose, btVector3& low, btVector3& high) const override {
    btStaticPlaneShape::getAabb(pose, low, high);
    // Bullet finds contacts up to this far away.
    if (pose.getBasis()[2][2] == 1) high.setZ(pose.getOrigin().z() + gContactBreakingThreshold);
  }
};

std::shared_ptr<const BodyModel> StaticModel(const char* name,
                                             std::shared_ptr<btCollisionShape> shape,
                                             const SceneShape& look) {
  auto model = std::make_shared<BodyModel>();
  model->name = name;
  model->base.name = name;
  model->base.shape = std::move(shape);
  model->base.collision_looks = {look};
  return model;
}

ContactPoint ToContact(const btPersistentManifold& manifold, const btManifoldPoint& point,
                       double time_step_s) {
  const auto* link_a = btMultiBodyLinkCollider::upcast(manifold.getBody0());
  const auto* link_b = btMultiBodyLinkCollider::upcast(manifold.getBody1());
  ContactPoint contact;
  contact.body_a = manifold.getBody0()->getUserIndex();
  contact.link_a = link_a == nullptr ? kBase : link_a->m_link;
  contact.body_b = manifold.getBody1()->getUserIndex();
  contact.link_b = link_b == nullptr ? kBase : link_b->m_link;
  contact.position_on_b = point.getPositionWorldOnB();
  contact.normal_on_b = point.m_normalWorldOnB;
  contact.distance = point.getDistance();
  contact.normal_force = point.getAppliedImpulse() / time_step_s;
  contact.friction_force = (point.m_appliedImpulseLateral1 * point.m_lateralFrictionDir1 +
                            point.m_appliedImpulseLateral2 * point.m_lateralFrictionDir2) /
                           time_step_s;
  return contact;
}

}  // namespace

BulletWorld::BulletWorld(const WorldOptions& options)
    : options_(options),
      collision_configuration_(SmallPools()),
      dispatcher_(&collision_configuration_),
      broadphase_(&pair_cache_, &pair_filter_),
      world_(&dispatcher_, &broadphase_, &solver_, &collision_configuration_),
      own_step_(&bodies_, &dispatcher_, &pair_cache_) {
  RegisterGroundContacts(&dispatcher_);
  pair_cache_.setOverlapFilterCallback(&pair_filter_);
  world_.setGravity(btVector3(0, 0, -options.gravity));
  world_.setForceUpdateAllAabbs(false);
  btContactSolverInfo& solver = world_.getSolverInfo();
  solver.m_numIterations = options.solver_iterations;
  solver.m_erp2 = options.contact_erp;
  solver.m_frictionERP = options.friction_erp;
  solver.m_linearSlop = options.linear_slop_m;
  solver.m_warmstartingFactor = options.warm_start_factor;
  solver.m_leastSquaresResidualThreshold = options.residual_threshold;
  solver.m_minimumSolverBatchSize = 0;
  solver.m_timeStep = options.time_step_s;
  contacts_.reserve(kContactsReserved);
}

BulletWorld::~BulletWorld() {
  for (const auto& body : bodies_) {
    for (const Body::JointParts& joint : body->joints()) {
      for (btMultiBodyConstraint* row :
           {static_cast<btMultiBodyConstraint*>(joint.limit.get()),
            static_cast<btMultiBodyConstraint*>(joint.motor.get()),
            static_cast<btMultiBodyConstraint*>(joint.damping.get()),
            static_cast<btMultiBodyConstraint*>(joint.friction.get()),
            static_cast<btMultiBodyConstraint*>(joint.coupling.get())}) {
        if (row != nullptr) world_.removeMultiBodyConstraint(row);
      }
    }
    if (body->multibody() != nullptr) world_.removeMultiBody(body->multibody());
    for (btCollisionObject* object : body->objects()) world_.removeCollisionObject(object);
  }
}

std::string BulletWorld::FreeName(const BodyModel& model, const BodyOptions& options) const {
  const auto is_taken = [&](const std::string& name) {
    return std::any_of(bodies_.begin(), bodies_.end(),
                       [&](const auto& body) { return body->name() == name; });
  };
  if (!options.name.empty()) {
    if (!is_taken(options.name)) return options.name;
    throw WorldError(absl::StrCat("two bodies are named '", options.name, "'"));
  }
  const std::string stem = model.name.empty() ? "body" : model.name;
  std::string name = stem;
  for (int i = 2; is_taken(name); ++i) name = absl::StrCat(stem, "_", i);
  return name;
}

Body* BulletWorld::AddBody(std::shared_ptr<const BodyModel> model, const BodyOptions& options) {
  BodyOptions named = options;
  named.name = FreeName(*model, options);
  auto added = std::make_unique<Body>(std::move(model), named, num_bodies());
  Body* body = added.get();
  const int num_objects =
      world_.getNumCollisionObjects() + static_cast<int>(body->objects().size());
  if (num_objects > kMaxColliders) {
    throw WorldError(absl::StrCat("with body '", body->name(), "' the world has ", num_objects,
                                  " links with shapes; the limit is ", kMaxColliders));
  }
  bodies_.push_back(std::move(added));
  body->set_world(this);
  for (btCollisionObject* object : body->objects()) {
    world_.addCollisionObject(object, options.collision_group, options.collision_mask);
  }
  AddToBullet(*body);
  LooksChanged();
  return body;
}

void BulletWorld::AddToBullet(Body& body) {
  for (const Body::JointParts& joint : body.joints()) {
    if (joint.limit != nullptr) world_.addMultiBodyConstraint(joint.limit.get());
  }
  if (body.multibody() != nullptr) world_.addMultiBody(body.multibody());
  for (const Body::JointParts& joint : body.joints()) {
    if (joint.motor != nullptr) world_.addMultiBodyConstraint(joint.motor.get());
    if (joint.damping != nullptr) world_.addMultiBodyConstraint(joint.damping.get());
    if (joint.friction != nullptr) world_.addMultiBodyConstraint(joint.friction.get());
    if (joint.coupling != nullptr) world_.addMultiBodyConstraint(joint.coupling.get());
  }
}

Body* BulletWorld::AddPrimitive(Kind kind, const std::array<double, 3>& size, double mass,
                                const BodyOptions& options) {
  BodyOptions with_base = options;
  with_base.fixed_base = options.fixed_base || (mass == 0 && !options.kinematic);
  return AddBody(PrimitiveModel(kind, size, mass), with_base);
}

Body* BulletWorld::AddBox(const btVector3& size, double mass, const BodyOptions& options) {
  return AddPrimitive(Kind::kBox, {size.x(), size.y(), size.z()}, mass, options);
}

Body* BulletWorld::AddSphere(double radius, double mass, const BodyOptions& options) {
  return AddPrimitive(Kind::kSphere, {radius, 0, 0}, mass, options);
}

Body* BulletWorld::AddCylinder(double radius, double length, double mass,
                               const BodyOptions& options) {
  return AddPrimitive(Kind::kCylinder, {radius, length, 0}, mass, options);
}

Body* BulletWorld::AddCapsule(double radius, double length, double mass,
                              const BodyOptions& options) {
  return AddPrimitive(Kind::kCapsule, {radius, length, 0}, mass, options);
}

Body* BulletWorld::AddPlane(const BodyOptions& options) {
  SceneShape look;
  look.kind = Kind::kPlane;
  look.size = {kPlaneShown, kPlaneShown, 0};
  BodyOptions fixed = options;
  fixed.fixed_base = true;
  return AddBody(StaticModel("plane", std::make_shared<GroundShape>(), look), fixed);
}

Body* BulletWorld::AddHeightField(const HeightField& field, const BodyOptions& options) {
  const auto expected = static_cast<size_t>(std::max(field.rows, 0)) * std::max(field.columns, 0);
  if (field.rows < 2 || field.columns < 2 || field.heights == nullptr ||
      field.heights->size() != expected || !(field.cell_x_m > 0) || !(field.cell_y_m > 0)) {
    throw WorldError(absl::StrCat(
        "a height field has ", field.rows, " rows and ", field.columns, " columns of ",
        field.cell_x_m, " x ", field.cell_y_m, " m, and ",
        field.heights == nullptr ? 0 : field.heights->size(),
        " heights; expected at least 2 x 2, cells above 0 m, and a height for each point"));
  }
  const auto [low, high] = std::minmax_element(field.heights->begin(), field.heights->end());
  if (!std::all_of(field.heights->begin(), field.heights->end(),
                   [](float height) { return std::isfinite(height); })) {
    throw WorldError("a height field has a height that is not finite");
  }
  SceneShape look;
  look.kind = Kind::kHeightField;
  look.size = {field.cell_x_m, field.cell_y_m, 0};
  look.heights = field.heights;
  look.rows = field.rows;
  look.columns = field.columns;
  auto model = std::make_shared<BodyModel>(
      *StaticModel("terrain", std::make_shared<HeightFieldShape>(field, *low, *high), look));
  model->base.inertial_frame.setOrigin(btVector3(0, 0, (*low + *high) / 2.0));
  BodyOptions fixed = options;
  fixed.fixed_base = true;
  return AddBody(std::move(model), fixed);
}

Body* BulletWorld::AddStaticBox(const btVector3& half_extents, const btVector3& position,
                                double friction) {
  BodyOptions options;
  options.base_pose.setOrigin(position);
  options.friction = friction;
  return AddBox(half_extents * 2, /*mass=*/0, options);
}

Body* BulletWorld::FindBody(absl::string_view name) {
  std::vector<absl::string_view> names;
  for (const auto& body : bodies_) {
    if (body->name() == name) return body.get();
    names.push_back(body->name());
  }
  throw WorldError(absl::StrCat("the world has no body '", name, "'; it has ",
                                names.empty() ? "none" : absl::StrJoin(names, ", ")));
}

void BulletWorld::SetGravity(const btVector3& gravity) { world_.setGravity(gravity); }

void BulletWorld::World::FindContacts(double time_step_s) {
  btDispatcherInfo& dispatch = getDispatchInfo();
  dispatch.m_timeStep = time_step_s;
  dispatch.m_stepCount = 0;
  UpdateBoxes(m_collisionObjects);
  computeOverlappingPairs();
  m_dispatcher1->dispatchAllCollisionPairs(getPairCache(), dispatch, m_dispatcher1);
}

void BulletWorld::World::RemoveAll() {
  m_multiBodies.resizeNoInitialize(0);
  m_multiBodyConstraints.resizeNoInitialize(0);
}

void BulletWorld::ShareOut() {
  if (!own_step_.Share()) return;
  // Anew and in one order, on which the order of solving depends.
  world_.RemoveAll();
  for (const auto& body : bodies_) {
    if (!own_step_.steps(body->id())) AddToBullet(*body);
  }
}

void BulletWorld::Step() {
  contacts_are_valid_ = false;
  for (const auto& body : bodies_) body->BeginStep();
  world_.FindContacts(options_.time_step_s);
  ShareOut();
  if (world_.getNumMultibodies() > 0) {
    for (const auto& body : bodies_) {
      if (!own_step_.steps(body->id())) body->BeginBulletStep();
    }
    // No substeps: one step of exactly this length.
    world_.stepSimulation(options_.time_step_s, /*maxSubSteps=*/0);
  }
  for (const auto& body : bodies_) {
    if (!own_step_.steps(body->id())) body->PlaceColliders();
  }
  own_step_.Step(world_.getGravity(), world_.getSolverInfo());
  for (const auto& body : bodies_) body->EndStep();
}

absl::Span<const ContactPoint> BulletWorld::contacts() const {
  if (contacts_are_valid_) return contacts_;
  contacts_.clear();
  for (int i = 0; i < dispatcher_.getNumManifolds(); ++i) {
    const btPersistentManifold* manifold = dispatcher_.getManifoldByIndexInternal(i);
    for (int k = 0; k < manifold->getNumContacts(); ++k) {
      const btManifoldPoint& point = manifold->getContactPoint(k);
      if (point.getDistance() > 0) continue;
      contacts_.push_back(ToContact(*manifold, point, options_.time_step_s));
    }
  }
  contacts_are_valid_ = true;
  return contacts_;
}

void BulletWorld::GetContacts(std::vector<ContactPoint>* contacts) const {
  const absl::Span<const ContactPoint> all = this->contacts();
  contacts->assign(all.begin(), all.end());
}

namespace {

struct NearestPoint : btCollisionWorld::ContactResultCallback {
  btScalar addSingleResult(btManifoldPoint& point, const btCollisionObjectWrapper* a, int, int,
                           const btCollisionObjectWrapper*, int, int) override {
    if (nearest.found && point.getDistance() >= nearest.distance) return 0;
    nearest.found = true;
    nearest.distance = point.getDistance();
    nearest.point_on_a = point.getPositionWorldOnA();
    nearest.point_on_b = point.getPositionWorldOnB();
    nearest.normal_on_b = point.m_normalWorldOnB;
    is_swapped = a->getCollisionObject() != first;
    return 0;
  }
  ClosestPoints nearest;
  const btCollisionObject* first = nullptr;
  bool is_swapped = false;
};

bool IsOfLink(const btCollisionObject* object, int link) {
  const auto* collider = btMultiBodyLinkCollider::upcast(object);
  return link == kAllLinks || (collider == nullptr ? kBase : collider->m_link) == link;
}

}  // namespace

ClosestPoints BulletWorld::Distance(const Body& a, int link_a, const Body& b, int link_b,
                                    double distance_max) const {
  NearestPoint result;
  result.m_closestDistanceThreshold = distance_max;
  for (btCollisionObject* object_a : a.objects()) {
    if (!IsOfLink(object_a, link_a)) continue;
    for (btCollisionObject* object_b : b.objects()) {
      if (!IsOfLink(object_b, link_b) || object_a == object_b) continue;
      NearestPoint pair;
      pair.m_closestDistanceThreshold = distance_max;
      pair.first = object_a;
      world_.contactPairTest(object_a, object_b, pair);
      if (!pair.nearest.found || pair.nearest.distance > distance_max) continue;
      if (result.nearest.found && pair.nearest.distance >= result.nearest.distance) continue;
      if (pair.is_swapped) {
        std::swap(pair.nearest.point_on_a, pair.nearest.point_on_b);
        pair.nearest.normal_on_b = -pair.nearest.normal_on_b;
      }
      result.nearest = pair.nearest;
    }
  }
  return result.nearest;
}

void BulletWorld::DropContacts(const Body& body) {
  contacts_are_valid_ = false;
  for (btCollisionObject* object : body.objects()) {
    pair_cache_.removeOverlappingPairsContainingProxy(object->getBroadphaseHandle(), &dispatcher_);
  }
}

void BulletWorld::SaveState(WorldState* state) const {
  state->bodies.resize(bodies_.size());
  for (size_t i = 0; i < bodies_.size(); ++i) bodies_[i]->GetState(&state->bodies[i]);
  SaveContacts(pair_cache_, &state->contacts);
  state->gravity = world_.getGravity();
}

bool BulletWorld::TryRestore(const WorldState& state) {
  contacts_are_valid_ = false;
  DropAllContacts(pair_cache_, dispatcher_);
  for (size_t i = 0; i < bodies_.size(); ++i) {
    bodies_[i]->ForgetImpulses();
    bodies_[i]->SetState(state.bodies[i]);
  }
  world_.setGravity(state.gravity);
  return RestoreContacts(state.contacts, world_.getCollisionObjectArray(), pair_cache_,
                         dispatcher_);
}

void BulletWorld::RestoreState(const WorldState& state) {
  if (state.bodies.size() != bodies_.size() || !TryRestore(state)) {
    throw WorldError("the state is not of this world: its bodies or shapes differ");
  }
}

void BulletWorld::SaveState(std::string* bytes) const {
  WorldState state;
  SaveState(&state);
  EncodeState(*this, state, bytes);
}

absl::Status BulletWorld::RestoreState(absl::string_view bytes) {
  WorldState state;
  if (absl::Status status = DecodeState(*this, bytes, &state); !status.ok()) return status;
  WorldState before;
  SaveState(&before);
  // The filters of the state decide which contacts there can be.
  DropAllContacts(pair_cache_, dispatcher_);
  for (size_t i = 0; i < bodies_.size(); ++i) bodies_[i]->SetState(state.bodies[i]);
  absl::Status status =
      CheckContacts(state.contacts, world_.getCollisionObjectArray(), pair_cache_);
  if (status.ok() && !TryRestore(state)) {
    status = absl::InvalidArgumentError("the state's contacts do not fit the shapes");
  }
  if (!status.ok()) TryRestore(before);
  return status;
}

}  // namespace armature

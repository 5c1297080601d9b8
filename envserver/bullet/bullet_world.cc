#include "envserver/bullet/bullet_world.h"

#include <utility>

#include "BulletCollision/CollisionShapes/btBoxShape.h"
#include "BulletCollision/NarrowPhaseCollision/btPersistentManifold.h"

namespace armature {
namespace {

// Initial sizes of Bullet's pools, which grow on the heap if needed. Bullet's own defaults take
// several MiB per world.
btDefaultCollisionConstructionInfo SmallPools() {
  btDefaultCollisionConstructionInfo pools;
  pools.m_defaultMaxPersistentManifoldPoolSize = 64;
  pools.m_defaultMaxCollisionAlgorithmPoolSize = 64;
  return pools;
}

constexpr int kMaxColliders = 256;

}  // namespace

bool BulletWorld::PairFilter::needBroadphaseCollision(btBroadphaseProxy* a,
                                                      btBroadphaseProxy* b) const {
  const auto* object_a = static_cast<const btCollisionObject*>(a->m_clientObject);
  const auto* object_b = static_cast<const btCollisionObject*>(b->m_clientObject);
  if (object_a->isStaticObject() && object_b->isStaticObject()) return false;
  const auto* link_a = btMultiBodyLinkCollider::upcast(object_a);
  const auto* link_b = btMultiBodyLinkCollider::upcast(object_b);
  return link_a == nullptr || link_b == nullptr || link_a->m_multiBody != link_b->m_multiBody ||
         link_a->m_multiBody->hasSelfCollision();
}

BulletWorld::BulletWorld(const WorldOptions& options)
    : options_(options),
      collision_configuration_(SmallPools()),
      dispatcher_(&collision_configuration_),
      broadphase_(kMaxColliders, &pair_cache_),
      world_(&dispatcher_, &broadphase_, &solver_, &collision_configuration_) {
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
}

BulletWorld::~BulletWorld() {
  for (const auto& body : bodies_) {
    for (const Body::Joint& joint : body->joints()) {
      if (joint.limit != nullptr) world_.removeMultiBodyConstraint(joint.limit.get());
      if (joint.motor != nullptr) world_.removeMultiBodyConstraint(joint.motor.get());
    }
    world_.removeMultiBody(body->multibody());
    for (const auto& collider : body->colliders()) world_.removeCollisionObject(collider.get());
  }
  for (const auto& object : statics_) world_.removeCollisionObject(object.get());
}

Body* BulletWorld::AddBody(std::shared_ptr<const BodyModel> model, const BodyOptions& options) {
  bodies_.push_back(
      std::make_unique<Body>(std::move(model), options, static_cast<int>(bodies_.size())));
  Body* body = bodies_.back().get();
  body->set_time_step(options_.time_step_s);
  for (const auto& collider : body->colliders()) world_.addCollisionObject(collider.get());
  for (const Body::Joint& joint : body->joints()) {
    if (joint.limit != nullptr) world_.addMultiBodyConstraint(joint.limit.get());
  }
  world_.addMultiBody(body->multibody());
  for (const Body::Joint& joint : body->joints()) {
    if (joint.motor != nullptr) world_.addMultiBodyConstraint(joint.motor.get());
    if (joint.damping != nullptr) world_.addMultiBodyConstraint(joint.damping.get());
    if (joint.friction != nullptr) world_.addMultiBodyConstraint(joint.friction.get());
  }
  return body;
}

void BulletWorld::AddStaticBox(const btVector3& half_extents, const btVector3& position,
                               double friction) {
  static_shapes_.push_back(std::make_unique<btBoxShape>(half_extents));
  static_shapes_.back()->setMargin(kCollisionMargin);
  auto object = std::make_unique<btCollisionObject>();
  object->setCollisionShape(static_shapes_.back().get());
  object->setWorldTransform(btTransform(btQuaternion::getIdentity(), position));
  object->setCollisionFlags(btCollisionObject::CF_STATIC_OBJECT);
  object->setFriction(friction);
  object->setUserIndex(-1);
  world_.addCollisionObject(object.get());
  statics_.push_back(std::move(object));
}

void BulletWorld::Step() {
  for (const auto& body : bodies_) body->BeginStep();
  // No substeps: one step of exactly this length.
  world_.stepSimulation(options_.time_step_s, /*maxSubSteps=*/0);
}

void BulletWorld::GetContacts(std::vector<ContactPoint>* contacts) const {
  contacts->clear();
  for (int i = 0; i < dispatcher_.getNumManifolds(); ++i) {
    const btPersistentManifold* manifold = dispatcher_.getManifoldByIndexInternal(i);
    const btCollisionObject* a = manifold->getBody0();
    const btCollisionObject* b = manifold->getBody1();
    const auto* link_a = btMultiBodyLinkCollider::upcast(a);
    const auto* link_b = btMultiBodyLinkCollider::upcast(b);
    for (int k = 0; k < manifold->getNumContacts(); ++k) {
      const btManifoldPoint& point = manifold->getContactPoint(k);
      if (point.getDistance() > 0) continue;
      ContactPoint contact;
      contact.body_a = a->getUserIndex();
      contact.link_a = link_a == nullptr ? -1 : link_a->m_link;
      contact.body_b = b->getUserIndex();
      contact.link_b = link_b == nullptr ? -1 : link_b->m_link;
      contact.position_on_b = point.getPositionWorldOnB();
      contact.normal_on_b = point.m_normalWorldOnB;
      contact.distance = point.getDistance();
      contact.normal_force = point.getAppliedImpulse() / options_.time_step_s;
      contacts->push_back(contact);
    }
  }
}

void BulletWorld::SaveState(WorldState* state) const {
  state->resize(bodies_.size());
  for (size_t i = 0; i < bodies_.size(); ++i) bodies_[i]->GetState(&(*state)[i]);
}

void BulletWorld::RestoreState(const WorldState& state) {
  // The pairs own the cached contacts. Without them, the next step finds the contacts again, in an
  // order that depends only on the poses.
  for (const auto& body : bodies_) {
    for (const auto& collider : body->colliders()) {
      pair_cache_.removeOverlappingPairsContainingProxy(collider->getBroadphaseHandle(),
                                                        &dispatcher_);
    }
  }
  for (size_t i = 0; i < bodies_.size(); ++i) {
    bodies_[i]->ForgetImpulses();
    bodies_[i]->SetState(state[i]);
  }
}

}  // namespace armature

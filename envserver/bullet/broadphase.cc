#include "envserver/bullet/broadphase.h"

#include <array>

#include "BulletCollision/NarrowPhaseCollision/btPersistentManifold.h"
#include "BulletDynamics/Featherstone/btMultiBodyLinkCollider.h"
#include "LinearMath/btAabbUtil2.h"
#include "envserver/bullet/height_field_shape.h"

namespace armature {
namespace {

bool MovesByForces(const btCollisionObject& object) { return !object.isStaticOrKinematicObject(); }

// Whether all of b's box is above the ground, if that is what a is.
bool IsAbove(const btBroadphaseProxy& a, const btBroadphaseProxy& b) {
  const auto& ground = *static_cast<const btCollisionObject*>(a.m_clientObject);
  const btCollisionShape* shape = ground.getCollisionShape();
  if (shape->getShapeType() != TERRAIN_SHAPE_PROXYTYPE) return false;
  const btTransform& pose = ground.getWorldTransform();
  const double around = shape->getMargin();
  const btVector3 margin(around, around, around);
  btVector3 low = b.m_aabbMin - margin - pose.getOrigin();
  btVector3 high = b.m_aabbMax + margin - pose.getOrigin();
  if (!(pose.getBasis() == btMatrix3x3::getIdentity())) {
    btTransformAabb(low, high, 0, btTransform(pose.getBasis().transpose()), low, high);
  }
  return static_cast<const HeightFieldShape*>(shape)->IsClear(low, high);
}

// Boxes reach as far around their objects as Bullet finds contacts.
bool MayTouch(const btBroadphaseProxy& a, const btBroadphaseProxy& b) {
  for (int k = 0; k < 3; ++k) {
    if (a.m_aabbMin[k] > b.m_aabbMax[k] || b.m_aabbMin[k] > a.m_aabbMax[k]) return false;
  }
  return !IsAbove(a, b) && !IsAbove(b, a);
}

}  // namespace

bool PairFilter::needBroadphaseCollision(btBroadphaseProxy* a, btBroadphaseProxy* b) const {
  const auto* object_a = static_cast<const btCollisionObject*>(a->m_clientObject);
  const auto* object_b = static_cast<const btCollisionObject*>(b->m_clientObject);
  if (!MovesByForces(*object_a) && !MovesByForces(*object_b)) return false;
  if ((a->m_collisionFilterGroup & b->m_collisionFilterMask) == 0) return false;
  if ((b->m_collisionFilterGroup & a->m_collisionFilterMask) == 0) return false;
  const auto* link_a = btMultiBodyLinkCollider::upcast(object_a);
  const auto* link_b = btMultiBodyLinkCollider::upcast(object_b);
  return link_a == nullptr || link_b == nullptr || link_a->m_multiBody != link_b->m_multiBody ||
         link_a->m_multiBody->hasSelfCollision();
}

void Broadphase::calculateOverlappingPairs(btDispatcher* dispatcher) {
  const btBroadphasePairArray& pairs = m_pairCache->getOverlappingPairArray();
  bool one_has_left = false;
  for (int i = 0; i < pairs.size() && !one_has_left; ++i) {
    one_has_left = !MayTouch(*pairs[i].m_pProxy0, *pairs[i].m_pProxy1);
  }
  // What never touches each other, and is faster to compare than boxes: statics, links of a body.
  std::array<const void*, kMaxColliders> groups;
  for (int i = 0; i <= m_LastHandleIndex; ++i) {
    groups[i] = nullptr;
    const auto* object = static_cast<const btCollisionObject*>(m_pHandles[i].m_clientObject);
    if (object == nullptr) continue;
    const auto* link = btMultiBodyLinkCollider::upcast(object);
    if (!MovesByForces(*object)) {
      groups[i] = this;
    } else if (link != nullptr && !link->m_multiBody->hasSelfCollision()) {
      groups[i] = link->m_multiBody;
    }
  }
  // The first after each handle of another group than it; handles of a body follow each other.
  std::array<int, kMaxColliders> after;
  for (int i = m_LastHandleIndex; i >= 0; --i) {
    const bool goes_on =
        i < m_LastHandleIndex && groups[i] != nullptr && groups[i] == groups[i + 1];
    after[i] = goes_on ? after[i + 1] : i + 1;
  }
  for (int i = 0; i <= m_LastHandleIndex; ++i) {
    btSimpleBroadphaseProxy* a = &m_pHandles[i];
    if (a->m_clientObject == nullptr) continue;
    for (int j = after[i]; j <= m_LastHandleIndex; ++j) {
      btSimpleBroadphaseProxy* b = &m_pHandles[j];
      if (b->m_clientObject == nullptr) continue;
      if (groups[i] != nullptr && groups[i] == groups[j]) continue;
      const bool touch = MayTouch(*a, *b);
      if (!touch && !one_has_left) continue;
      if (!filter_->needBroadphaseCollision(a, b)) continue;
      const bool is_known = m_pairCache->findPair(a, b) != nullptr;
      if (touch && !is_known) m_pairCache->addOverlappingPair(a, b);
      if (!touch && is_known) m_pairCache->removeOverlappingPair(a, b, dispatcher);
    }
  }
}

void UpdateBoxes(const btCollisionObjectArray& objects) {
  const btVector3 around(gContactBreakingThreshold, gContactBreakingThreshold,
                         gContactBreakingThreshold);
  for (int i = 0; i < objects.size(); ++i) {
    const btCollisionObject& object = *objects[i];
    if (!object.isActive()) continue;
    btBroadphaseProxy& box = *objects[i]->getBroadphaseHandle();
    object.getCollisionShape()->getAabb(object.getWorldTransform(), box.m_aabbMin, box.m_aabbMax);
    box.m_aabbMin -= around;
    box.m_aabbMax += around;
  }
}

}  // namespace armature

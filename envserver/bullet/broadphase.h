// Which pairs of objects may touch, by their boxes.
//
// Boxes reach as far around their objects as Bullet finds contacts.
// Thread safety: none; belongs to one world.
#ifndef ARMATURE_ENVSERVER_BULLET_BROADPHASE_H_
#define ARMATURE_ENVSERVER_BULLET_BROADPHASE_H_

#include "BulletCollision/BroadphaseCollision/btOverlappingPairCache.h"
#include "BulletCollision/BroadphaseCollision/btSimpleBroadphase.h"
#include "BulletCollision/CollisionDispatch/btCollisionObject.h"

namespace armature {

constexpr int kMaxColliders = 256;  // Of a world.

struct PairFilter : btOverlapFilterCallback {
  bool needBroadphaseCollision(btBroadphaseProxy* a, btBroadphaseProxy* b) const override;
};

// Bullet's, which finds the same pairs in the same order but asks about fewer.
class Broadphase : public btSimpleBroadphase {
 public:
  // `pairs` and `filter` must outlive this.
  Broadphase(btOverlappingPairCache* pairs, PairFilter* filter)
      : btSimpleBroadphase(kMaxColliders, pairs), filter_(filter) {}
  void calculateOverlappingPairs(btDispatcher* dispatcher) override;

 private:
  PairFilter* filter_;
};

// As Bullet does, without what it asks and calls for each object besides.
void UpdateBoxes(const btCollisionObjectArray& objects);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_BROADPHASE_H_

// Reads Bullet's contact caches into a ContactCache, and builds them anew from one.
//
// What a step does depends on the order of overlapping pairs, of the parts within a pair, of all
// manifolds, and on each cached point with its impulses; and on nothing else that Bullet keeps
// between steps (docs/decisions/0020-exact-state.md).
// Thread safety: free functions, like their world.
#ifndef ARMATURE_ENVSERVER_BULLET_CONTACT_CACHE_H_
#define ARMATURE_ENVSERVER_BULLET_CONTACT_CACHE_H_

#include "BulletCollision/BroadphaseCollision/btOverlappingPairCache.h"
#include "BulletCollision/CollisionDispatch/btCollisionDispatcher.h"
#include "BulletCollision/CollisionDispatch/btCollisionObject.h"
#include "absl/status/status.h"
#include "envserver/bullet/world_state.h"

namespace armature {

void SaveContacts(btHashedOverlappingPairCache& pairs, ContactCache* cache);

// Drops all pairs, and with them all contacts.
void DropAllContacts(btHashedOverlappingPairCache& pairs, btCollisionDispatcher& dispatcher);

// Returns InvalidArgument if no world with these objects can have such contacts. `objects` are
// those of the world, in order.
absl::Status CheckContacts(const ContactCache& cache,
                           const btAlignedObjectArray<btCollisionObject*>& objects,
                           const btHashedOverlappingPairCache& pairs);

// Replaces all contacts. Returns false if the cache does not fit the shapes, which CheckContacts
// cannot see; then some contacts are missing.
bool RestoreContacts(const ContactCache& cache,
                     const btAlignedObjectArray<btCollisionObject*>& objects,
                     btHashedOverlappingPairCache& pairs, btCollisionDispatcher& dispatcher);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_CONTACT_CACHE_H_

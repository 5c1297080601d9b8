// How Bullet finds the contacts of convex shapes with a HeightFieldShape: in closed form where a
// sphere touches, and where another shape touches a face with its lowest point; with Bullet's own
// algorithm, once for each triangle near by, only at convex edges of the ground.
//
// So even ground is a plane, whatever its triangles, and what is in the ground is pushed out of the
// face above it.
// Thread safety: free function, like the dispatcher.
#ifndef ARMATURE_ENVSERVER_BULLET_HEIGHT_FIELD_CONTACTS_H_
#define ARMATURE_ENVSERVER_BULLET_HEIGHT_FIELD_CONTACTS_H_

#include "BulletCollision/CollisionDispatch/btCollisionDispatcher.h"

namespace armature {

// Every height field of the dispatcher's world must be a HeightFieldShape.
void RegisterHeightFieldContacts(btCollisionDispatcher* dispatcher);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_HEIGHT_FIELD_CONTACTS_H_

// How Bullet finds the contacts of convex shapes, and of compounds of them, with the ground: a
// plane, or a HeightFieldShape.
//
// On a plane, the lowest point touches, as in Bullet, which also keeps older points. On a height
// field: in closed form where a sphere touches, and where another shape touches a face with its
// lowest point; with Bullet's own algorithm, once for each triangle near by, only at convex edges.
// So even ground is a plane, whatever its triangles, and what is in the ground is pushed out of the
// face above it.
// A compound asks the ground once for each of its shapes, and only those that are near have an
// algorithm and a manifold. Both are where Bullet has them, so that ContactCache finds them.
// Thread safety: free function, like the dispatcher.
#ifndef ARMATURE_ENVSERVER_BULLET_GROUND_CONTACTS_H_
#define ARMATURE_ENVSERVER_BULLET_GROUND_CONTACTS_H_

#include "BulletCollision/CollisionDispatch/btCollisionDispatcher.h"

namespace armature {

// In the dispatcher's world every height field must be a HeightFieldShape, and what is in a
// compound that moves must be convex.
void RegisterGroundContacts(btCollisionDispatcher* dispatcher);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_GROUND_CONTACTS_H_

// Shapes that have only a size.
//
// Sizes are those of SceneShape::size: box, full extents; sphere, radius; cylinder and capsule,
// radius and length along z, a capsule's without its half spheres.
// Thread safety: free functions.
#ifndef ARMATURE_ENVSERVER_BULLET_PRIMITIVE_H_
#define ARMATURE_ENVSERVER_BULLET_PRIMITIVE_H_

#include <array>
#include <memory>

#include "BulletCollision/CollisionShapes/btCollisionShape.h"
#include "common/scene/scene.h"
#include "envserver/bullet/body_model.h"

namespace armature {

// Whether the kind is box, sphere, cylinder or capsule.
bool IsPrimitive(SceneShape::Kind kind);

// Returns the shape. Throws WorldError if the kind is not a primitive or a size is not above 0.
std::shared_ptr<btCollisionShape> MakePrimitive(SceneShape::Kind kind,
                                                const std::array<double, 3>& size);

// Returns a body of one link, homogeneous and of mass `mass`. Throws WorldError as MakePrimitive,
// and if the mass is below 0.
std::shared_ptr<const BodyModel> PrimitiveModel(SceneShape::Kind kind,
                                                const std::array<double, 3>& size, double mass);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_PRIMITIVE_H_

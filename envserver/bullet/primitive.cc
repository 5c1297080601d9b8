#include "envserver/bullet/primitive.h"

#include <cmath>

#include "BulletCollision/CollisionShapes/btBoxShape.h"
#include "BulletCollision/CollisionShapes/btCapsuleShape.h"
#include "BulletCollision/CollisionShapes/btCylinderShape.h"
#include "BulletCollision/CollisionShapes/btSphereShape.h"
#include "absl/strings/str_cat.h"
#include "envserver/bullet/world_error.h"

namespace armature {
namespace {

using Kind = SceneShape::Kind;

const char* Name(Kind kind) {
  switch (kind) {
    case Kind::kBox:
      return "box";
    case Kind::kSphere:
      return "sphere";
    case Kind::kCylinder:
      return "cylinder";
    case Kind::kCapsule:
      return "capsule";
    default:
      return "shape";
  }
}

void CheckSize(Kind kind, const std::array<double, 3>& size) {
  const int used = kind == Kind::kBox ? 3 : kind == Kind::kSphere ? 1 : 2;
  for (int i = 0; i < used; ++i) {
    if (std::isfinite(size[i]) && size[i] > 0) continue;
    throw WorldError(
        absl::StrCat("size ", i, " of a ", Name(kind), " is ", size[i], "; expected above 0"));
  }
}

}  // namespace

bool IsPrimitive(Kind kind) {
  return kind == Kind::kBox || kind == Kind::kSphere || kind == Kind::kCylinder ||
         kind == Kind::kCapsule;
}

std::shared_ptr<btCollisionShape> MakePrimitive(Kind kind, const std::array<double, 3>& size) {
  if (!IsPrimitive(kind)) throw WorldError("this kind of shape has no size that can be set");
  CheckSize(kind, size);
  std::shared_ptr<btCollisionShape> shape;
  if (kind == Kind::kSphere) return std::make_shared<btSphereShape>(size[0]);
  if (kind == Kind::kCapsule) return std::make_shared<btCapsuleShapeZ>(size[0], size[1]);
  if (kind == Kind::kBox) {
    shape = std::make_shared<btBoxShape>(btVector3(size[0], size[1], size[2]) * 0.5);
  } else {
    shape = std::make_shared<btCylinderShapeZ>(btVector3(size[0], size[0], size[1] / 2));
  }
  shape->setMargin(kCollisionMargin);
  return shape;
}

std::shared_ptr<const BodyModel> PrimitiveModel(Kind kind, const std::array<double, 3>& size,
                                                double mass) {
  auto model = std::make_shared<BodyModel>();
  model->name = Name(kind);
  model->base.name = model->name;
  model->base.shape = MakePrimitive(kind, size);
  if (!std::isfinite(mass) || mass < 0) {
    throw WorldError(
        absl::StrCat("the mass of a ", Name(kind), " is ", mass, "; expected 0 or more"));
  }
  model->base.mass = mass;
  if (mass > 0) model->base.shape->calculateLocalInertia(mass, model->base.inertia_diagonal);
  SceneShape look;
  look.kind = kind;
  look.size = size;
  model->base.collision_looks = {look};
  return model;
}

}  // namespace armature

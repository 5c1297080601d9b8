// What a body is made of: a tree of links with masses, joints and collision
// shapes, read from URDF once and shared by every world that holds the body.
//
// Data flow: URDF, OBJ files -> BodyModel -> BulletWorld::AddBody (any number).
// Thread safety: const after it is made, so shared by all threads.
// Units: m, kg, rad, s.
#ifndef ARMATURE_ENVSERVER_BULLET_BODY_MODEL_H_
#define ARMATURE_ENVSERVER_BULLET_BODY_MODEL_H_

#include <memory>
#include <string>
#include <vector>

#include "BulletCollision/CollisionShapes/btCollisionShape.h"
#include "LinearMath/btTransform.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// Of every shape, m, as Bullet's Python bindings have it.
constexpr double kCollisionMargin = 0.001;

// Where a link's rotational inertia comes from.
enum class InertiaSource {
  kUrdf,
  // That of the collision shapes' bounding box, margins included, as Bullet's
  // Python bindings do by default; none where a link has no shape.
  kCollisionBox,
};

enum class JointType { kFixed, kRevolute, kPrismatic };

struct LinkModel {
  std::string name;
  int parent = -1;  // Index in BodyModel::links, or -1: the base.
  JointType joint_type = JointType::kFixed;
  btTransform parent_to_joint = btTransform::getIdentity();  // Joint frame in the parent's frame.
  btVector3 axis = btVector3(1, 0, 0);                       // In the link's frame, unit length.
  bool has_limits = false;
  double position_low = 0;
  double position_high = 0;
  double damping = 0;   // N.s/m, for revolute joints N.m.s/rad: its torque is -damping x velocity.
  double friction = 0;  // N, or N.m: against the velocity, whatever that is.

  double mass = 0;
  btVector3 inertia_diagonal = btVector3(0, 0, 0);          // In the inertial frame.
  btTransform inertial_frame = btTransform::getIdentity();  // In the link's frame.
  std::shared_ptr<btCollisionShape> shape;                  // In the inertial frame; may be null.
};

struct BodyModel {
  LinkModel base;                // Its joint members mean nothing.
  std::vector<LinkModel> links;  // A parent stands before its children.

  // -1 for the base; -2: no link has this name.
  int LinkIndex(absl::string_view name) const;
  // The index in `links` of every joint that moves, in order: the body's DoFs.
  std::vector<int> MovingLinks() const;
};

// Reads a URDF. Collision geometry: box, cylinder, sphere, and OBJ meshes, which
// become convex hulls; "package://X" and "X" are files under `mesh_folder`.
// Joints: fixed, revolute, continuous and prismatic.
// InvalidArgument: the text or a mesh does not parse, or asks for something else.
absl::StatusOr<std::shared_ptr<const BodyModel>> ParseUrdf(const std::string& urdf,
                                                           const std::string& mesh_folder,
                                                           InertiaSource inertia_source);

// As ParseUrdf for a file, whose meshes are beside it. NotFound: no such file.
absl::StatusOr<std::shared_ptr<const BodyModel>> LoadUrdf(const std::string& path,
                                                          InertiaSource inertia_source);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_BODY_MODEL_H_

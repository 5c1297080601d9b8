// A body's structure: a tree of links with masses, joints and collision shapes. Read once from URDF
// and shared by all worlds that contain the body.
//
// Data flow: URDF, OBJ files -> BodyModel -> BulletWorld::AddBody (any number).
// Thread safety: const after creation, so all threads may share it.
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

// Margin of every shape, m, as in Bullet's Python bindings.
constexpr double kCollisionMargin = 0.001;

// Source of a link's rotational inertia.
enum class InertiaSource {
  kUrdf,
  // Inertia of the bounding box of the collision shapes, with margins: the default of Bullet's
  // Python bindings. Zero if a link has no shape.
  kCollisionBox,
};

enum class JointType { kFixed, kRevolute, kPrismatic };

struct LinkModel {
  std::string name;
  int parent = -1;  // Index in BodyModel::links, or -1: the base.
  JointType joint_type = JointType::kFixed;
  btTransform parent_to_joint = btTransform::getIdentity();  // Joint frame in the parent's frame.
  btVector3 axis = btVector3(1, 0, 0);                       // Unit length, in the link's frame.
  bool has_limits = false;
  double position_low = 0;
  double position_high = 0;
  double damping = 0;   // N.s/m, revolute: N.m.s/rad; torque is -damping x velocity.
  double friction = 0;  // N, revolute: N.m; opposes the velocity, independent of its size.

  double mass = 0;
  btVector3 inertia_diagonal = btVector3(0, 0, 0);          // In the inertial frame.
  btTransform inertial_frame = btTransform::getIdentity();  // In the link's frame.
  std::shared_ptr<btCollisionShape> shape;                  // In the inertial frame; may be null.
};

struct BodyModel {
  LinkModel base;                // Its joint members are unused.
  std::vector<LinkModel> links;  // Parents come before their children.

  // Returns -1 for the base; -2 if no link has this name.
  int LinkIndex(absl::string_view name) const;
  // Returns the indices in `links` of all moving joints, in order: the body's DoFs.
  std::vector<int> MovingLinks() const;
};

// Reads a URDF. Collision geometry: box, cylinder, sphere, and OBJ meshes, which become convex
// hulls. "package://X" and "X" are files under `mesh_folder`. Joints: fixed, revolute, continuous
// and prismatic.
// Returns InvalidArgument if the text or a mesh does not parse, or needs anything else.
absl::StatusOr<std::shared_ptr<const BodyModel>> ParseUrdf(const std::string& urdf,
                                                           const std::string& mesh_folder,
                                                           InertiaSource inertia_source);

// Like ParseUrdf, for a file with its meshes beside it. Returns NotFound if there is no such file.
absl::StatusOr<std::shared_ptr<const BodyModel>> LoadUrdf(const std::string& path,
                                                          InertiaSource inertia_source);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_BODY_MODEL_H_

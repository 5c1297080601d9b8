// A body's structure: a tree of links with masses, joints, collision shapes and looks. Read once
// from URDF (urdf.h) or built in code, and shared by all worlds that contain the body.
//
// Data flow: URDF, meshes -> BodyModel -> BulletWorld::AddBody (any number).
// Thread safety: const after creation, so all threads may share it.
// Units: m, kg, rad, s, N (N.m for revolute joints).
#ifndef ARMATURE_ENVSERVER_BULLET_BODY_MODEL_H_
#define ARMATURE_ENVSERVER_BULLET_BODY_MODEL_H_

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "BulletCollision/CollisionShapes/btCollisionShape.h"
#include "LinearMath/btTransform.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "common/scene/scene.h"
#include "envserver/bullet/pooled_memory.h"

namespace armature {

// Margin of every shape, m, as in Bullet's Python bindings.
constexpr double kCollisionMargin = 0.001;

inline constexpr int kBase = -1;      // The base as a link.
inline constexpr int kNoLink = -2;    // No such link.
inline constexpr int kAllLinks = -3;  // The base and every link.

enum class JointType { kFixed, kRevolute, kPrismatic };

// How one link interacts with others in contact. Two links in contact use the products of their
// frictions and of their restitutions.
struct ContactMaterial {
  double friction = 0.5;
  double spinning_friction = 0;  // m: torque about the normal = this x normal force.
  double rolling_friction = 0;   // m: torque against rolling = this x normal force.
  double restitution = 0;
  double stiffness = 0;  // N/m; 0: rigid.
  double damping = 0;    // N.s/m; used with stiffness.
  bool friction_anchor = false;
};
bool operator==(const ContactMaterial& a, const ContactMaterial& b);

// A joint that follows another: position = multiplier x position of DoF `dof` + offset.
struct Mimic {
  int link = 0;  // Whose joint is followed; index in BodyModel::links.
  double multiplier = 1;
  double offset = 0;
};

struct LinkModel {
  std::string name;
  std::string joint_name;  // Of the joint that connects it to its parent.
  int parent = kBase;      // Index in BodyModel::links, or kBase.
  JointType joint_type = JointType::kFixed;
  btTransform parent_to_joint = btTransform::getIdentity();  // Joint frame in the parent's frame.
  btVector3 axis = btVector3(1, 0, 0);                       // Unit length, in the link's frame.
  bool has_limits = false;
  double position_low = 0;
  double position_high = 0;
  double effort_max = std::numeric_limits<double>::infinity();    // See BodyOptions::effort_limits.
  double velocity_max = std::numeric_limits<double>::infinity();  // For the task: not enforced.
  double damping = 0;   // N.s/m, revolute: N.m.s/rad; torque is -damping x velocity.
  double friction = 0;  // N, revolute: N.m; opposes the velocity, independent of its size.
  absl::optional<Mimic> mimic;

  double mass = 0;
  btVector3 inertia_diagonal = btVector3(0, 0, 0);          // In the inertial frame.
  btTransform inertial_frame = btTransform::getIdentity();  // In the link's frame.
  std::shared_ptr<btCollisionShape> shape;                  // In the inertial frame; may be null.
  absl::optional<ContactMaterial> material;                 // Absent: the body's.

  // For viewers, in the link's frame; SceneShape::body is unused. Looks are empty if the file shows
  // nothing: then viewers see the collision shapes.
  std::vector<SceneShape> looks;
  std::vector<SceneShape> collision_looks;
};

struct BodyModel {
  std::string name;              // Of the robot.
  LinkModel base;                // Its joint members are unused.
  std::vector<LinkModel> links;  // Parents come before their children.
  // What was read but is not honoured, or was replaced, each in a sentence that names the link,
  // joint or element. Empty: all is as the file says.
  std::vector<std::string> warnings;

  // Returns kBase for the base; kNoLink if no link has this name.
  int LinkIndex(absl::string_view name) const;
  // Returns the index in `links` of the link that the joint moves; kNoLink if no joint has this
  // name.
  int JointLink(absl::string_view joint_name) const;
  // Returns the indices in `links` of all moving joints, in order: the body's DoFs.
  std::vector<int> MovingLinks() const;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_BODY_MODEL_H_

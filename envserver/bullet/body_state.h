// The state of one body: what its future depends on, except for contacts.
//
// Thread safety: plain values.
// Units: m, kg, rad (m for prismatic joints), s, N (N.m for revolute joints).
#ifndef ARMATURE_ENVSERVER_BULLET_BODY_STATE_H_
#define ARMATURE_ENVSERVER_BULLET_BODY_STATE_H_

#include <array>
#include <memory>
#include <vector>

#include "LinearMath/btTransform.h"
#include "absl/types/optional.h"
#include "common/scene/scene.h"
#include "envserver/bullet/body_model.h"

namespace armature {

// Position or velocity control of one joint. The motor drives the joint's velocity to
//   kp (position - q) / dt + v + kd (velocity - v)
// where v is the current velocity, with an impulse of at most force_max x dt.
struct MotorTarget {
  double position = 0;  // Clamped to the joint's limits.
  double velocity = 0;
  double kp = 0;
  double kd = 1;
  double force_max = 0;
};

// In the world's frame, at the link's centre of mass.
struct HeldForce {
  btVector3 force = btVector3(0, 0, 0);
  btVector3 torque = btVector3(0, 0, 0);
};

// What an episode can change of a body, by link: the base first, then the others in order.
struct BodyProperties {
  std::vector<double> mass;
  std::vector<btVector3> inertia;
  std::vector<ContactMaterial> material;
  std::vector<absl::optional<Colour>> colour;  // Absent: the model's.
  std::array<double, 3> size = {0, 0, 0};      // Of primitives; see Body::SetSize.
  int collision_group = 1;
  int collision_mask = -1;
};

bool operator==(const BodyProperties& a, const BodyProperties& b);

struct BodyState {
  btVector3 base_position = btVector3(0, 0, 0);  // Of the base's centre of mass.
  // From the base's inertial frame to the world's.
  btQuaternion base_rotation = btQuaternion::getIdentity();
  btVector3 base_linear_velocity = btVector3(0, 0, 0);  // Of the centre of mass.
  btVector3 base_angular_velocity = btVector3(0, 0, 0);
  std::vector<double> joint_position;  // [dofs]
  std::vector<double> joint_velocity;  // [dofs]
  std::vector<MotorTarget> motor;      // [dofs]; empty: no motors.
  std::vector<double> motor_impulse;   // [dofs]; of the last step; empty: no motors.
  std::vector<HeldForce> held;         // [1 + links]; empty: none.
  // Forces added since the last step: joints, then links.  Empty: none.
  std::vector<double> added_joint_force;    // [dofs]
  std::vector<HeldForce> added;             // [1 + links]
  absl::optional<btTransform> move_target;  // Of a kinematic body.
  // Poses of the links' inertial frames that lag behind the joints (Body::LaggedLinkPose), the base
  // left out.  [links]; empty: they agree.
  std::vector<btTransform> lagged_pose;
  std::shared_ptr<const BodyProperties> properties;  // Never null; shared between states.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_BODY_STATE_H_

// Poses of the links of a body with a fixed base, and the forces on its joints, for steps without
// contacts. The same as Bullet's btMultiBody computes.
//
// Method: recursive Newton-Euler, with Bullet's damping of each link's motion (Featherstone, Rigid
// Body Dynamics Algorithms, 2008, 5.3). World coordinates throughout.
//
// Call order: UpdatePoses when positions have changed, then the others.
// Thread safety: none, like the body's world. Allocation: none after creation.
// Units: m, kg, rad, s, N (N.m for revolute joints).
#ifndef ARMATURE_ENVSERVER_BULLET_ARM_DYNAMICS_H_
#define ARMATURE_ENVSERVER_BULLET_ARM_DYNAMICS_H_

#include <array>
#include <vector>

#include "BulletDynamics/Featherstone/btMultiBody.h"
#include "absl/types/span.h"

namespace armature {

class ArmDynamics {
 public:
  // `body` must be finalized, outlive this, and have a fixed base and joints of at most one DoF.
  explicit ArmDynamics(const btMultiBody* body);

  // Reads the base's pose and the joints' positions.
  void UpdatePoses();
  // Of the link's centre of mass and inertial frame.
  const btTransform& pose(int link) const { return motions_[link].pose; }

  // Gets the forces that act on the joints at their present velocities: gravity, what has been
  // added to links and joints, Coriolis forces and damping.  [dofs]
  void GetForces(const btVector3& gravity, absl::Span<double> forces);

  // Velocity of a link's point along `axis`, or of the link turning about it, = jacobian x joint
  // velocities.  [dofs]
  void Jacobian(int link, const btVector3& point, const btVector3& axis, bool turns,
                double* jacobian) const;

 private:
  struct Link {
    int parent;
    int dof;  // -1: fixed to its parent.
    bool turns;
    // Rotation in the parent's frame: parts[0] + cos q parts[1] + sin q parts[2].
    std::array<btMatrix3x3, 3> parts;
    btVector3 axis;       // In the link's frame.
    btVector3 pivot;      // Of the joint, in the parent's frame.
    btVector3 to_centre;  // From the joint at zero, in the link's frame.
  };
  struct Motion {
    btTransform pose;
    btVector3 axis;
    btVector3 pivot;
    btVector3 angular_velocity;
    btVector3 velocity;
    btVector3 angular_acceleration;
    btVector3 acceleration;
    btVector3 force;   // Of the subtree.
    btVector3 moment;  // Of the subtree, about the world's origin.
  };
  void Accelerate(int link);
  void AddOwnForces(int link, const btVector3& gravity);

  const btMultiBody* body_;
  std::vector<Link> links_;
  std::vector<Motion> motions_;  // [links]
  Motion base_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_ARM_DYNAMICS_H_

// Poses, velocities and dynamics of a body's links at its present joint positions and velocities,
// in world coordinates. Computed when asked for, once a change; never disturbs the body.
//
// Inverse dynamics is the recursive Newton-Euler algorithm (Featherstone, Rigid Body Dynamics
// Algorithms, 2008, 5.3); a column of the mass matrix is the force of a unit acceleration at rest.
// Velocities and forces of the whole body: see Body. Those of a free base are at the point
// `base_origin`.
// Thread safety: none, like the body's world.
#ifndef ARMATURE_ENVSERVER_BULLET_BODY_DYNAMICS_H_
#define ARMATURE_ENVSERVER_BULLET_BODY_DYNAMICS_H_

#include <vector>

#include "BulletDynamics/Featherstone/btMultiBody.h"
#include "absl/types/span.h"

namespace armature {

class BodyDynamics {
 public:
  // `body` must be finalized, outlive this, and have joints of at most one DoF.
  explicit BodyDynamics(const btMultiBody* body);

  // Call it when positions or velocities have changed.
  void Invalidate() { is_valid_ = false; }

  // Of the centre of mass and the inertial frame of `link` (-1: the base).
  const btTransform& pose(int link);
  const btVector3& velocity(int link);
  const btVector3& angular_velocity(int link);

  void Jacobian(int link, const btVector3& point, const btVector3& base_origin,
                absl::Span<double> jacobian);
  void MassMatrix(const btVector3& base_origin, absl::Span<double> matrix);
  // `moving`: whether the present velocities count; otherwise as at rest.
  void InverseDynamics(absl::Span<const double> acceleration, bool moving, const btVector3& gravity,
                       const btVector3& base_origin, absl::Span<double> force);
  // As InverseDynamics at rest, with no acceleration.
  void GravityForces(const btVector3& gravity, const btVector3& base_origin,
                     absl::Span<double> force);
  int num_velocities() const { return base_velocities_ + body_->getNumDofs(); }

 private:
  struct LinkMotion {
    btTransform pose;  // Of the inertial frame.
    btVector3 velocity;
    btVector3 angular_velocity;
    btVector3 axis;    // Of its joint; zero if fixed.
    btVector3 origin;  // Of its joint.
    // Used by InverseDynamics only.
    btVector3 acceleration;
    btVector3 angular_acceleration;
    btVector3 force;   // Of the subtree.
    btVector3 moment;  // Of the subtree, about the world's origin.
  };
  void Update();
  void UpdateLink(int link);
  void Accelerate(int link, double joint_acceleration, bool moving);
  LinkMotion& motion(int link) { return motions_[link + 1]; }

  const btMultiBody* body_;
  int base_velocities_;  // 6, or 0 if the base is fixed.
  bool is_valid_ = false;
  std::vector<LinkMotion> motions_;  // [1 + links], the base first.
  std::vector<btQuaternion> world_to_link_;
  std::vector<double> unit_;    // [num_velocities]; zero between calls.
  std::vector<double> column_;  // [num_velocities]
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_BODY_DYNAMICS_H_

// The inverse of a fixed-base body's joint-space inertia matrix M(q). Column j holds the changes of
// all joint velocities caused by a unit impulse at joint j.
//
// Computes M by the composite-rigid-body method, in world coordinates:
//   M_ij = s_i . (momentum of the subtree of joint j when joint j moves at unit speed)
// for i = j and i above j (Featherstone, Rigid Body Dynamics Algorithms, 2008, 6.2). Bullet's
// calcAccelerationDeltasMultiDof gives the same, one column per call.
//
// Thread safety: none, like the body's world.
#ifndef ARMATURE_ENVSERVER_BULLET_JOINT_SPACE_INERTIA_H_
#define ARMATURE_ENVSERVER_BULLET_JOINT_SPACE_INERTIA_H_

#include <vector>

#include "BulletDynamics/Featherstone/btMultiBody.h"
#include "Eigen/Core"

namespace armature {

class JointSpaceInertia {
 public:
  // `body` must be finalized, outlive this, and have a fixed base and joints of at most one DoF.
  explicit JointSpaceInertia(const btMultiBody* body);

  // Call it when positions, and so link poses, have changed.
  void Invalidate() { is_valid_ = false; }

  // Returns column `dof` of M^-1.  [dofs]
  const double* InverseColumn(int dof);

 private:
  // Mass, first moment and inertia about the world's origin.
  struct Composite {
    double mass;
    btVector3 moment;
    btMatrix3x3 inertia;
  };
  struct Joint {
    int link;
    int parent;  // Next moving joint towards the base, or -1.
  };
  void Compute();
  void Invert();

  const btMultiBody* body_;
  bool is_valid_ = false;
  std::vector<Joint> joints_;          // [dofs]
  std::vector<Composite> composites_;  // [links]
  std::vector<btVector3> axes_;        // [dofs]
  std::vector<btVector3> origins_;     // [dofs]
  // First M, then its inverse; columns are filled up with zeros to a multiple of four.  [.., dofs]
  Eigen::MatrixXd inverse_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_JOINT_SPACE_INERTIA_H_

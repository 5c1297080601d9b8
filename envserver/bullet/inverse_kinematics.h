// Inverse kinematics by damped least squares, from start joints towards a target pose:
//   dq = (J'J + damping I)^-1 J'e,  e = (position error, rotation error)  [6]
// (Buss, "Introduction to Inverse Kinematics with Jacobian Transpose, Pseudoinverse and Damped
// Least Squares Methods", 2004, as in Bullet's Python bindings.) With the default damping it stops
// short of the target; the tasks that use it rely on that. Ignores joint limits.
//
// Thread safety: const after creation.
// Units: m, rad.
#ifndef ARMATURE_ENVSERVER_BULLET_INVERSE_KINEMATICS_H_
#define ARMATURE_ENVSERVER_BULLET_INVERSE_KINEMATICS_H_

#include <memory>
#include <vector>

#include "LinearMath/btTransform.h"
#include "absl/types/span.h"
#include "envserver/bullet/body_model.h"

namespace armature {

struct InverseKinematicsOptions {
  int iterations_max = 20;
  double position_tolerance_m = 1e-4;  // Stops at an error of at most this.
  double damping = 0.5;
  double step_max_rad = SIMD_PI / 4;  // Bound of the largest joint change in an iteration.
};

class InverseKinematics {
 public:
  // For `link` of a body (not the base).
  InverseKinematics(std::shared_ptr<const BodyModel> model, int link,
                    const InverseKinematicsOptions& options);

  // Solves for `target`, the pose of the link's frame in the base's frame. `joints`, [dofs of the
  // body], holds the start and receives the solution. DoFs that do not move the link keep their
  // values.
  void Solve(const btTransform& target, absl::Span<double> joints) const;

  // Returns the pose of the link's frame in the base's frame.
  btTransform ForwardKinematics(absl::Span<const double> joints) const;

 private:
  struct ChainJoint {
    btTransform parent_to_joint;  // Includes the fixed joints before it.
    JointType type;
    btVector3 axis;
    int dof;
  };
  static btTransform JointMotion(const ChainJoint& joint, double position);

  InverseKinematicsOptions options_;
  std::vector<ChainJoint> chain_;  // Ordered from the base.
  btTransform tip_;                // Link frame in the last joint's frame.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_INVERSE_KINEMATICS_H_

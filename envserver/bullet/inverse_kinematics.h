// Inverse kinematics by damped least squares, from a start towards a pose:
//   dq = (J'J + damping I)^-1 J'e,  e = (position error, rotation error)  [6]
// (Buss, "Introduction to Inverse Kinematics with Jacobian Transpose, Pseudoinverse
// and Damped Least Squares Methods", 2004, as Bullet's Python bindings apply it.)
// With the default damping it stops short of its target, which is part of the tasks
// that use it. Joint limits are not looked at.
//
// Thread safety: const after it is made.
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
  double position_tolerance_m = 1e-4;  // Stops at an error no larger.
  double damping = 0.5;
  double step_max_rad = SIMD_PI / 4;  // Of the largest joint change an iteration.
};

class InverseKinematics {
 public:
  // For a body's `link` (not the base).
  InverseKinematics(std::shared_ptr<const BodyModel> model, int link,
                    const InverseKinematicsOptions& options);

  // `target` is the wanted pose of the link's frame in the base's frame. `joints`,
  // [dofs of the body], holds the start and receives the solution; DoFs that do not
  // move the link keep their start.
  void Solve(const btTransform& target, absl::Span<double> joints) const;

  // The pose of the link's frame in the base's frame.
  btTransform ForwardKinematics(absl::Span<const double> joints) const;

 private:
  struct ChainJoint {
    btTransform parent_to_joint;  // Fixed joints before it are folded in.
    JointType type;
    btVector3 axis;
    int dof;
  };
  static btTransform JointMotion(const ChainJoint& joint, double position);

  InverseKinematicsOptions options_;
  std::vector<ChainJoint> chain_;  // From the base.
  btTransform tip_;                // The link's frame in the last joint's.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_INVERSE_KINEMATICS_H_

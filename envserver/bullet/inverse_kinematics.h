// Inverse kinematics by damped least squares, from start joints towards a target pose:
//   dq = (J'J + damping I)^-1 J'e,  e = (position error, rotation error)  [6]
// (Buss, "Introduction to Inverse Kinematics with Jacobian Transpose, Pseudoinverse and Damped
// Least Squares Methods", 2004, as in Bullet's Python bindings.) With the default damping it stops
// short of the target; the tasks that use it rely on that. Ignores joint limits.
//
// Cost: about 0.6 us an iteration for seven joints; nothing is allocated.
// Thread safety: const after creation.
// Units: m, rad.
#ifndef ARMATURE_ENVSERVER_BULLET_INVERSE_KINEMATICS_H_
#define ARMATURE_ENVSERVER_BULLET_INVERSE_KINEMATICS_H_

#include <memory>
#include <vector>

#include "Eigen/Core"
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
  using Matrix3 = Eigen::Matrix3d;
  using Vector3 = Eigen::Vector3d;

  // Frames of the chain are turned so that each joint's axis is z. Their constant parts are
  // computed once: a joint then costs one product of matrices and one sine and cosine.
  struct ChainJoint {
    Matrix3 rotation;  // From the frame after the joint before it.
    Vector3 origin;    // In the frame after the joint before it.
    JointType type;
    int dof;
  };
  struct Frame {
    Matrix3 rotation;
    Vector3 origin;
  };
  // Moves `frame`, that after the joint before it, through `joint` at `position`.
  static void Advance(const ChainJoint& joint, double position, Frame* frame);

  InverseKinematicsOptions options_;
  std::vector<ChainJoint> chain_;  // Ordered from the base.
  Frame tip_;                      // Link frame in the frame after the last joint.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_INVERSE_KINEMATICS_H_

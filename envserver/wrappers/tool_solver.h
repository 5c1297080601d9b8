// What wrappers need to know of an arm beside Env::arm: which components of an action move it,
// where its tool is, and which joints would take the tool elsewhere.
//
// Errors: WrapperError from the constructors.
// Cost: an iteration takes about 1 us; nothing is allocated.
// Thread safety: none, like the arm's environment, which must outlive them.
// Units: m, rad; poses in the world's frame.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_TOOL_SOLVER_H_
#define ARMATURE_ENVSERVER_WRAPPERS_TOOL_SOLVER_H_

#include <cstdint>
#include <vector>

#include "LinearMath/btTransform.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "common/spec/env_spec.h"
#include "envserver/bullet/inverse_kinematics.h"
#include "envserver/env/arm_actions.h"
#include "envserver/env/env.h"

namespace armature {

// Throws WrapperError if actions of `env` move no arm, as far as it says.
ArmActions& NeedArm(Env& env);

// The components of a Box action that move the arm, and those that do not, e.g. a gripper's.
struct ArmComponents {
  ArmComponents(const ArmActions& arm, const ActionSpec& action);
  std::vector<int> arm;
  std::vector<int> rest;
};

class ToolSolver {
 public:
  // Refuses an arm whose tool is moved by joints that actions do not move.
  ToolSolver(const ArmActions* arm, int iterations_max);

  // The tool's pose with the arm's joints where they are, and at `joints` [dofs of ArmActions].
  btTransform Pose() const;
  btTransform Pose(absl::Span<const double> joints) const;

  // Looks for joints, within their limits, that bring the tool's origin to `position`, from where
  // the joints are; with `rotation`, turned so, without it, turned as little as that takes.
  // `joints` [dofs] receives the nearest that it found. Returns the error: the larger of that of
  // the position, m, and that of the rotation asked for, rad.
  double Solve(const btVector3& position, const absl::optional<btQuaternion>& rotation,
               absl::Span<double> joints) const;

  // The joints' positions now.  [dofs]
  void Joints(absl::Span<double> joints) const;

 private:
  const ArmActions& arm_;
  const int iterations_max_;
  InverseKinematics kinematics_;     // One iteration a call.
  mutable std::vector<double> all_;  // Scratch.  [dofs of the body]
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_TOOL_SOLVER_H_

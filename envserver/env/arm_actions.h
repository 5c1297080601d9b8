// What wrappers know of the arm that actions move: how an action and joint positions go together.
//
// Joint positions are in radians, in the order of dofs().
// Thread safety: none, like its environment.
#ifndef ARMATURE_ENVSERVER_ENV_ARM_ACTIONS_H_
#define ARMATURE_ENVSERVER_ENV_ARM_ACTIONS_H_

#include "absl/types/span.h"

namespace armature {

class Body;

class ArmActions {
 public:
  virtual ~ArmActions() = default;

  virtual Body& body() = 0;
  // DoFs of the body that actions move.
  virtual absl::Span<const int> dofs() const = 0;
  virtual int tool_link() const = 0;
  // Where `action` sends the joints, from where they are now.  [dofs().size()]
  virtual void JointGoal(absl::Span<const float> action, absl::Span<double> goal) const = 0;
  // Changes in `action` what moves the joints, to send them as near to `goal` as it can from where
  // they are now; leaves the rest, e.g. a gripper's.
  virtual void SetJointGoal(absl::Span<const double> goal, absl::Span<float> action) const = 0;
  // Whether the environment has a script that does its task, and what it would do now.
  virtual bool has_script() const { return false; }
  virtual void ScriptedAction(absl::Span<float> action) { (void)action; }
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_ENV_ARM_ACTIONS_H_

// The Franka Panda robot of the Panda tasks (as in panda-gym v3): a fixed arm with seven joints and
// a two-finger gripper, added to a world.
//
// Facts: base at (-0.6, 0, 0); neutral q (0, .41, 0, -1.85, 0, 2.26, .79, 0, 0); motor forces 87 x
// 4, 12, 120, 120, 170, 170 N.m (upstream's unusual order, kept).
// Actions are in [-1, 1]. kEndEffector: 3 displacements in units of 0.05 m, with the gripper held
// pointing down. kJoints: 7 changes in units of 0.05 rad. Then, unless the gripper is blocked, the
// change of its width in units of 0.2 m. Motor targets are computed once per control step.
// For wrappers it is ArmActions of its seven joints; the tool is the point between the fingers.
// Thread safety: none, like its world.
#ifndef ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_ARM_H_
#define ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_ARM_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/body_model.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/inverse_kinematics.h"
#include "envserver/env/arm_actions.h"

namespace armature {

enum class PandaControl { kEndEffector, kJoints };

// Returns NotFound if the model folder is missing; InvalidArgument if it is not the Panda.
absl::StatusOr<std::shared_ptr<const BodyModel>> LoadPandaModel();

class PandaArm : public ArmActions {
 public:
  // Adds the arm in its neutral pose to `world`, which must outlive this. `model` comes from
  // LoadPandaModel.
  PandaArm(std::shared_ptr<const BodyModel> model, PandaControl control, bool block_gripper,
           BulletWorld* world);

  static int ActionSize(PandaControl control, bool block_gripper);

  // Sets the motor targets for the next control step from `action`.
  void Act(absl::Span<const float> action);

  // Joint positions that the motors aim at.  [9]
  absl::Span<const double> joint_targets() const { return targets_; }

  Body& body() override { return *body_; }
  absl::Span<const int> dofs() const override { return dofs_; }
  int tool_link() const override { return ee_link_; }
  void JointGoal(absl::Span<const float> action, absl::Span<double> goal) const override;
  // kEndEffector: towards where `goal` has the end effector.
  void SetJointGoal(absl::Span<const double> goal, absl::Span<float> action) const override;

  btVector3 ee_position() const { return body_->LaggedLinkPose(ee_link_).getOrigin(); }
  btVector3 ee_velocity() { return body_->LaggedLinkVelocity(ee_link_); }
  double finger_width() const;

 private:
  // Writes where `action` sends the joints; the fingers' stay.  [9]
  void ArmTargets(absl::Span<const float> action, absl::Span<double> targets) const;

  PandaControl control_;
  bool block_gripper_;
  Body* body_;
  int ee_link_;
  InverseKinematics inverse_kinematics_;
  btTransform world_to_base_;
  std::vector<int> dofs_;                // Of the arm without its fingers.
  std::vector<double> targets_;          // [9]
  mutable std::vector<double> scratch_;  // [9]
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_ARM_H_

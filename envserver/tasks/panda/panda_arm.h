// The Franka Panda of the Panda tasks (panda-gym v3 semantics): a fixed arm of
// seven joints and a two-finger gripper, in the world that it is added to.
//
// Facts: base at (-0.6, 0, 0); neutral q (0, .41, 0, -1.85, 0, 2.26, .79, 0, 0);
// motor forces 87 x 4, 12, 120, 120, 170, 170 N.m (upstream's odd order, kept).
// Actions, in [-1, 1]: kEndEffector: 3 of 0.05 m, the orientation held down; kJoints:
// 7 of 0.05 rad; then, unless the gripper is blocked, the change of its width in
// 0.2 m. Targets are computed once a control step.
// Thread safety: that of its world.
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

namespace armature {

enum class PandaControl { kEndEffector, kJoints };

// NotFound: no folder of the model; InvalidArgument: it is not the Panda.
absl::StatusOr<std::shared_ptr<const BodyModel>> LoadPandaModel();

class PandaArm {
 public:
  // Adds the arm to `world`, which outlives this, in its neutral pose. `model` is
  // LoadPandaModel's.
  PandaArm(std::shared_ptr<const BodyModel> model, PandaControl control, bool block_gripper,
           BulletWorld* world);

  static int ActionSize(PandaControl control, bool block_gripper);

  // Sets the motors' targets for the coming control step from `action`.
  void Act(absl::Span<const float> action);

  // The joint positions that the motors are driven to.  [9]
  absl::Span<const double> joint_targets() const { return targets_; }

  btVector3 ee_position() const { return body_->link_pose(ee_link_).getOrigin(); }
  btVector3 ee_velocity() { return body_->LinkVelocity(ee_link_); }
  double finger_width() const;

 private:
  PandaControl control_;
  bool block_gripper_;
  Body* body_;
  int ee_link_;
  InverseKinematics inverse_kinematics_;
  btTransform world_to_base_;
  std::vector<double> targets_;  // [9]
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_ARM_H_

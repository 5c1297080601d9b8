// What the Panda tasks have in common (as in panda-gym v3): robot, table and floor, observation and
// goal. A task adds its objects and says where they and the goal are.
//
// Facts: physics step 1/500 s, 20 per control step. Observation: `observation` = end effector
// position (3), its velocity (3), finger width (1) unless the gripper is blocked, then the task's
// objects (panda_objects.h); `achieved_goal`; `desired_goal`. Reward, where d is the distance of
// the goals: sparse, -1 if d > threshold, else 0; dense, -d. Success: d < threshold. With
// terminate_on_success (panda-gym v3) an episode ends at the first success; without it (v2) only at
// the horizon.
// Differs: upstream declares all bounds as +-10, which the velocities of its objects exceed; here
// those have none.
// Thread safety, determinism: see Task.
#ifndef ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_TASK_H_
#define ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_TASK_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/config/config.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"
#include "envserver/tasks/panda/panda_arm.h"
#include "envserver/tasks/panda/panda_objects.h"

namespace armature {

struct PandaConfig {
  std::string control_type = "ee";
  std::string reward_type = "sparse";
  bool terminate_on_success = true;

  void Visit(ConfigVisitor& v) {
    v.Field("control_type", control_type, "What an action moves.", OneOf({"ee", "joints"}));
    v.Field("reward_type", reward_type, "Sparse: -1 until success; dense: minus the distance.",
            OneOf({"sparse", "dense"}));
    v.Field("terminate_on_success", terminate_on_success,
            "Whether success ends the episode (panda-gym v3) or not (v2).");
  }
};

struct PandaTaskFacts {
  ObjectRotation object_rotation = ObjectRotation::kEuler;
  int goal_size = 3;
  double goal_distance_max = 0;  // 0: that of two points within the bounds.
  bool block_gripper = true;
  double distance_threshold = 0.05;  // m, if the goal is made of points.
  int horizon = 50;                  // Control steps.
  double table_length_m = 1.1;
  double table_x_m = -0.3;
};

class PandaTask : public Task {
 public:
  using Config = PandaConfig;
  PandaTask(const PandaConfig& config, const PandaTaskFacts& facts);

  void Build(TaskBuilder& task) override;
  void Reset() override { PlaceObjects(absl::MakeSpan(desired_goal_)); }
  void Act(absl::Span<const float> action) override { arm_->Act(action); }
  void Observe(ObservationWriter& out) override;
  GoalOutcome GoalReward(const GoalPair& goal) const override;
  void Keep(StateArchive& state) override { state.Keep(desired_goal_); }
  ArmActions* arm() override { return &*arm_; }

  PandaArm& panda() { return *arm_; }

 protected:
  // Called once, after robot, table and floor have been added. Calls Observed for each object.
  virtual void AddObjects(TaskBuilder& task) { (void)task; }
  // The object is observed, after those before it. Returns it.
  Body* Observed(Body* object);
  // Begins an episode: places the objects and writes the goal.  [goal_size]
  virtual void PlaceObjects(absl::Span<float> desired_goal) = 0;
  // [goal_size]; the default one writes where the objects are.
  virtual void AchievedGoal(absl::Span<float> achieved_goal);
  // Of two goals; the default one takes them for points.
  virtual double GoalDistance(absl::Span<const float> achieved,
                              absl::Span<const float> desired) const;

  absl::Span<const float> desired_goal() const { return desired_goal_; }

 private:
  bool IsSparse() const { return config_.reward_type == "sparse"; }

  const PandaConfig config_;
  const PandaTaskFacts facts_;
  std::optional<PandaArm> arm_;
  std::vector<Body*> objects_;  // Observed; owned by the world.
  Field observation_, achieved_, desired_;
  std::vector<float> desired_goal_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_PANDA_PANDA_TASK_H_

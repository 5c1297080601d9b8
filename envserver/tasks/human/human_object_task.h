// What the tasks with a human and an object have in common: the Schunk with its gripper over the
// table, the object, whether it is gripped, and a script that brings it to the goal.
//
// Facts: an episode has 200 control steps, and begins with the tool over the table, looking down,
// the fingers open. The object is gripped if both fingers touch it. The human does not touch it.
// Observation, after `human`: `tool` (3), `joint_position` (6), `gripper` (1, m between the
// fingers), `object_gripped` (1), `object` (3, from the tool to where it is to grip).
// Metrics, beside those of HumanArmTask: `object_gripped`, control steps.
// Thread safety, determinism: see Task.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_OBJECT_TASK_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_OBJECT_TASK_H_

#include <vector>

#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "common/config/config.h"
#include "envserver/bullet/inverse_kinematics.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"
#include "envserver/tasks/human/grasp_script.h"
#include "envserver/tasks/human/human_goal_task.h"

namespace armature {

struct HumanObjectConfig : HumanGoalConfig {
  double task_reward = 1;
  double object_gripped_reward = -1;

  void Visit(ConfigVisitor& v);
};

// A box that the gripper can hold.
struct HumanObject {
  const char* name = "";
  btVector3 size_m;
  double mass_kg = 0;
  btVector3 place_m;  // In the scene as it is first seen.
  Colour colour = {};
};

class HumanObjectTask : public HumanGoalTask {
 public:
  // A goal is reached within this distance, m.
  HumanObjectTask(const HumanObjectConfig& config, const HumanObject& object, double within);

  bool has_script() const final { return true; }
  void ScriptedAction(absl::Span<float> action) final;

 protected:
  virtual btVector3 GripPoint() const = 0;  // Where the tool is to grip the object.
  // The point of the object that is to be at the goal; and the goal.
  virtual btVector3 ObjectPoint() const = 0;
  virtual btVector3 GoalPoint() const = 0;
  // What the script does now; NextGraspMove, but where a task knows better.
  virtual GraspMove ScriptedMove(const GraspScene& scene) { return NextGraspMove(scene); }
  // Looks at where things are, once the control step's physics is over.
  virtual void LookMore() {}
  virtual void KeepObject(StateArchive& state) = 0;

  Body& object() { return *object_; }
  const Body& object() const { return *object_; }
  // Puts it there, unturned and at rest.
  void PlaceObject(const btVector3& position);

  ArmSetup AddScene(TaskBuilder& task) final;
  void AddFields(TaskBuilder& task) override;
  void ObserveMore(ObservationWriter& out) override;
  void Look() final;
  void Achieved(absl::Span<double> out) const final;
  void Desired(absl::Span<double> out) const final;
  btVector3 GoalPlace() const final { return GoalPoint(); }
  const Body* Held() const override { return object_; }
  bool is_gripped() const final { return is_gripped_; }
  double tool_distance() const final { return (GripPoint() - tool_position()).length(); }
  bool IsAllowed(int body_id) const final { return body_id == object_->id(); }
  void ReportMore(MetricValues& out) final;
  void KeepMore(StateArchive& state) final;

 private:
  const HumanObject facts_;
  Body* arm_ = nullptr;
  Body* object_ = nullptr;
  absl::optional<InverseKinematics> kinematics_;
  Field tool_, joints_, gripper_, gripped_, object_way_;
  Metric gripped_metric_;
  std::vector<double> scripted_;  // Scratch.  [DoFs]
  bool is_gripped_ = false;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_OBJECT_TASK_H_

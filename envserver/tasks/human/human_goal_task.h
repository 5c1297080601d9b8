// What the tasks with a human have in common that bring something to goals: joints, the tool, or an
// object. A task says where it is, where it should be, and draws the goals.
//
// Observation: `human` (12), the task's own fields, `goal_difference`; with goal_conditioned,
// `achieved_goal` and `desired_goal` in its place.
// Reward, times reward_scale, by term: `goal`, reached_reward in a step that has reached the goal
// and -1 in others; `gripped`, of tasks with an object, gripped_reward + 1 where it is gripped and
// not there; `shaping`, 1 - 0.1 x (distance + 0.2 x the tool's from the object); `collision`,
// collision_reward in a step with an illegal one; `intervention`.
// With goal_conditioned, the same of the goal pair given, so hindsight's too; collisions,
// interventions, grip and the tool's distance are of the step.
// A goal that is reached gives way to the next with the next action, unless the task says later.
// Thread safety, determinism: see Task.
#ifndef ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_GOAL_TASK_H_
#define ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_GOAL_TASK_H_

#include <vector>

#include "absl/types/span.h"
#include "common/config/config.h"
#include "common/scene/scene.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"
#include "envserver/tasks/human/human_arm_task.h"

namespace armature {

inline constexpr Colour kGoalColour = {0.2, 0.75, 0.35, 0.6};

struct HumanGoalConfig {
  HumanArmConfig arm;
  bool goal_conditioned = false;
  bool shaping = false;
  double reward_scale = 1;
  double collision_reward = 0;
  double intervention_reward = 0;
  bool done_at_success = false;
  bool done_at_collision = false;

  void Visit(ConfigVisitor& v);
};

struct HumanGoalFacts {
  int size = 3;       // Of a goal.
  double within = 0;  // At this distance, a norm, it is reached.
  double reached_reward = 0;
  bool has_object = false;
  double gripped_reward = -1;
};

class HumanGoalTask : public HumanArmTask {
 public:
  HumanGoalTask(const HumanGoalConfig& config, const HumanGoalFacts& facts)
      : HumanArmTask(config.arm), config_(config), facts_(facts) {}

  void Build(TaskBuilder& task) final;
  void Observe(ObservationWriter& out) final;
  void Reward(RewardTerms& out) final;
  GoalOutcome GoalReward(const GoalPair& pair) const final;
  void WriteGoalExtra(absl::Span<float> extra) final;
  bool Success() final { return goals_reached_ > 0; }
  void Show(MarkerPoses& out) final;

 protected:
  // For Build: adds the arm, its scene, and what else the task has in it.
  virtual ArmSetup AddScene(TaskBuilder& task) = 0;
  virtual void AddFields(TaskBuilder& task) { (void)task; }
  virtual void ObserveMore(ObservationWriter& out) { (void)out; }

  // Begins an episode, with its first goal.
  virtual void FirstGoal() = 0;
  virtual void NextGoal() = 0;
  // Looks at where things are, once the control step's physics is over; before Achieved.
  virtual void Look() {}
  virtual bool IsGoalOver() const { return true; }          // Of one that has been reached.
  virtual void Achieved(absl::Span<double> out) const = 0;  // [facts.size]
  virtual void Desired(absl::Span<double> out) const = 0;   // [facts.size]
  virtual btVector3 GoalPlace() const = 0;                  // For viewers.
  // Of tasks with an object.
  virtual bool is_gripped() const { return false; }
  virtual double tool_distance() const { return 0; }
  virtual void KeepMore(StateArchive& state) = 0;

  bool is_reached() const { return reached_; }  // In the last control step.
  double distance() const { return distance_; }

  void BeginEpisode() final;
  void BeginStep() final;
  void EndStep() final;
  Termination Ending() final;
  int goals_reached() const final { return goals_reached_; }
  void KeepGoal(StateArchive& state) final;

 private:
  // Of a step; the same for its goal pair.
  struct Step {
    double distance = 0;
    bool is_reached = false;
    bool is_gripped = false;
    double tool_distance = 0;
  };
  double GoalTerm(const Step& step) const;
  double GrippedTerm(const Step& step) const;
  double ShapingTerm(const Step& step) const;

  void AddGoalFields(TaskBuilder& task);
  void AddRewards(TaskBuilder& task);
  double Distance();

  const HumanGoalConfig config_;
  const HumanGoalFacts facts_;
  Field human_, difference_, achieved_, desired_;
  RewardTerm goal_term_, gripped_term_, shaping_term_, collision_term_, intervention_term_;
  Termination success_end_, collision_end_;
  Marker marker_;
  std::vector<double> at_, goal_;  // Scratch.  [facts.size]

  int goals_reached_ = 0;
  bool reached_ = false;
  double distance_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_HUMAN_HUMAN_GOAL_TASK_H_

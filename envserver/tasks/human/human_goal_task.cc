#include "envserver/tasks/human/human_goal_task.h"

#include <cmath>

namespace armature {
namespace {

constexpr double kPerDistance = -0.1;
constexpr double kToolShare = 0.2;

}  // namespace

void HumanGoalConfig::Visit(ConfigVisitor& v) {
  arm.Visit(v);
  v.Field("goal_conditioned", goal_conditioned,
          "Whether goals are fields of their own, for hindsight replay.");
  v.Field("shaping", shaping, "Whether the distance counts: 1 - 0.1 x distance more.");
  v.Field("reward_scale", reward_scale, "Factor of the reward.");
  v.Field("collision_reward", collision_reward, "Of a step with an illegal collision.");
  v.Field("intervention_reward", intervention_reward,
          "Of a step in which the shield steps in, goal_conditioned alone; otherwise it is "
          "reward.intervention.");
  v.Field("done_at_success", done_at_success, "Whether the first goal ends the episode.");
  v.Field("done_at_collision", done_at_collision,
          "Whether an illegal collision ends it; not with goal_conditioned.");
}

void HumanGoalTask::Build(TaskBuilder& task) {
  if (config_.goal_conditioned && config_.done_at_collision) {
    throw TaskError(
        "done_at_collision cannot be with goal_conditioned: a goal pair does not "
        "know of it");
  }
  AddArmAndHuman(task, AddScene(task));
  task.SetAction(action_size(), -1, 1);
  at_.resize(facts_.size);
  goal_.resize(facts_.size);
  human_ = task.AddField("human", 12);
  AddFields(task);
  if (config_.goal_conditioned) {
    AddGoalFields(task);
  } else {
    difference_ = task.AddField("goal_difference", facts_.size);
    AddRewards(task);
    task.ReportsSuccess();
  }
  SceneShape ball;
  ball.kind = SceneShape::Kind::kSphere;
  ball.size = {0.03, 0, 0};
  ball.colour = kGoalColour;
  marker_ = task.AddMarker("goal", ball);
}

void HumanGoalTask::AddGoalFields(TaskBuilder& task) {
  achieved_ = task.AddField("achieved_goal", facts_.size);
  desired_ = task.AddField("desired_goal", facts_.size);
  GoalOptions options;
  options.terminate_on_success = config_.done_at_success;
  task.SetGoal(achieved_, desired_, options);
  task.AddGoalExtra("collision", 1);
  task.AddGoalExtra("intervention", 1);
  if (!facts_.has_object) return;
  task.AddGoalExtra("object_gripped", 1);
  task.AddGoalExtra("tool_distance", 1);
}

void HumanGoalTask::AddRewards(TaskBuilder& task) {
  const double scale = config_.reward_scale;
  goal_term_ = task.AddReward("goal", scale);
  if (facts_.has_object) gripped_term_ = task.AddReward("gripped", scale);
  shaping_term_ = task.AddReward("shaping", config_.shaping ? scale : 0);
  collision_term_ = task.AddReward("collision", scale * config_.collision_reward);
  intervention_term_ = task.AddReward("intervention", 0);
  if (config_.done_at_success) success_end_ = task.AddTermination("success");
  if (config_.done_at_collision) collision_end_ = task.AddTermination("collision");
}

void HumanGoalTask::Observe(ObservationWriter& out) {
  ObserveHuman(out[human_]);
  ObserveMore(out);
  Achieved(absl::MakeSpan(at_));
  Desired(absl::MakeSpan(goal_));
  if (config_.goal_conditioned) {
    out.Write(achieved_, at_);
    out.Write(desired_, goal_);
    return;
  }
  const absl::Span<float> difference = out[difference_];
  for (int i = 0; i < facts_.size; ++i) difference[i] = static_cast<float>(goal_[i] - at_[i]);
}

double HumanGoalTask::GoalTerm(const Step& step) const {
  return step.is_reached ? facts_.reached_reward : -1;
}

double HumanGoalTask::GrippedTerm(const Step& step) const {
  return step.is_gripped && !step.is_reached ? facts_.gripped_reward + 1 : 0;
}

double HumanGoalTask::ShapingTerm(const Step& step) const {
  return 1 + kPerDistance * (step.distance + kToolShare * step.tool_distance);
}

void HumanGoalTask::Reward(RewardTerms& out) {
  const Step step = {distance_, reached_, is_gripped(), tool_distance()};
  out.Add(goal_term_, GoalTerm(step));
  if (facts_.has_object) out.Add(gripped_term_, GrippedTerm(step));
  out.Add(shaping_term_, ShapingTerm(step));
  out.Add(collision_term_, has_collision() ? 1 : 0);
  out.Add(intervention_term_, has_intervened() ? 1 : 0);
}

GoalOutcome HumanGoalTask::GoalReward(const GoalPair& pair) const {
  double square = 0;
  for (int i = 0; i < facts_.size; ++i) {
    const double difference = static_cast<double>(pair.achieved[i]) - pair.desired[i];
    square += difference * difference;
  }
  Step step;
  step.distance = std::sqrt(square);
  step.is_reached = step.distance <= facts_.within;
  if (facts_.has_object) {
    step.is_gripped = pair.extra[2] > 0;
    step.tool_distance = pair.extra[3];
  }
  GoalOutcome outcome;
  outcome.is_success = step.is_reached;
  outcome.reward = GoalTerm(step) + GrippedTerm(step) + (config_.shaping ? ShapingTerm(step) : 0) +
                   config_.collision_reward * pair.extra[0] +
                   config_.intervention_reward * pair.extra[1];
  outcome.reward *= config_.reward_scale;
  return outcome;
}

void HumanGoalTask::WriteGoalExtra(absl::Span<float> extra) {
  extra[0] = has_collision() ? 1 : 0;
  extra[1] = has_intervened() ? 1 : 0;
  if (!facts_.has_object) return;
  extra[2] = is_gripped() ? 1 : 0;
  extra[3] = static_cast<float>(tool_distance());
}

void HumanGoalTask::Show(MarkerPoses& out) {
  HumanArmTask::Show(out);
  out.Place(marker_, GoalPlace());
}

double HumanGoalTask::Distance() {
  Achieved(absl::MakeSpan(at_));
  Desired(absl::MakeSpan(goal_));
  double square = 0;
  for (int i = 0; i < facts_.size; ++i) square += (goal_[i] - at_[i]) * (goal_[i] - at_[i]);
  return std::sqrt(square);
}

void HumanGoalTask::BeginEpisode() {
  goals_reached_ = 0;
  reached_ = false;
  FirstGoal();
  distance_ = Distance();
}

void HumanGoalTask::BeginStep() {
  if (!reached_ || !IsGoalOver()) return;
  NextGoal();
  reached_ = false;
}

void HumanGoalTask::EndStep() {
  const bool was_reached = reached_;
  Look();
  distance_ = Distance();
  reached_ = distance_ <= facts_.within;
  if (reached_ && !was_reached) ++goals_reached_;
}

Termination HumanGoalTask::Ending() {
  if (config_.goal_conditioned) return {};
  if (config_.done_at_success && reached_) return success_end_;
  if (config_.done_at_collision && has_collision()) return collision_end_;
  return {};
}

void HumanGoalTask::KeepGoal(StateArchive& state) {
  state.Keep(goals_reached_);
  state.Keep(reached_);
  state.Keep(distance_);
  KeepMore(state);
}

}  // namespace armature

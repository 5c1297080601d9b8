// Reach, beside a human (human-robot-gym's ReachHuman and ReachHumanCart; and with a Panda).
//
//   human_reach        the Schunk's joints to goals that are anywhere within their limits and free
//                      of the table and of the arm itself; reached within 0.1 rad (norm)
//   human_reach_cart   its tool to points of such, in [0.1, -0.5, 0.8] .. [0.5, 0.5, 1.3]; 0.05 m
//   panda_reach_human  the Panda's to points x, y ~ U(+-0.15), z ~ U(0, 0.3); 0.05 m
// 20 goals are drawn for an episode; one that is reached gives way to the next with the next
// action. Observation: `human` (12), `goal_difference`. Reward, times reward_scale: -1, 0 in a step
// that reaches the goal; with shaping, 1 - 0.1 x the distance more; collision_reward in a step with
// an illegal collision.
// With goal_conditioned: `human`, `achieved_goal` and `desired_goal`. The reward of a goal pair is
// that of the pair given, so hindsight's too (upstream's sparse reward looks at the episode's own
// goal); collisions and interventions are of the step.
// Differs: upstream's arm begins anew at random in some settings; here always in one pose.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "envserver/kit/register_task.h"
#include "envserver/tasks/human/arm_cover.h"
#include "envserver/tasks/human/human_arm_task.h"
#include "envserver/tasks/human/human_arms.h"
#include "envserver/tasks/human/human_tasks.h"

namespace armature {
namespace {

constexpr int kGoals = 20;
constexpr int kGoalTries = 500;
constexpr double kJointsWithin_rad = 0.1;
constexpr double kToolWithin_m = 0.05;
constexpr double kPerDistance = -0.1;
constexpr Colour kGoalColour = {0.2, 0.75, 0.35, 0.6};

struct ReachConfig {
  HumanArmConfig arm;
  bool goal_conditioned = false;
  bool shaping = false;
  double reward_scale = 1;
  double collision_reward = 0;
  double intervention_reward = 0;
  bool done_at_success = false;
  bool done_at_collision = false;

  void Visit(ConfigVisitor& v) {
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
};

enum class Arm { kSchunk, kPanda };
enum class Goal { kJoints, kTool };

class Reach : public HumanArmTask {
 public:
  Reach(const ReachConfig& config, Arm arm, Goal goal)
      : HumanArmTask(config.arm), config_(config), which_(arm), goal_(goal) {}

  void Build(TaskBuilder& task) override {
    if (config_.goal_conditioned && config_.done_at_collision) {
      throw TaskError(
          "done_at_collision cannot be with goal_conditioned: a goal pair does not "
          "know of it");
    }
    ArmSetup setup = which_ == Arm::kSchunk ? AddSchunk(task, kControl_s, kHorizon)
                                            : AddPanda(task, kControl_s, kHorizon);
    body_ = setup.body;
    const int joints = setup.model.num_joints();
    AddArmAndHuman(task, std::move(setup));
    goal_size_ = goal_ == Goal::kJoints ? joints : 3;
    goals_.assign(kGoals, std::vector<double>(goal_size_));
    goal_tools_.assign(kGoals, btVector3(0, 0, 0));
    task.SetAction(joints + (which_ == Arm::kSchunk ? 1 : 0), -1, 1);
    human_ = task.AddField("human", 12);
    if (config_.goal_conditioned) {
      AddGoalFields(task);
    } else {
      difference_ = task.AddField("goal_difference", goal_size_);
      AddRewards(task);
      task.ReportsSuccess();
    }
    SceneShape ball;
    ball.kind = SceneShape::Kind::kSphere;
    ball.size = {0.03, 0, 0};
    ball.colour = kGoalColour;
    marker_ = task.AddMarker("goal", ball);
  }

  void Observe(ObservationWriter& out) override {
    ObserveHuman(out[human_]);
    const std::vector<double> at = Achieved();
    const std::vector<double>& goal = goals_[goal_index_];
    if (config_.goal_conditioned) {
      out.Write(achieved_, at);
      out.Write(desired_, goal);
      return;
    }
    const absl::Span<float> difference = out[difference_];
    for (int i = 0; i < goal_size_; ++i) difference[i] = static_cast<float>(goal[i] - at[i]);
  }

  void Reward(RewardTerms& out) override {
    out.Add(goal_term_, reached_ ? 0 : -1);
    out.Add(shaping_term_, 1 + kPerDistance * distance_);
    out.Add(collision_term_, has_collision() ? 1 : 0);
    out.Add(intervention_term_, has_intervened() ? 1 : 0);
  }

  GoalOutcome GoalReward(const GoalPair& pair) const override {
    double square = 0;
    for (int i = 0; i < goal_size_; ++i) {
      const double difference = static_cast<double>(pair.achieved[i]) - pair.desired[i];
      square += difference * difference;
    }
    const double distance = std::sqrt(square);
    GoalOutcome outcome;
    outcome.is_success = distance <= within();
    outcome.reward = outcome.is_success ? 0 : -1;
    if (config_.shaping) outcome.reward += 1 + kPerDistance * distance;
    outcome.reward +=
        config_.collision_reward * pair.extra[0] + config_.intervention_reward * pair.extra[1];
    outcome.reward *= config_.reward_scale;
    return outcome;
  }

  void WriteGoalExtra(absl::Span<float> extra) override {
    extra[0] = has_collision() ? 1 : 0;
    extra[1] = has_intervened() ? 1 : 0;
  }

  bool Success() override { return goals_reached_ > 0; }

  void Show(MarkerPoses& out) override {
    HumanArmTask::Show(out);
    out.Place(marker_, goal_tools_[goal_index_]);
  }

 protected:
  void BeginEpisode() override {
    for (int i = 0; i < kGoals; ++i) DrawGoal(i);
    goal_index_ = 0;
    goals_reached_ = 0;
    reached_ = false;
    gripper_ = 0;
    distance_ = Distance();
  }

  void ActBeside(absl::Span<const float> rest) override {
    if (which_ == Arm::kSchunk) {
      gripper_ = rest[0];
      MoveSchunkFingers((1 + gripper_) / 2, body_);
    }
    if (which_ == Arm::kPanda) HoldPandaFingers();
    if (reached_) goal_index_ = (goal_index_ + 1) % kGoals;
    reached_ = false;
  }

  void ExecutedBeside(absl::Span<float> out) override {
    if (which_ == Arm::kSchunk) out[0] = gripper_;
  }

  void EndStep() override {
    distance_ = Distance();
    reached_ = distance_ <= within();
    if (reached_) ++goals_reached_;
  }

  Termination Ending() override {
    if (config_.goal_conditioned) return {};
    if (config_.done_at_success && reached_) return success_end_;
    if (config_.done_at_collision && has_collision()) return collision_end_;
    return {};
  }

  int goals_reached() const override { return goals_reached_; }

  void KeepGoal(StateArchive& state) override {
    state.Keep(goals_);
    state.Keep(goal_tools_);
    state.Keep(goal_index_);
    state.Keep(goals_reached_);
    state.Keep(reached_);
    state.Keep(distance_);
    state.Keep(gripper_);
    state.Check(goal_index_ >= 0 && goal_index_ < kGoals);
  }

 private:
  double within() const { return goal_ == Goal::kJoints ? kJointsWithin_rad : kToolWithin_m; }

  void AddGoalFields(TaskBuilder& task) {
    achieved_ = task.AddField("achieved_goal", goal_size_);
    desired_ = task.AddField("desired_goal", goal_size_);
    GoalOptions options;
    options.terminate_on_success = config_.done_at_success;
    task.SetGoal(achieved_, desired_, options);
    task.AddGoalExtra("collision", 1);
    task.AddGoalExtra("intervention", 1);
  }

  void AddRewards(TaskBuilder& task) {
    const double scale = config_.reward_scale;
    goal_term_ = task.AddReward("goal", scale);
    shaping_term_ = task.AddReward("shaping", config_.shaping ? scale : 0);
    collision_term_ = task.AddReward("collision", scale * config_.collision_reward);
    intervention_term_ = task.AddReward("intervention", 0);
    if (config_.done_at_success) success_end_ = task.AddTermination("success");
    if (config_.done_at_collision) collision_end_ = task.AddTermination("collision");
  }

  std::vector<double> Achieved() const {
    if (goal_ == Goal::kTool) {
      const btVector3 at = tool_position();
      return {at.x(), at.y(), at.z()};
    }
    const JointVector q = joint_position();
    return std::vector<double>(q.data(), q.data() + q.size());
  }

  double Distance() const {
    const std::vector<double> at = Achieved();
    double square = 0;
    for (int i = 0; i < goal_size_; ++i) {
      square += (goals_[goal_index_][i] - at[i]) * (goals_[goal_index_][i] - at[i]);
    }
    return std::sqrt(square);
  }

  void DrawGoal(int index) {
    if (which_ == Arm::kPanda) {
      const double x = rng().Uniform(-0.15, 0.15);
      const double y = rng().Uniform(-0.15, 0.15);
      SetToolGoal(index, Eigen::Vector3d(x, y, rng().Uniform(0, 0.3)));
      return;
    }
    JointVector place = FreePlace();
    Eigen::Vector3d tool = ToolAt(place);
    if (goal_ == Goal::kTool) {
      for (int i = 0; i < kGoalTries && !IsInBox(tool); ++i) {
        place = FreePlace();
        tool = ToolAt(place);
      }
      SetToolGoal(index, tool);
      return;
    }
    goals_[index].assign(place.data(), place.data() + place.size());
    goal_tools_[index] = ToBullet(tool);
  }

  void SetToolGoal(int index, const Eigen::Vector3d& tool) {
    goals_[index] = {tool.x(), tool.y(), tool.z()};
    goal_tools_[index] = ToBullet(tool);
  }

  static bool IsInBox(const Eigen::Vector3d& p) {
    return p.x() >= 0.1 && p.x() <= 0.5 && std::abs(p.y()) <= 0.5 && p.z() >= 0.8 && p.z() <= 1.3;
  }

  void HoldPandaFingers() {
    for (int dof = num_joints(); dof < body_->num_dofs(); ++dof) {
      MotorTarget target;
      target.kp = 0.1;
      target.force_max = 170;
      body_->SetMotor(dof, target);
    }
  }

  const ReachConfig config_;
  const Arm which_;
  const Goal goal_;
  int goal_size_ = 0;
  Body* body_ = nullptr;
  Field human_, difference_, achieved_, desired_;
  RewardTerm goal_term_, shaping_term_, collision_term_, intervention_term_;
  Termination success_end_, collision_end_;
  Marker marker_;

  std::vector<std::vector<double>> goals_;  // [kGoals, goal_size_]
  std::vector<btVector3> goal_tools_;       // [kGoals]: where the tool is there.
  int goal_index_ = 0;
  int goals_reached_ = 0;
  bool reached_ = false;  // The goal, in the last control step.
  double distance_ = 0;
  float gripper_ = 0;
};

class JointReach : public Reach {
 public:
  using Config = ReachConfig;
  explicit JointReach(const Config& config) : Reach(config, Arm::kSchunk, Goal::kJoints) {}
};

class ToolReach : public Reach {
 public:
  using Config = ReachConfig;
  explicit ToolReach(const Config& config) : Reach(config, Arm::kSchunk, Goal::kTool) {}
};

class PandaReach : public Reach {
 public:
  struct Config : ReachConfig {
    Config() { goal_conditioned = true; }
  };
  explicit PandaReach(const Config& config) : Reach(config, Arm::kPanda, Goal::kTool) {}
};

}  // namespace

absl::Status RegisterHumanTasks(EnvRegistry& registry) {
  absl::Status status;
  status.Update(RegisterTask<JointReach>(
      registry, "human_reach",
      "Bring a Schunk LWA 4P's joints to goals beside a human (human-robot-gym's ReachHuman)."));
  status.Update(RegisterTask<ToolReach>(
      registry, "human_reach_cart",
      "Bring a Schunk LWA 4P's tool to points beside a human (human-robot-gym's ReachHumanCart)."));
  status.Update(RegisterTask<PandaReach>(registry, "panda_reach_human",
                                         "Bring a Panda's tool to points beside a human."));
  return status;
}

}  // namespace armature

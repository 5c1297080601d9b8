// Reach, beside a human (human-robot-gym's ReachHuman and ReachHumanCart; and with a Panda).
//
//   human_reach        the Schunk's joints to goals that are anywhere within their limits and free
//                      of the table and of the arm itself; reached within 0.1 rad (norm)
//   human_reach_cart   its tool to points of such, in [0.1, -0.5, 0.8] .. [0.5, 0.5, 1.3]; 0.05 m
//   panda_reach_human  the Panda's to points x, y ~ U(+-0.15), z ~ U(0, 0.3); 0.05 m
// An episode has 100 control steps. 20 goals are drawn for it; one that is reached gives way to the
// next with the next action. Reward and fields: human_goal_task.h; a step that reaches the goal is
// paid 0. Upstream's sparse reward looks at the episode's own goal, not at hindsight's.
// Differs: upstream's arm begins anew at random in some settings; here always in one pose.
#include <algorithm>
#include <cmath>
#include <vector>

#include "envserver/kit/register_task.h"
#include "envserver/tasks/human/arm_cover.h"
#include "envserver/tasks/human/human_arms.h"
#include "envserver/tasks/human/human_goal_task.h"
#include "envserver/tasks/human/human_tasks.h"
#include "envserver/tasks/human/schunk_body.h"

namespace armature {
namespace {

constexpr int kHorizon = 100;
constexpr int kGoals = 20;
constexpr int kGoalTries = 500;
constexpr double kJointsWithin_rad = 0.1;
constexpr double kToolWithin_m = 0.05;

enum class Arm { kSchunk, kPanda };
enum class Goal { kJoints, kTool };

class Reach : public HumanGoalTask {
 public:
  Reach(const HumanGoalConfig& config, Arm arm, Goal goal)
      : HumanGoalTask(config, Facts(goal)), which_(arm), goal_(goal) {}

 protected:
  ArmSetup AddScene(TaskBuilder& task) override {
    goals_.assign(kGoals, std::vector<double>(Facts(goal_).size));
    goal_tools_.assign(kGoals, btVector3(0, 0, 0));
    return which_ == Arm::kSchunk ? AddSchunk(task, kControl_s, kHorizon)
                                  : AddPanda(task, kControl_s, kHorizon);
  }

  void FirstGoal() override {
    for (int i = 0; i < kGoals; ++i) DrawGoal(i);
    goal_index_ = 0;
  }

  void NextGoal() override { goal_index_ = (goal_index_ + 1) % kGoals; }

  void Achieved(absl::Span<double> out) const override {
    if (goal_ == Goal::kTool) {
      const btVector3 at = tool_position();
      for (int k = 0; k < 3; ++k) out[k] = at[k];
      return;
    }
    const JointVector q = joint_position();
    std::copy(q.data(), q.data() + q.size(), out.begin());
  }

  void Desired(absl::Span<double> out) const override {
    std::copy(goals_[goal_index_].begin(), goals_[goal_index_].end(), out.begin());
  }

  btVector3 GoalPlace() const override { return goal_tools_[goal_index_]; }

  void KeepMore(StateArchive& state) override {
    state.Keep(goals_);
    state.Keep(goal_tools_);
    state.Keep(goal_index_);
    state.Check(goal_index_ >= 0 && goal_index_ < kGoals);
  }

 private:
  static HumanGoalFacts Facts(Goal goal) {
    HumanGoalFacts facts;
    facts.size = goal == Goal::kJoints ? kSchunkJoints : 3;
    facts.within = goal == Goal::kJoints ? kJointsWithin_rad : kToolWithin_m;
    return facts;
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

  const Arm which_;
  const Goal goal_;
  std::vector<std::vector<double>> goals_;  // [kGoals, size of a goal]
  std::vector<btVector3> goal_tools_;       // [kGoals]: where the tool is there.
  int goal_index_ = 0;
};

class JointReach : public Reach {
 public:
  using Config = HumanGoalConfig;
  explicit JointReach(const Config& config) : Reach(config, Arm::kSchunk, Goal::kJoints) {}
};

class ToolReach : public Reach {
 public:
  using Config = HumanGoalConfig;
  explicit ToolReach(const Config& config) : Reach(config, Arm::kSchunk, Goal::kTool) {}
};

class PandaReach : public Reach {
 public:
  struct Config : HumanGoalConfig {
    Config() { goal_conditioned = true; }
  };
  explicit PandaReach(const Config& config) : Reach(config, Arm::kPanda, Goal::kTool) {}
};

}  // namespace

absl::Status RegisterHumanReach(EnvRegistry& registry) {
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

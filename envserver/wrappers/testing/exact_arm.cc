#include "envserver/wrappers/testing/exact_arm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "envserver/bullet/urdf.h"
#include "envserver/env/arm_actions.h"
#include "envserver/kit/register_task.h"
#include "envserver/kit/task.h"
#include "envserver/kit/task_builder.h"

namespace armature {
namespace {

constexpr int kJoints = 6;
constexpr double kReset[kJoints] = {0, 0.6, 1.2, 0, 0.8, 0};
constexpr double kStep = 0.2;  // rad

// Straight up at 0: shoulder at 0.3 m, elbow 0.4 m above it, wrist 0.4 m above that, tool 0.18 m
// above that. The joints turn about z, y, y, z, y, z.
constexpr char kArm[] = R"(
<robot name="exact_arm">
  <link name="foot"><inertial><mass value="5"/>
      <inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/></inertial>
    <collision><origin xyz="0 0 0.1"/>
      <geometry><cylinder radius="0.08" length="0.18"/></geometry></collision></link>
  <joint name="turn" type="revolute"><parent link="foot"/><child link="shoulder"/>
    <origin xyz="0 0 0.2"/><axis xyz="0 0 1"/>
    <limit lower="-3" upper="3" effort="100" velocity="2"/></joint>
  <link name="shoulder"><inertial><mass value="1"/>
      <inertia ixx="0.01" ixy="0" ixz="0" iyy="0.01" iyz="0" izz="0.01"/></inertial></link>
  <joint name="lift" type="revolute"><parent link="shoulder"/><child link="upper"/>
    <origin xyz="0 0 0.1"/><axis xyz="0 1 0"/>
    <limit lower="-2" upper="2" effort="100" velocity="2"/></joint>
  <link name="upper"><inertial><origin xyz="0 0 0.2"/><mass value="2"/>
      <inertia ixx="0.03" ixy="0" ixz="0" iyy="0.03" iyz="0" izz="0.01"/></inertial>
    <collision><origin xyz="0 0 0.2"/>
      <geometry><cylinder radius="0.05" length="0.3"/></geometry></collision></link>
  <joint name="elbow" type="revolute"><parent link="upper"/><child link="lower"/>
    <origin xyz="0 0 0.4"/><axis xyz="0 1 0"/>
    <limit lower="-2.5" upper="2.5" effort="100" velocity="2"/></joint>
  <link name="lower"><inertial><origin xyz="0 0 0.15"/><mass value="1"/>
      <inertia ixx="0.02" ixy="0" ixz="0" iyy="0.02" iyz="0" izz="0.01"/></inertial>
    <collision><origin xyz="0 0 0.17"/>
      <geometry><cylinder radius="0.04" length="0.25"/></geometry></collision></link>
  <joint name="roll" type="revolute"><parent link="lower"/><child link="wrist"/>
    <origin xyz="0 0 0.35"/><axis xyz="0 0 1"/>
    <limit lower="-3" upper="3" effort="100" velocity="2"/></joint>
  <link name="wrist"><inertial><mass value="0.5"/>
      <inertia ixx="0.01" ixy="0" ixz="0" iyy="0.01" iyz="0" izz="0.01"/></inertial></link>
  <joint name="bend" type="revolute"><parent link="wrist"/><child link="palm"/>
    <origin xyz="0 0 0.05"/><axis xyz="0 1 0"/>
    <limit lower="-2.5" upper="2.5" effort="100" velocity="2"/></joint>
  <link name="palm"><inertial><mass value="0.5"/>
      <inertia ixx="0.01" ixy="0" ixz="0" iyy="0.01" iyz="0" izz="0.01"/></inertial></link>
  <joint name="spin" type="revolute"><parent link="palm"/><child link="hand"/>
    <origin xyz="0 0 0.1"/><axis xyz="0 0 1"/>
    <limit lower="-3" upper="3" effort="100" velocity="2"/></joint>
  <link name="hand"><inertial><mass value="0.2"/>
      <inertia ixx="0.01" ixy="0" ixz="0" iyy="0.01" iyz="0" izz="0.01"/></inertial></link>
  <joint name="grip" type="fixed"><parent link="hand"/><child link="tool"/>
    <origin xyz="0 0 0.08"/></joint>
  <link name="tool"><inertial><mass value="0.1"/>
      <inertia ixx="0.001" ixy="0" ixz="0" iyy="0.001" iyz="0" izz="0.001"/></inertial>
    <collision><geometry><sphere radius="0.03"/></geometry></collision></link>
</robot>)";

class ExactArm : public Task, private ArmActions {
 public:
  struct Config {
    bool goal = false;
    void Visit(ConfigVisitor& v) { v.Field("goal", goal, "Whether it has a goal."); }
  };

  explicit ExactArm(const Config& config) : has_goal_(config.goal) {}

  void Build(TaskBuilder& task) override {
    WorldOptions options;
    options.gravity = 0;
    task.SetTime(/*physics_step_s=*/0.01, /*physics_steps=*/1, /*horizon_s=*/0.2, options);
    BodyOptions body;
    body.name = "floor";
    task.world().AddPlane(body);
    body.name = "wall";
    body.base_pose.setOrigin(btVector3(0.79, 0, 0.5));
    task.world().AddBox(btVector3(0.04, 2, 1), /*mass=*/0, body);
    auto model = ParseUrdf(kArm, "");
    if (!model.ok()) throw TaskError(std::string(model.status().message()));
    BodyOptions fixed;
    fixed.name = "arm";
    fixed.fixed_base = true;
    body_ = task.AddBody(*model, fixed);
    tool_link_ = body_->Link("tool");
    PutJoints(kReset);
    task.SetAction(kJoints + 1, -1, 1);
    joints_ = task.AddField("joints", kJoints, -3, 3);
    gripper_ = task.AddField("gripper", 1, -1, 1);
    tool_ = task.AddField("tool", 3, -2, 2);
    target_ = task.AddField("target", 3, -2, 2);
    if (has_goal_) {
      task.SetGoal(tool_, target_);
    } else {
      near_ = task.AddReward("near", 1);
    }
    task.SetRewardBounds(-4, 0);
  }

  void Reset() override {
    PutJoints(kReset);
    width_ = 0;
    goal_ = btVector3(rng().Uniform(0.4, 0.6), rng().Uniform(-0.3, 0.3), rng().Uniform(0.3, 0.6));
  }

  void Act(absl::Span<const float> action) override {
    std::array<double, kJoints> goal;
    JointGoal(action, absl::MakeSpan(goal));
    PutJoints(goal);
    width_ = action[kJoints];
  }

  void Observe(ObservationWriter& out) override {
    out.Write(joints_, body_->joint_positions());
    out.Write(gripper_, width_);
    out.Write(tool_, Tool());
    out.Write(target_, goal_);
  }
  void Reward(RewardTerms& out) override { out.Add(near_, -(Tool() - goal_).length()); }
  GoalOutcome GoalReward(const GoalPair& goal) const override {
    double square = 0;
    for (int i = 0; i < 3; ++i) {
      const double difference = static_cast<double>(goal.achieved[i]) - goal.desired[i];
      square += difference * difference;
    }
    return {-std::sqrt(square), square < 0.0025};
  }
  void Keep(StateArchive& state) override {
    state.Keep(width_);
    state.Keep(goal_);
  }
  ArmActions* arm() override { return this; }

 private:
  Body& body() override { return *body_; }
  absl::Span<const int> dofs() const override { return dofs_; }
  int tool_link() const override { return tool_link_; }
  void JointGoal(absl::Span<const float> action, absl::Span<double> goal) const override {
    for (int i = 0; i < kJoints; ++i) {
      const LinkModel& link = body_->link_model(body_->dof_link(i));
      goal[i] = std::clamp(body_->joint_position(i) + kStep * action[i], link.position_low,
                           link.position_high);
    }
  }
  void SetJointGoal(absl::Span<const double> goal, absl::Span<float> action) const override {
    for (int i = 0; i < kJoints; ++i) {
      const double share = (goal[i] - body_->joint_position(i)) / kStep;
      action[i] = static_cast<float>(std::clamp(share, -1.0, 1.0));
    }
  }

  btVector3 Tool() const { return body_->LinkPose(tool_link_).getOrigin(); }
  void PutJoints(absl::Span<const double> position) {
    body_->SetJoints(position, std::vector<double>(kJoints, 0.0));
  }

  const bool has_goal_;
  const std::vector<int> dofs_ = {0, 1, 2, 3, 4, 5};
  Body* body_ = nullptr;
  int tool_link_ = 0;
  double width_ = 0;
  btVector3 goal_ = btVector3(0, 0, 0);
  Field joints_, gripper_, tool_, target_;
  RewardTerm near_;
};

}  // namespace

absl::Status RegisterExactArm(EnvRegistry& registry) {
  return RegisterTask<ExactArm>(registry, "exact_arm", "An arm that goes where it is sent.");
}

}  // namespace armature

#include "envserver/tasks/human/human_object_task.h"

#include <algorithm>
#include <cmath>

#include "envserver/tasks/human/human_arms.h"
#include "envserver/tasks/human/human_scene.h"
#include "envserver/tasks/human/schunk_body.h"

namespace armature {
namespace {

constexpr int kHorizon = 200;
constexpr double kFriction = 1;  // Of the object.

// Of the script: how far the tool goes in a control step at most, and how often the joints that
// bring it there are bettered.
constexpr double kScriptedWay_m = 0.1;
constexpr int kIterations = 20;
const btQuaternion kLooksDown(1, 0, 0, 0);

HumanGoalFacts Facts(const HumanObjectConfig& config, double within) {
  HumanGoalFacts facts;
  facts.within = within;
  facts.reached_reward = config.task_reward;
  facts.has_object = true;
  facts.gripped_reward = config.object_gripped_reward;
  return facts;
}

}  // namespace

void HumanObjectConfig::Visit(ConfigVisitor& v) {
  HumanGoalConfig::Visit(v);
  v.Field("task_reward", task_reward, "Of a step in which the object is at the goal.");
  v.Field("object_gripped_reward", object_gripped_reward,
          "Of one in which it is not, but gripped; -1 otherwise.");
}

HumanObjectTask::HumanObjectTask(const HumanObjectConfig& config, const HumanObject& object,
                                 double within)
    : HumanGoalTask(config, Facts(config, within)), facts_(object) {}

ArmSetup HumanObjectTask::AddScene(TaskBuilder& task) {
  ArmSetup setup = AddSchunk(task, kControl_s, kHorizon);
  setup.start = {0, 0, M_PI / 2, 0, M_PI / 2, 0, kFingerOpen_m, kFingerOpen_m};
  arm_ = setup.body;
  BodyOptions box;
  box.name = facts_.name;
  box.base_pose.setOrigin(facts_.place_m);
  box.friction = kFriction;
  box.collision_group = kSceneGroup;
  box.colour = facts_.colour;
  object_ = task.world().AddBox(facts_.size_m, facts_.mass_kg, box);
  InverseKinematicsOptions options;
  options.iterations_max = 1;
  options.damping = 0.01;
  kinematics_.emplace(SchunkBody(), setup.tool_link, options);
  scripted_.resize(arm_->num_dofs());
  return setup;
}

void HumanObjectTask::AddFields(TaskBuilder& task) {
  tool_ = task.AddField("tool", 3);
  joints_ = task.AddField("joint_position", kSchunkJoints);
  gripper_ = task.AddField("gripper", 1);
  gripped_ = task.AddField("object_gripped", 1);
  object_way_ = task.AddField("object", 3);
  gripped_metric_ = task.AddMetric("object_gripped", v1::MetricSpec::AGGREGATION_SUM);
}

void HumanObjectTask::ObserveMore(ObservationWriter& out) {
  out.Write(tool_, tool_position());
  const JointVector q = joint_position();
  out.Write(joints_, absl::MakeConstSpan(q.data(), q.size()));
  out.Write(gripper_, fingers().opening_m());
  out.Write(gripped_, is_gripped_ ? 1 : 0);
  out.Write(object_way_, GripPoint() - tool_position());
}

void HumanObjectTask::PlaceObject(const btVector3& position) {
  object_->SetBasePose(btTransform(btQuaternion::getIdentity(), position));
  object_->SetBaseVelocity(btVector3(0, 0, 0), btVector3(0, 0, 0));
  is_gripped_ = false;
  fingers().Reset();
}

void HumanObjectTask::Look() {
  is_gripped_ = fingers().touch_both();
  LookMore();
}

void HumanObjectTask::Achieved(absl::Span<double> out) const {
  const btVector3 point = ObjectPoint();
  for (int k = 0; k < 3; ++k) out[k] = point[k];
}

void HumanObjectTask::Desired(absl::Span<double> out) const {
  const btVector3 point = GoalPoint();
  for (int k = 0; k < 3; ++k) out[k] = point[k];
}

void HumanObjectTask::ReportMore(MetricValues& out) {
  out.Set(gripped_metric_, is_gripped_ ? 1 : 0);
}

void HumanObjectTask::KeepMore(StateArchive& state) {
  state.Keep(is_gripped_);
  KeepObject(state);
}

void HumanObjectTask::ScriptedAction(absl::Span<float> action) {
  GraspScene scene;
  scene.tool = tool_position();
  scene.grip = GripPoint();
  scene.target = scene.tool + GoalPoint() - ObjectPoint();
  scene.opening_m = fingers().opening_m();
  scene.opening_max_m = 2 * kFingerOpen_m;
  scene.is_gripped = is_gripped_;
  const GraspMove move = ScriptedMove(scene);
  btVector3 way = move.tool - scene.tool;
  way *= std::min(1.0, kScriptedWay_m / std::max(kScriptedWay_m, way.length()));
  const btTransform target =
      arm_->LinkPose(kBase).inverse() * btTransform(kLooksDown, scene.tool + way);
  const absl::Span<const double> now = arm_->joint_positions();
  std::copy(now.begin(), now.end(), scripted_.begin());
  for (int i = 0; i < kIterations; ++i) kinematics_->Solve(target, absl::MakeSpan(scripted_));
  // All joints make the same share of their way, so that the tool goes straight.
  double farthest = 0;
  for (int i = 0; i < kSchunkJoints; ++i) {
    farthest = std::max(farthest, std::abs(scripted_[i] - now[i]));
  }
  const double share = std::min(1.0, kActionStep_rad / std::max(kActionStep_rad, farthest));
  for (int i = 0; i < kSchunkJoints; ++i) {
    scripted_[i] = now[i] + share * (scripted_[i] - now[i]);
  }
  arm()->SetJointGoal(absl::MakeConstSpan(scripted_).first(kSchunkJoints), action);
  action[kSchunkJoints] = move.gripper;
}

}  // namespace armature

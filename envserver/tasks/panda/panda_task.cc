#include "envserver/tasks/panda/panda_task.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace armature {
namespace {

constexpr int kSubsteps = 20;
constexpr double kTimeStep = 1.0 / 500;
constexpr double kObservationBound = 10;
constexpr double kFriction = 0.5;

PandaControl ControlOf(const PandaConfig& config) {
  return config.control_type == "ee" ? PandaControl::kEndEffector : PandaControl::kJoints;
}

constexpr Colour kFloorColour = {0.32, 0.35, 0.4, 1};
constexpr Colour kTableColour = {0.62, 0.5, 0.38, 1};

// 1.4 m from the origin, at a yaw of 45 and a pitch of -30 degrees, as panda-gym's.
SceneCamera FrontCamera() {
  SceneCamera camera;
  camera.name = "front";
  camera.position = {0.857, -0.857, 0.7};
  camera.target = {0, 0, 0};
  camera.vertical_field_of_view_deg = 60;
  camera.width_px = 720;
  camera.height_px = 480;
  return camera;
}

// The arm and what it reaches fill the picture.
SceneCamera CloseCamera() {
  SceneCamera camera = FrontCamera();
  camera.name = "close";
  camera.target = {-0.2, 0, 0.2};
  camera.vertical_field_of_view_deg = 40;
  return camera;
}

void AddBoard(const std::string& name, const btVector3& size, const btVector3& position,
              const Colour& colour, BulletWorld* world) {
  BodyOptions options;
  options.name = name;
  options.base_pose.setOrigin(position);
  options.friction = kFriction;
  options.colour = colour;
  world->AddBox(size, /*mass=*/0, options);
}

}  // namespace

PandaTask::PandaTask(const PandaConfig& config, const PandaTaskFacts& facts)
    : config_(config), facts_(facts), desired_goal_(facts.goal_size) {}

void PandaTask::Build(TaskBuilder& task) {
  task.SetTime(kTimeStep, kSubsteps, facts_.horizon * kSubsteps * kTimeStep);
  auto model = LoadPandaModel();
  if (!model.ok()) throw TaskError(std::string(model.status().message()));
  arm_.emplace(*std::move(model), ControlOf(config_), facts_.block_gripper, &task.world());
  // Floor at z = -0.4 and table with its top at z = 0.
  AddBoard("floor", btVector3(6, 6, 0.02), btVector3(0, 0, -0.41), kFloorColour, &task.world());
  AddBoard("table", btVector3(facts_.table_length_m, 0.7, 0.4),
           btVector3(facts_.table_x_m, 0, -0.2), kTableColour, &task.world());
  AddObjects(task);
  std::vector<double> bounds(facts_.block_gripper ? 6 : 7, kObservationBound);
  for (size_t i = 0; i < objects_.size(); ++i) {
    bounds.insert(bounds.end(), ObjectSize(facts_.object_rotation) - 6, kObservationBound);
    bounds.insert(bounds.end(), 6, TaskBuilder::kUnbounded);
  }
  std::vector<double> low = bounds;
  for (double& bound : low) bound = -bound;
  observation_ = task.AddField("observation", std::move(low), std::move(bounds));
  achieved_ =
      task.AddField("achieved_goal", facts_.goal_size, -kObservationBound, kObservationBound);
  desired_ = task.AddField("desired_goal", facts_.goal_size, -kObservationBound, kObservationBound);
  GoalOptions options;
  options.terminate_on_success = config_.terminate_on_success;
  task.SetGoal(achieved_, desired_, options);
  task.SetAction(PandaArm::ActionSize(ControlOf(config_), facts_.block_gripper), -1, 1);
  const double distance_max = facts_.goal_distance_max > 0
                                  ? facts_.goal_distance_max
                                  : 2 * kObservationBound * std::sqrt(facts_.goal_size);
  task.SetRewardBounds(IsSparse() ? -1 : -distance_max, 0);
  task.AddCamera(FrontCamera());
  task.AddCamera(CloseCamera());
}

void PandaTask::Observe(ObservationWriter& out) {
  const absl::Span<float> field = out[observation_];
  const btVector3 position = arm_->ee_position();
  const btVector3 velocity = arm_->ee_velocity();
  for (int i = 0; i < 3; ++i) {
    field[i] = static_cast<float>(position[i]);
    field[3 + i] = static_cast<float>(velocity[i]);
  }
  int robot_size = 6;
  if (!facts_.block_gripper) field[robot_size++] = static_cast<float>(arm_->finger_width());
  for (size_t i = 0; i < objects_.size(); ++i) {
    ObserveObject(*objects_[i], facts_.object_rotation,
                  field.subspan(robot_size + i * ObjectSize(facts_.object_rotation)));
  }
  AchievedGoal(out[achieved_]);
  std::copy(desired_goal_.begin(), desired_goal_.end(), out[desired_].begin());
}

Body* PandaTask::Observed(Body* object) {
  objects_.push_back(object);
  return object;
}

void PandaTask::AchievedGoal(absl::Span<float> achieved_goal) {
  for (size_t i = 0; i < objects_.size(); ++i) {
    CopyPoint(objects_[i]->LinkPose(kBase).getOrigin(), achieved_goal.subspan(3 * i));
  }
}

GoalOutcome PandaTask::GoalReward(const GoalPair& goal) const {
  const double distance = GoalDistance(goal.achieved, goal.desired);
  const double sparse = distance > facts_.distance_threshold ? -1 : 0;
  return {IsSparse() ? sparse : -distance, distance < facts_.distance_threshold};
}

double PandaTask::GoalDistance(absl::Span<const float> achieved,
                               absl::Span<const float> desired) const {
  double square = 0;
  for (size_t i = 0; i < achieved.size(); ++i) {
    const double difference = static_cast<double>(achieved[i]) - desired[i];
    square += difference * difference;
  }
  return std::sqrt(square);
}

}  // namespace armature

#include "envserver/tasks/panda/panda_env.h"

#include <algorithm>
#include <utility>

#include "common/random/rng.h"

namespace armature {
namespace {

constexpr int kSubsteps = 20;
constexpr double kTimeStep = 1.0 / 500;
constexpr double kObservationBound = 10;
constexpr double kFriction = 0.5;

WorldOptions PandaWorldOptions() {
  WorldOptions options;
  options.time_step_s = kTimeStep;
  return options;
}

FieldSpec Float32Field(const std::string& name, int size) {
  FieldSpec field;
  field.name = name;
  field.shape = {size};
  field.low = {-kObservationBound};
  field.high = {kObservationBound};
  return field;
}

EnvSpec MakeSpec(const PandaTaskFacts& facts, PandaControl control, const GoalReward& reward) {
  EnvSpec spec;
  spec.id = facts.id;
  const int robot_size = facts.block_gripper ? 6 : 7;
  spec.observation = {Float32Field("observation", robot_size + facts.object_observation_size),
                      Float32Field("achieved_goal", facts.goal_size),
                      Float32Field("desired_goal", facts.goal_size)};
  const int action_size = PandaArm::ActionSize(control, facts.block_gripper);
  spec.action.low.assign(action_size, -1);
  spec.action.high.assign(action_size, 1);
  spec.goal = GoalSpec{"achieved_goal", "desired_goal"};
  spec.horizon = facts.horizon;
  spec.control_period_s = kSubsteps * kTimeStep;
  spec.reward_low = reward.Low(facts.goal_size, kObservationBound);
  spec.reward_high = 0;
  spec.reports_success = true;
  return spec;
}

PandaControl ControlOf(const PandaConfig& config) {
  return config.control_type == "ee" ? PandaControl::kEndEffector : PandaControl::kJoints;
}

}  // namespace

PandaEnv::PandaEnv(const PandaConfig& config, std::shared_ptr<const BodyModel> model,
                   std::unique_ptr<PandaTask> task)
    : terminate_on_success_(config.terminate_on_success),
      task_(std::move(task)),
      facts_(task_->facts()),
      goal_reward_(config.reward_type == "sparse" ? RewardType::kSparse : RewardType::kDense,
                   facts_.distance_threshold_m),
      spec_(MakeSpec(facts_, ControlOf(config), goal_reward_)),
      world_(PandaWorldOptions()),
      arm_(std::move(model), ControlOf(config), facts_.block_gripper, &world_),
      desired_goal_(facts_.goal_size) {
  // Floor at z = -0.4 and table with its top at z = 0.
  world_.AddStaticBox(btVector3(3, 3, 0.01), btVector3(0, 0, -0.41), kFriction);
  world_.AddStaticBox(btVector3(1.1, 0.7, 0.4) / 2, btVector3(-0.3, 0, -0.2), kFriction);
  task_->AddObjects(world_);
  world_.SaveState(&neutral_);
}

void PandaEnv::Reset(uint64_t seed, Observation& observation) {
  world_.RestoreState(neutral_);
  Rng rng({seed});
  task_->Reset(rng, absl::MakeSpan(desired_goal_));
  Observe(observation);
}

StepResult PandaEnv::Step(absl::Span<const float> action, Observation& observation) {
  arm_.Act(action);
  for (int i = 0; i < kSubsteps; ++i) world_.Step();
  Observe(observation);
  // Computed from the observed values, so that ComputeReward agrees to the last bit.
  const GoalReward::Result result =
      goal_reward_(observation.Field<float>(1), observation.Field<float>(2));
  StepResult step;
  step.reward = result.reward;
  step.is_success = result.is_success;
  step.terminated = result.is_success && terminate_on_success_;
  return step;
}

absl::Status PandaEnv::ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                                     absl::Span<uint8_t> terminated) const {
  const size_t size = facts_.goal_size;
  for (size_t i = 0; i < reward.size(); ++i) {
    const GoalReward::Result result =
        goal_reward_(goals.achieved.subspan(i * size, size), goals.desired.subspan(i * size, size));
    reward[i] = result.reward;
    terminated[i] = result.is_success && terminate_on_success_;
  }
  return absl::OkStatus();
}

void PandaEnv::Observe(Observation& observation) {
  const absl::Span<float> field = observation.Field<float>(0);
  const btVector3 position = arm_.ee_position();
  const btVector3 velocity = arm_.ee_velocity();
  for (int i = 0; i < 3; ++i) {
    field[i] = static_cast<float>(position[i]);
    field[3 + i] = static_cast<float>(velocity[i]);
  }
  int robot_size = 6;
  if (!facts_.block_gripper) field[robot_size++] = static_cast<float>(arm_.finger_width());
  task_->ObserveObjects(field.subspan(robot_size));
  task_->AchievedGoal(arm_, observation.Field<float>(1));
  std::copy(desired_goal_.begin(), desired_goal_.end(), observation.Field<float>(2).begin());
}

}  // namespace armature

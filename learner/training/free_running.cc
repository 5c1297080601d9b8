#include "learner/training/free_running.h"

#include "learner/intake/free_coordinator.h"
#include "learner/intake/rollout_coordinator.h"

namespace armature {
namespace {

constexpr int kBatchesAPass = 16;

std::unique_ptr<CollectCoordinator> MakeCoordinator(const RunConfig& config) {
  if (!config.algorithm.on_policy()) return std::make_unique<FreeCoordinator>();
  RolloutCoordinator::Options options;
  options.rollout_steps = config.algorithm.ppo.rollout_steps;
  options.unroll_length = config.algorithm.ppo.unroll_length;
  options.max_policy_lag = config.algorithm.ppo.max_policy_lag;
  options.slots = config.collect.envs_per_actor;
  return std::make_unique<RolloutCoordinator>(options);
}

}  // namespace

FreeRunning::FreeRunning(const RunConfig& config) : coordinator_(MakeCoordinator(config)) {}

bool FreeRunning::TakeExperience(ExperienceIntake* intake, TrainingActions* actions) {
  bool stored = false;
  for (int i = 0; i < kBatchesAPass; ++i) {
    const int64_t steps = intake->NextSteps();
    if (steps < 0 || (steps > 0 && !actions->CanInsert(steps))) break;
    actions->Store(*intake->Pop());
    stored = true;
  }
  return stored;
}

bool FreeRunning::FinishPass(TrainingActions* actions) {
  actions->DeliverGrants();
  actions->EvaluateIfDue();
  actions->SaveStepIfDue();
  return !actions->GoesOnWithinBudget();
}

}  // namespace armature

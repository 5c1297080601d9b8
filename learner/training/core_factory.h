// Makes a run's learning core, once its environment is known.
//
// Thread safety: none; belongs to the trainer's thread.
#ifndef ARMATURE_LEARNER_TRAINING_CORE_FACTORY_H_
#define ARMATURE_LEARNER_TRAINING_CORE_FACTORY_H_

#include <memory>

#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "learner/intake/collect_coordinator.h"
#include "learner/service/remote_goal_reward.h"
#include "learner/training/learning_core.h"

namespace armature {

class CoreFactory {
 public:
  // The pointers must outlive the cores. `goal_reward` is null without hindsight.
  CoreFactory(const RunConfig& config, c10::Device device, CollectCoordinator* coordinator,
              RemoteGoalReward* goal_reward)
      : config_(config), device_(device), coordinator_(coordinator), goal_reward_(goal_reward) {}

  // Returns InvalidArgument if a message would be too large; also the errors of
  // OnPolicyCore::Create and OffPolicyCore::Create.
  absl::StatusOr<std::unique_ptr<LearningCore>> Create(const EnvSpec& env) const;

 private:
  const RunConfig config_;
  const c10::Device device_;
  CollectCoordinator* const coordinator_;
  RemoteGoalReward* const goal_reward_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_CORE_FACTORY_H_

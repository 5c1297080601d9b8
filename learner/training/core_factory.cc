#include "learner/training/core_factory.h"

#include "learner/service/message_sizes.h"
#include "learner/training/off_policy_core.h"
#include "learner/training/on_policy_core.h"

namespace armature {

absl::StatusOr<std::unique_ptr<LearningCore>> CoreFactory::Create(const EnvSpec& env) const {
  if (absl::Status status = CheckMessageSizes(config_, env); !status.ok()) return status;
  if (config_.algorithm.on_policy()) {
    return OnPolicyCore::Create(config_, env, device_, coordinator_);
  }
  auto core = OffPolicyCore::Create(config_, env, device_, goal_reward_);
  if (core.ok() && goal_reward_ != nullptr) goal_reward_->SetEnv(env);
  return core;
}

}  // namespace armature

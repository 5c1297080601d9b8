#include "learner/replicas/replica_sync.h"

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "common/sync/steady_time.h"
#include "learner/nn/state.h"

namespace armature {

ReplicaSync::ReplicaSync(const Options& options, const Metrics& metrics, ReplicaGroup* group)
    : options_(options), metrics_(metrics), group_(group), in_step_(group->leads_run()) {}

absl::Status ReplicaSync::Begin(const ReplicaGroup::Identity& identity, Algorithm* algorithm) {
  algorithm_ = algorithm;
  state_.emplace(algorithm);
  averaged_steps_ = algorithm->learner_steps();
  if (options_.average_gradients) algorithm->set_gradient_exchange(this);
  return group_->Begin(identity, &*state_);
}

absl::StatusOr<ReplicaSync::Standing> ReplicaSync::Synchronize(uint64_t env_steps) {
  env_steps_ = env_steps;
  const absl::StatusOr<Standing> standing = group_->Synchronize(env_steps);
  if (!standing.ok()) return standing;
  in_step_ = *standing == Standing::kMember || *standing == Standing::kJoined;
  if (*standing == Standing::kJoined) averaged_steps_ = algorithm_->learner_steps();
  return standing;
}

absl::Status ReplicaSync::AfterUpdate(uint64_t env_steps) {
  env_steps_ = env_steps;
  const int64_t steps = algorithm_->learner_steps();
  const int64_t every = options_.average_every_updates;
  // Averages are due at the same step counts in all replicas, no matter when they joined.
  const bool due = steps / every > averaged_steps_ / every;
  averaged_steps_ = steps;
  if (!due) return absl::OkStatus();
  const NamedTensors own = state_->Contribution();
  if (const std::string found = FindNonFinite(own); !found.empty()) {
    return absl::DataLossError(found);
  }
  const absl::StatusOr<NamedTensors> mean = MeanWithOthers(own);
  return mean.ok() ? state_->Adopt(*mean) : absl::OkStatus();
}

void ReplicaSync::Average(const std::vector<at::Tensor>& gradients) {
  NamedTensors own;
  for (size_t i = 0; i < gradients.size(); ++i) {
    own.emplace_back(absl::StrCat("gradient.", i), gradients[i]);
  }
  // This replica's weights will not be finite either; its trainer will notice.
  if (!FindNonFinite(own).empty()) return;
  const absl::StatusOr<NamedTensors> mean = MeanWithOthers(own);
  if (!mean.ok()) return;
  for (size_t i = 0; i < gradients.size(); ++i) gradients[i].copy_((*mean)[i].second);
}

absl::StatusOr<NamedTensors> ReplicaSync::MeanWithOthers(const NamedTensors& own) {
  const absl::Time start = SteadyTime();
  absl::StatusOr<NamedTensors> mean = group_->Average(own, env_steps_);
  metrics_.average_duration_seconds.Observe(absl::ToDoubleSeconds(SteadyTime() - start));
  if (mean.ok()) metrics_.averages.Increment();
  return mean;
}

}  // namespace armature

// An off-policy algorithm with replay, samples-per-insert limiter and optional demonstrations.
//
// Thread safety: none; one trainer thread owns it.
#ifndef ARMATURE_LEARNER_TRAINING_OFF_POLICY_CORE_H_
#define ARMATURE_LEARNER_TRAINING_OFF_POLICY_CORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "learner/algorithms/algorithm.h"
#include "learner/replay/goal_reward.h"
#include "learner/replay/replay_store.h"
#include "learner/replay/samples_per_insert_limiter.h"
#include "learner/training/demonstrations.h"
#include "learner/training/learning_core.h"

namespace armature {

class OffPolicyCore : public LearningCore {
 public:
  // `goal_reward` must outlive the core; null: no hindsight. Returns InvalidArgument if the
  // algorithm or replay cannot learn in `env`, or if the replay's budget is too small; also the
  // errors of Demonstrations::Read.
  static absl::StatusOr<std::unique_ptr<OffPolicyCore>> Create(const RunConfig& config,
                                                               const EnvSpec& env,
                                                               c10::Device device,
                                                               GoalReward* goal_reward);

  Algorithm& algorithm() override { return *algorithm_; }
  Holding holding() const override;
  std::string Describe() const override;
  bool CanInsert(int64_t steps) const override;
  absl::Status Insert(const ActorKey& actor, const v1::ExperienceBatch& batch) override;
  bool CanUpdate() const override;
  absl::Status Update(double progress) override;
  NamedTensors LastBatch() const override;
  // First due once the random env steps are done, then every learner.publish_every_updates.
  bool PublishDue(uint64_t env_steps) const override;
  void OnPublished(uint64_t version) override;
  std::string WhyNoUpdate() const override;
  std::string WhyNoInsert(int64_t steps) const override;

 protected:
  Snapshot SnapshotExperience() override;
  absl::Status LoadExperience(const std::map<std::string, at::Tensor>& state) override;

 private:
  OffPolicyCore(const RunConfig& config, c10::Device device,
                std::unique_ptr<OffPolicyAlgorithm> algorithm, std::unique_ptr<ReplayStore> replay,
                std::optional<Demonstrations> demonstrations);

  const int64_t batch_size_;
  const int64_t replay_batch_size_;  // Of batch_size_, how many come from the replay.
  const bool is_prioritized_;
  const uint64_t random_env_steps_;
  const int64_t publish_every_updates_;
  const c10::Device device_;
  std::unique_ptr<OffPolicyAlgorithm> algorithm_;
  std::unique_ptr<ReplayStore> replay_;
  const std::optional<Demonstrations> demonstrations_;
  SamplesPerInsertLimiter limiter_;
  TransitionSample last_batch_;   // Used by the last update; views of replay buffers.
  int64_t published_steps_ = -1;  // learner_steps of the newest version; -1 if none.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_OFF_POLICY_CORE_H_

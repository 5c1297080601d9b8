// An on-policy algorithm with its trajectory sets.
//
// Thread safety: none; one trainer thread owns it.
#ifndef ARMATURE_LEARNER_TRAINING_ON_POLICY_CORE_H_
#define ARMATURE_LEARNER_TRAINING_ON_POLICY_CORE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "learner/algorithms/algorithm.h"
#include "learner/intake/collect_coordinator.h"
#include "learner/replay/trajectory_buffer.h"
#include "learner/training/learning_core.h"

namespace armature {

class OnPolicyCore : public LearningCore {
 public:
  // Tells `coordinator`, which must outlive the core, what it has taken and holds. Returns
  // InvalidArgument if the algorithm cannot learn in `env`.
  static absl::StatusOr<std::unique_ptr<OnPolicyCore>> Create(const RunConfig& config,
                                                              const EnvSpec& env,
                                                              c10::Device device,
                                                              CollectCoordinator* coordinator);

  Algorithm& algorithm() override { return *algorithm_; }
  Holding holding() const override;
  std::string Describe() const override;
  // False if the set is already full.
  bool CanInsert(int64_t steps) const override;
  absl::Status Insert(const ActorKey& actor, const v1::ExperienceBatch& batch) override;
  bool CanUpdate() const override;
  absl::Status Update(double progress) override;
  NamedTensors LastBatch() const override;
  // Due at the start and after every set.
  bool PublishDue(uint64_t env_steps) const override;
  void OnPublished(uint64_t version) override;
  std::string WhyNoUpdate() const override;
  std::string WhyNoInsert(int64_t steps) const override;

 private:
  OnPolicyCore(const RunConfig& config, int64_t bytes_per_step, c10::Device device,
               std::unique_ptr<OnPolicyAlgorithm> algorithm, CollectCoordinator* coordinator);

  const int64_t rollout_steps_;
  const int64_t bytes_per_step_;
  std::unique_ptr<OnPolicyAlgorithm> algorithm_;
  CollectCoordinator* const coordinator_;
  TrajectoryBuffer buffer_;
  NamedTensors last_batch_;  // Kept if its update was not finite.
  uint64_t version_ = 0;
  bool publish_due_ = true;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_ON_POLICY_CORE_H_

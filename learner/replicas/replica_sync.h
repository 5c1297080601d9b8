// Decides when a replica averages with the others, and what: its algorithm's state every
// average_every_updates gradient steps and, with averaging=gradients, every gradient.
//
// Thread safety: one thread, the trainer's; group().Stop from any thread.
// Call order: Begin (Synchronize (update AfterUpdate)*)*
#ifndef ARMATURE_LEARNER_REPLICAS_REPLICA_SYNC_H_
#define ARMATURE_LEARNER_REPLICAS_REPLICA_SYNC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/metrics/metrics.h"
#include "learner/algorithms/algorithm.h"
#include "learner/nn/gradient_exchange.h"
#include "learner/replicas/replica_group.h"
#include "learner/replicas/shared_state.h"

namespace armature {

class ReplicaSync : public GradientExchange {
 public:
  struct Options {
    bool average_gradients = false;
    int64_t average_every_updates = 1;
  };
  struct Metrics {
    Histogram round_duration_seconds;
    Counter rounds;
  };
  // `group` must outlive it.
  ReplicaSync(const Options& options, const Metrics& metrics, ReplicaGroup* group);

  // Call before the first update of `algorithm`, which must outlive this. Errors: as
  // ReplicaGroup::Begin.
  absl::Status Begin(const ReplicaGroup::Identity& identity, Algorithm* algorithm);

  // As ReplicaGroup::Synchronize.
  absl::StatusOr<ReplicaGroup::Standing> Synchronize(uint64_t env_steps);

  // Call after each update; runs a round if one is due. Returns OK even if this replica was left
  // behind (the next Synchronize says so); InvalidArgument if the mean does not fit the algorithm;
  // DataLoss if this replica's part is not finite (named), and then it was not sent.
  absl::Status AfterUpdate(uint64_t env_steps);

  // Called by the algorithm. If there is no mean, the update uses this replica's own gradients, and
  // the next Synchronize says what happened. The same if the gradients are not finite; they are not
  // sent.
  void Average(const std::vector<at::Tensor>& gradients) override;

  ReplicaGroup& group() { return *group_; }

 private:
  absl::StatusOr<NamedTensors> Round(const NamedTensors& own);

  const Options options_;
  Metrics metrics_;
  ReplicaGroup* const group_;
  Algorithm* algorithm_ = nullptr;
  std::optional<SharedState> state_;
  uint64_t env_steps_ = 0;      // This replica's, at the last Synchronize or AfterUpdate.
  int64_t averaged_steps_ = 0;  // learner_steps at the last AfterUpdate.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICA_SYNC_H_

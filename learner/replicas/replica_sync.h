// When a replica takes means with the others, and of what: its algorithm's state every
// average_every_updates gradient steps and, with averaging=gradients, every gradient.
//
// Thread safety: Stop from any thread; the others are the trainer's.
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

  // Before the first update of `algorithm`, which must outlive it.
  // Errors: as ReplicaGroup::Begin.
  absl::Status Begin(const ReplicaGroup::Identity& identity, Algorithm* algorithm);

  // As ReplicaGroup::Synchronize.
  absl::StatusOr<ReplicaGroup::Standing> Synchronize(uint64_t env_steps);

  // After each update: a round, if one is due.
  // OK, also where this replica was left behind (Synchronize says so next);
  // InvalidArgument: the mean does not fit the algorithm; DataLoss: this replica's part is
  // not finite (named), and the others have not got it.
  absl::Status AfterUpdate(uint64_t env_steps);

  // Called by the algorithm. Where no mean comes the gradients stay this replica's
  // own: the update ends with them, and then Synchronize says what became of it. So do
  // gradients that are not finite, which the others do not get.
  void Average(const std::vector<at::Tensor>& gradients) override;

  ReplicaGroup& group() { return *group_; }

 private:
  absl::StatusOr<NamedTensors> Round(const NamedTensors& own);

  const Options options_;
  Metrics metrics_;
  ReplicaGroup* const group_;
  Algorithm* algorithm_ = nullptr;
  std::optional<SharedState> state_;
  uint64_t env_steps_ = 0;      // This replica's, of the last Synchronize.
  int64_t averaged_steps_ = 0;  // learner_steps when AfterUpdate was last called.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICA_SYNC_H_

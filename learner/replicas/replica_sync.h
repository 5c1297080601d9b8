// Decides when a replica averages what with the others: its algorithm's state every
// average_every_updates gradient steps and, with averaging=gradients, also every gradient.
//
// Thread safety and call order: as for Replication.
#ifndef ARMATURE_LEARNER_REPLICAS_REPLICA_SYNC_H_
#define ARMATURE_LEARNER_REPLICAS_REPLICA_SYNC_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/metrics/metrics.h"
#include "learner/algorithms/algorithm.h"
#include "learner/nn/gradient_exchange.h"
#include "learner/replicas/replica_group.h"
#include "learner/replicas/replication.h"
#include "learner/replicas/shared_state.h"

namespace armature {

class ReplicaSync final : public Replication, public GradientExchange {
 public:
  using Standing = ReplicaGroup::Standing;

  struct Options {
    bool average_gradients = false;
    int64_t average_every_updates = 1;
  };
  struct Metrics {
    Histogram average_duration_seconds;
    Counter averages;
  };
  // `group` must outlive this.
  ReplicaSync(const Options& options, const Metrics& metrics, ReplicaGroup* group);

  absl::Status Begin(const ReplicaGroup::Identity& identity, Algorithm* algorithm) override;
  absl::StatusOr<Standing> Synchronize(uint64_t env_steps) override;
  absl::Status AfterUpdate(uint64_t env_steps) override;
  void End(const std::string& reason) override { group_->End(reason); }
  void Stop() override { group_->Stop(); }
  bool leads_run() const override { return group_->leads_run(); }
  bool makes_run_alone() const override { return false; }
  bool in_step() const override { return in_step_; }
  uint64_t others_env_steps() const override { return group_->others_env_steps(); }
  absl::Time next_deadline() const override { return group_->next_deadline(); }
  std::string Waiting() const override { return group_->Waiting(); }
  void set_on_wait(std::function<void(const std::string&)> on_wait) override {
    group_->set_on_wait(std::move(on_wait));
  }

  // Called by the algorithm. If the average fails, the update uses this replica's own gradients,
  // and the next Synchronize says what happened. Gradients that are not finite are not sent; the
  // update uses them as they are.
  void Average(const std::vector<at::Tensor>& gradients) override;

  ReplicaGroup& group() { return *group_; }

 private:
  absl::StatusOr<NamedTensors> MeanWithOthers(const NamedTensors& own);

  const Options options_;
  Metrics metrics_;
  ReplicaGroup* const group_;
  Algorithm* algorithm_ = nullptr;
  std::optional<SharedState> state_;
  bool in_step_;                // As of the last Synchronize.
  uint64_t env_steps_ = 0;      // This replica's, as of the last Synchronize or AfterUpdate.
  int64_t averaged_steps_ = 0;  // learner_steps when AfterUpdate was last called.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICA_SYNC_H_

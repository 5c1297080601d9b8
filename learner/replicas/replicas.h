// A learner's role in its run: alone, replica 0 of several, or one of the other replicas.
//
// Thread safety: none.
#ifndef ARMATURE_LEARNER_REPLICAS_REPLICAS_H_
#define ARMATURE_LEARNER_REPLICAS_REPLICAS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/run_config/run_config.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"
#include "grpcpp/impl/service_type.h"
#include "learner/replicas/replica_group.h"
#include "learner/replicas/replica_service.h"
#include "learner/replicas/replication.h"
#include "learner/status/learner_metrics.h"

namespace armature {

// Which of the learner.replicas learners this one is.
struct ReplicaRole {
  int64_t replica = 0;
  std::shared_ptr<grpc::Channel> host;  // Channel to replica 0; null in replica 0 itself.
};

class Replicas {
 public:
  // `run_id` is this learner's own. `metrics` and `trainer` must outlive this.
  Replicas(const RunConfig& config, const ReplicaRole& role, const std::string& run_id,
           LearnerMetrics* metrics, WakeSignal* trainer);

  Replication& replication() { return *replication_; }
  // Services to serve besides LearnerService; empty except in replica 0 of several.
  std::vector<grpc::Service*> services() const;

 private:
  std::unique_ptr<ReplicaGroup> group_;          // Null if alone.
  std::unique_ptr<ReplicaServiceImpl> service_;  // Null except in replica 0 of several.
  std::unique_ptr<Replication> replication_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICAS_H_

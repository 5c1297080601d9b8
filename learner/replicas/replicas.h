// One learner's part in a run with several learners: its ReplicaGroup (replica 0's side or a
// member's), with its service and sync.
//
// Thread safety: none of its own.
#ifndef ARMATURE_LEARNER_REPLICAS_REPLICAS_H_
#define ARMATURE_LEARNER_REPLICAS_REPLICAS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "common/run_config/run_config.h"
#include "common/sync/wake_signal.h"
#include "grpcpp/channel.h"
#include "grpcpp/impl/service_type.h"
#include "learner/replicas/replica_group.h"
#include "learner/replicas/replica_service.h"
#include "learner/replicas/replica_sync.h"
#include "learner/status/learner_metrics.h"

namespace armature {

// Which of the learner.replicas learners this one is.
struct ReplicaRole {
  int64_t replica = 0;
  std::shared_ptr<grpc::Channel> host;  // Channel to replica 0; null in replica 0 itself.
};

class Replicas {
 public:
  // Returns null if learner.replicas is 1. `run_id` is this learner's own. `metrics` and `trainer`
  // must outlive the result.
  static std::unique_ptr<Replicas> Create(const RunConfig& config, const ReplicaRole& role,
                                          const std::string& run_id, LearnerMetrics* metrics,
                                          WakeSignal* trainer);

  ReplicaSync& sync() { return *sync_; }
  // Serve it beside LearnerService. Null except in replica 0.
  grpc::Service* service() { return service_.get(); }

 private:
  Replicas() = default;

  std::unique_ptr<ReplicaGroup> group_;
  std::unique_ptr<ReplicaServiceImpl> service_;
  std::unique_ptr<ReplicaSync> sync_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLICAS_REPLICAS_H_

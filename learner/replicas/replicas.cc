#include "learner/replicas/replicas.h"

#include <utility>

#include "absl/time/time.h"
#include "learner/replicas/alone.h"
#include "learner/replicas/replica_host.h"
#include "learner/replicas/replica_member.h"
#include "learner/replicas/replica_sync.h"

namespace armature {

Replicas::Replicas(const RunConfig& config, const ReplicaRole& role, const std::string& run_id,
                   LearnerMetrics* metrics, WakeSignal* trainer) {
  if (config.learner.replicas == 1) {
    replication_ = std::make_unique<Alone>();
    return;
  }
  if (role.host == nullptr) {
    auto host = std::make_unique<ReplicaHost>(
        ReplicaHost::Options{run_id, config.learner.replicas,
                             absl::Seconds(config.learner.average_timeout_s)},
        ReplicaHost::Metrics{metrics->replicas, metrics->replicas_lost}, trainer);
    service_ = std::make_unique<ReplicaServiceImpl>(host.get());
    group_ = std::move(host);
  } else {
    group_ = std::make_unique<ReplicaMember>(role.replica, role.host, trainer);
  }
  ReplicaSync::Options options;
  options.average_gradients = config.learner.averaging == "gradients";
  options.average_every_updates = config.learner.average_every_updates;
  replication_ = std::make_unique<ReplicaSync>(
      options, ReplicaSync::Metrics{metrics->average_duration_seconds, metrics->average_rounds},
      group_.get());
}

std::vector<grpc::Service*> Replicas::services() const {
  if (service_ == nullptr) return {};
  return {service_.get()};
}

}  // namespace armature

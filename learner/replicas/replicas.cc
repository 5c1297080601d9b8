#include "learner/replicas/replicas.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/time/time.h"
#include "learner/replicas/replica_host.h"
#include "learner/replicas/replica_member.h"

namespace armature {

std::unique_ptr<Replicas> Replicas::Create(const RunConfig& config, const ReplicaRole& role,
                                           const std::string& run_id, LearnerMetrics* metrics,
                                           WakeSignal* trainer) {
  if (config.learner.replicas == 1) return nullptr;
  auto replicas = absl::WrapUnique(new Replicas());
  if (role.host == nullptr) {
    auto host = std::make_unique<ReplicaHost>(
        ReplicaHost::Options{run_id, config.learner.replicas,
                             absl::Seconds(config.learner.average_timeout_s)},
        ReplicaHost::Metrics{metrics->replicas, metrics->replicas_lost}, trainer);
    replicas->service_ = std::make_unique<ReplicaServiceImpl>(host.get());
    replicas->group_ = std::move(host);
  } else {
    replicas->group_ = std::make_unique<ReplicaMember>(role.replica, role.host, trainer);
  }
  ReplicaSync::Options options;
  options.average_gradients = config.learner.averaging == "gradients";
  options.average_every_updates = config.learner.average_every_updates;
  replicas->sync_ = std::make_unique<ReplicaSync>(
      options, ReplicaSync::Metrics{metrics->average_duration_seconds, metrics->average_rounds},
      replicas->group_.get());
  return replicas;
}

}  // namespace armature

// The actor's metrics; names and descriptions are in actor_metrics.cc.
//
// Thread safety: handles may be used from any thread.
#ifndef ARMATURE_ACTOR_STATUS_ACTOR_METRICS_H_
#define ARMATURE_ACTOR_STATUS_ACTOR_METRICS_H_

#include "common/metrics/metrics.h"

namespace armature {

struct ActorMetrics {
  explicit ActorMetrics(MetricsRegistry* registry);

  Counter env_steps;
  Counter episodes;
  Histogram inference_duration;
  Histogram inference_batch_size;
  Gauge policy_version;
  Gauge policy_lag;
  Gauge parameter_noise_std;
  Gauge parameter_noise_distance;
  Gauge unacked_batches;
  Counter batches_sent;
  Counter batches_resent;
  Counter batches_refused;
  Counter wait_learner;
  Counter wait_env;
  Counter wait_grant;
  Gauge sessions;
  Counter reconnects_learner;
  Counter reconnects_envserver;
  Counter slot_restarts;
  Counter observations_out_of_bounds;
  Counter policy_updates;
  Counter policy_updates_refused;
  Counter evaluations;
  Counter evaluations_failed;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_STATUS_ACTOR_METRICS_H_

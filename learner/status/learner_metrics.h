// All metrics of the learner, each registered once.
//
// Thread safety: handles may be used from any thread.
#ifndef ARMATURE_LEARNER_STATUS_LEARNER_METRICS_H_
#define ARMATURE_LEARNER_STATUS_LEARNER_METRICS_H_

#include <map>
#include <string>
#include <vector>

#include "common/metrics/metrics.h"
#include "learner/status/wait_reason.h"

namespace armature {

struct LearnerMetrics {
  explicit LearnerMetrics(MetricsRegistry* registry);

  // Sets the gauges of those scalars, by tag, that have one.
  void SetScalars(const std::map<std::string, double>& by_tag);
  // Adds the gauges of the environment's metrics, NaN until they are known. Call once.
  void AddEpisodeMetrics(const std::vector<std::string>& names);
  // The learner now waits for `reason`, and for nothing else.
  void SetWaiting(WaitReason reason);

  Counter env_steps;
  Counter learner_steps;
  Counter episodes;
  Counter slot_restarts;
  Gauge policy_version;
  Histogram policy_lag;
  Gauge replay_transitions;
  Gauge replay_bytes;
  Gauge replay_fill_ratio;
  Gauge intake_queue_batches;
  Counter batches_admitted;
  Counter batches_refused_content;
  Counter batches_refused_version;
  Counter batches_refused_stale;
  Counter batches_duplicate;
  Counter insert_wait_seconds;
  Counter sample_wait_seconds;
  Histogram update_duration_seconds;
  Histogram publish_duration_seconds;
  Histogram checkpoint_duration_seconds;
  Histogram checkpoint_pause_seconds;
  Counter checkpoint_bytes;
  Gauge checkpoint_timestamp_seconds;
  Gauge checkpoint_period_seconds;
  Counter checkpoint_failures;
  Gauge actors_connected;
  Counter grants_lapsed;
  Gauge evaluation_return;
  Gauge evaluation_success_rate;
  Counter evaluation_failures;
  Gauge episode_return_mean;
  std::vector<Gauge> episode_metrics;  // In the order of AddEpisodeMetrics.
  Gauge curriculum_level;
  Gauge replicas;
  Counter replicas_lost;
  Counter average_rounds;
  Histogram average_duration_seconds;
  Gauge budget_ratio;
  Gauge time_left_seconds;
  std::map<std::string, Gauge> scalars;  // By tag.
  std::map<WaitReason, Gauge> waiting;

 private:
  MetricsRegistry* const registry_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_STATUS_LEARNER_METRICS_H_

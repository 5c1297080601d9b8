#include "learner/learner_metrics.h"

namespace armature {
namespace {

constexpr char kRefused[] = "armature_learner_batches_refused_total";
constexpr char kRefusedHelp[] =
    "Batches acknowledged but not stored: bad content, a policy version that does not exist, or "
    "too old to learn from.";
constexpr char kWait[] = "armature_learner_limiter_wait_seconds_total";
constexpr char kWaitHelp[] =
    "Time that the samples-per-insert limiter held insertion back, or sampling.";

}  // namespace

LearnerMetrics::LearnerMetrics(MetricsRegistry* registry)
    : env_steps(registry->AddCounter("armature_learner_env_steps_total",
                                     "Environment steps in admitted experience.")),
      learner_steps(
          registry->AddCounter("armature_learner_learner_steps_total", "Gradient steps.")),
      episodes(registry->AddCounter("armature_learner_episodes_total", "Training episodes ended.")),
      slot_restarts(registry->AddCounter("armature_learner_slot_restarts_total",
                                         "Environment slots replaced, as actors report.")),
      policy_version(registry->AddGauge("armature_learner_policy_version",
                                        "Newest published policy version.")),
      policy_lag(registry->AddHistogram(
          "armature_learner_policy_lag",
          "Versions between the newest policy and the oldest that a batch came from.",
          {0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500})),
      replay_transitions(
          registry->AddGauge("armature_learner_replay_transitions", "Steps held for learning.")),
      replay_bytes(registry->AddGauge("armature_learner_replay_bytes",
                                      "Memory of the steps held for learning.")),
      replay_fill_ratio(registry->AddGauge("armature_learner_replay_fill_ratio",
                                           "Steps held, as a share of what fits.")),
      intake_queue_batches(registry->AddGauge("armature_learner_intake_queue_batches",
                                              "Batches that wait for the trainer.")),
      batches_admitted(
          registry->AddCounter("armature_learner_batches_admitted_total", "Batches stored.")),
      batches_refused_content(
          registry->AddCounter(kRefused, kRefusedHelp, {{"reason", "content"}})),
      batches_refused_version(
          registry->AddCounter(kRefused, kRefusedHelp, {{"reason", "version"}})),
      batches_refused_stale(registry->AddCounter(kRefused, kRefusedHelp, {{"reason", "stale"}})),
      batches_duplicate(registry->AddCounter("armature_learner_batches_duplicate_total",
                                             "Batches that came again and were not stored.")),
      insert_wait_seconds(registry->AddCounter(kWait, kWaitHelp, {{"side", "insert"}})),
      sample_wait_seconds(registry->AddCounter(kWait, kWaitHelp, {{"side", "sample"}})),
      update_duration_seconds(registry->AddHistogram(
          "armature_learner_update_duration_seconds",
          "A gradient step (off-policy) or all epochs over a set (on-policy).", DurationBuckets())),
      publish_duration_seconds(registry->AddHistogram(
          "armature_learner_publish_duration_seconds",
          "Copying, checksumming and handing out a policy.", DurationBuckets())),
      checkpoint_duration_seconds(
          registry->AddHistogram("armature_learner_checkpoint_duration_seconds",
                                 "Writing a checkpoint.", DurationBuckets())),
      checkpoint_timestamp_seconds(
          registry->AddGauge("armature_learner_checkpoint_timestamp_seconds",
                             "When the newest checkpoint was written (Unix time); 0: none yet.")),
      checkpoint_failures(registry->AddCounter("armature_learner_checkpoint_failures_total",
                                               "Checkpoints that could not be written.")),
      actors_connected(
          registry->AddGauge("armature_learner_actors_connected", "Open experience streams.")),
      grants_lapsed(registry->AddCounter("armature_learner_grants_lapsed_total",
                                         "Grants to collect that no trajectory answered in time.")),
      evaluation_return(registry->AddGauge("armature_learner_evaluation_return",
                                           "Mean return of the latest evaluation.")),
      evaluation_success_rate(registry->AddGauge("armature_learner_evaluation_success_rate",
                                                 "Success rate of the latest evaluation.")),
      evaluation_failures(registry->AddCounter("armature_learner_evaluation_failures_total",
                                               "Evaluations that had to be asked for again.")),
      episode_return_mean(registry->AddGauge("armature_learner_episode_return_mean",
                                             "Mean return of the last 100 training episodes.")),
      replicas(registry->AddGauge("armature_learner_replicas",
                                  "Replicas that average, as replica 0 sees them; 0: another "
                                  "replica, or learner.replicas is 1.")),
      replicas_lost(registry->AddCounter(
          "armature_learner_replicas_lost_total",
          "Times that a replica died, or was left behind by the others (replica 0's count).")),
      average_rounds(registry->AddCounter("armature_learner_average_rounds_total",
                                          "Averages over replicas that this one took part in.")),
      average_duration_seconds(registry->AddHistogram(
          "armature_learner_average_duration_seconds",
          "An average over replicas, waiting for the others included.", DurationBuckets())) {}

}  // namespace armature

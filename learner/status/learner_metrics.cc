#include "learner/status/learner_metrics.h"

#include <limits>

namespace armature {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A gauge with a value that is not known yet.
Gauge AddUnknown(MetricsRegistry* registry, const char* name, const char* help,
                 const MetricLabels& labels = {}) {
  Gauge gauge = registry->AddGauge(name, help, labels);
  gauge.Set(kNaN);
  return gauge;
}

std::map<std::string, Gauge> AddScalars(MetricsRegistry* registry) {
  constexpr char kLoss[] = "armature_learner_loss";
  constexpr char kLossHelp[] =
      "Losses, means over the updates since the last log; NaN: the algorithm has none such.";
  std::map<std::string, Gauge> scalars;
  for (const char* kind : {"actor", "critic", "policy", "value", "cloning"}) {
    scalars.emplace(std::string("train/") + kind + "_loss",
                    AddUnknown(registry, kLoss, kLossHelp, {{"kind", kind}}));
  }
  scalars.emplace("train/entropy", AddUnknown(registry, "armature_learner_entropy_nats",
                                              "Entropy of the policy (SAC, PPO)."));
  scalars.emplace("train/temperature", AddUnknown(registry, "armature_learner_temperature",
                                                  "Weight of the entropy (SAC)."));
  scalars.emplace("train/approx_kl",
                  AddUnknown(registry, "armature_learner_kl_divergence_nats",
                             "Of the policy after an epoch from that which collected (PPO)."));
  scalars.emplace("train/learning_rate", AddUnknown(registry, "armature_learner_learning_rate",
                                                    "Step size of the optimiser."));
  return scalars;
}

std::map<WaitReason, Gauge> AddWaiting(MetricsRegistry* registry) {
  std::map<WaitReason, Gauge> waiting;
  for (const WaitReason reason : kWaitReasons) {
    waiting.emplace(reason, registry->AddGauge(
                                "armature_learner_waiting",
                                "1: this is waited for, by the learner, or by the actors: learner.",
                                {{"reason", WaitLabel(reason)}}));
  }
  return waiting;
}

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
                                 "Writing a checkpoint, beside training.", DurationBuckets())),
      checkpoint_pause_seconds(
          registry->AddHistogram("armature_learner_checkpoint_pause_seconds",
                                 "Training stood still for a checkpoint: to take its snapshot and, "
                                 "if it had to come at this step, to wait for the one before.",
                                 DurationBuckets())),
      checkpoint_bytes(registry->AddCounter("armature_learner_checkpoint_bytes_total",
                                            "Written into checkpoints.")),
      checkpoint_timestamp_seconds(
          registry->AddGauge("armature_learner_checkpoint_timestamp_seconds",
                             "When the newest checkpoint was written (Unix time); 0: none yet.")),
      checkpoint_period_seconds(
          registry->AddGauge("armature_learner_checkpoint_period_seconds",
                             "checkpoint.every_s; 0: not by time (reproducible runs).")),
      checkpoint_failures(registry->AddCounter("armature_learner_checkpoint_failures_total",
                                               "Checkpoints that could not be written.")),
      actors_connected(
          registry->AddGauge("armature_learner_actors_connected", "Open experience streams.")),
      grants_lapsed(registry->AddCounter("armature_learner_grants_lapsed_total",
                                         "Grants to collect that no trajectory answered in time.")),
      evaluation_return(AddUnknown(registry, "armature_learner_evaluation_return",
                                   "Mean return of the latest evaluation; NaN: none yet.")),
      evaluation_success_rate(
          AddUnknown(registry, "armature_learner_evaluation_success_rate",
                     "Success rate of the latest evaluation; NaN: none yet, or not reported.")),
      evaluation_failures(registry->AddCounter("armature_learner_evaluation_failures_total",
                                               "Evaluations that had to be asked for again.")),
      episode_return_mean(
          AddUnknown(registry, "armature_learner_episode_return_mean",
                     "Mean return of the last 100 training episodes; NaN: none yet.")),
      curriculum_level(AddUnknown(registry, "armature_learner_curriculum_level",
                                  "Present value of curriculum.parameter; NaN: no curriculum.")),
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
          "An average over replicas, waiting for the others included.", DurationBuckets())),
      budget_ratio(registry->AddGauge(
          "armature_learner_budget_ratio",
          "Env steps made, of all replicas, as a share of run.total_env_steps.")),
      time_left_seconds(
          AddUnknown(registry, "armature_learner_time_left_seconds",
                     "Until the env steps are made, at the pace of late; NaN: not known yet.")),
      scalars(AddScalars(registry)),
      waiting(AddWaiting(registry)),
      registry_(registry) {}

void LearnerMetrics::AddEpisodeMetrics(const std::vector<std::string>& names) {
  episode_metrics.clear();
  for (const std::string& name : names) {
    episode_metrics.push_back(
        AddUnknown(registry_, "armature_learner_episode_metric_mean",
                   "The environment's own metrics, means over the last 100 training episodes; NaN: "
                   "none yet. Reward terms are sums.",
                   {{"name", name}}));
  }
}

void LearnerMetrics::SetScalars(const std::map<std::string, double>& by_tag) {
  for (const auto& [tag, value] : by_tag) {
    const auto gauge = scalars.find(tag);
    if (gauge != scalars.end()) gauge->second.Set(value);
  }
}

void LearnerMetrics::SetWaiting(WaitReason reason) {
  for (auto& [each, gauge] : waiting) gauge.Set(each == reason ? 1 : 0);
}

}  // namespace armature

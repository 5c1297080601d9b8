#include "actor/status/actor_metrics.h"

namespace armature {
namespace {

constexpr char kWait[] = "armature_actor_wait_seconds_total";
constexpr char kWaitHelp[] = "Seconds in which nothing could be stepped, by whom it waited for.";
constexpr char kReconnects[] = "armature_actor_reconnects_total";
constexpr char kReconnectsHelp[] = "Sessions and connections made again after a loss or a move.";

}  // namespace

ActorMetrics::ActorMetrics(MetricsRegistry* registry)
    : env_steps(registry->AddCounter("armature_actor_env_steps_total",
                                     "Training steps taken, voided ones too.")),
      episodes(registry->AddCounter("armature_actor_episodes_total", "Training episodes ended.")),
      inference_duration(registry->AddHistogram("armature_actor_inference_duration_seconds",
                                                "One forward pass, observations in to actions out.",
                                                DurationBuckets())),
      inference_batch_size(registry->AddHistogram("armature_actor_inference_batch_size",
                                                  "Observations in one forward pass.",
                                                  {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024})),
      policy_version(
          registry->AddGauge("armature_actor_policy_version", "Newest policy version at hand.")),
      policy_lag(registry->AddGauge("armature_actor_policy_lag",
                                    "Newest version less the oldest in the last batch.")),
      parameter_noise_std(
          registry->AddGauge("armature_actor_parameter_noise_std",
                             "Deviation of the noise on the weights, a mean over slots.")),
      parameter_noise_distance(registry->AddGauge(
          "armature_actor_parameter_noise_action_distance",
          "RMS distance of the actions that it makes from the policy's, a mean over slots.")),
      unacked_batches(registry->AddGauge("armature_actor_unacked_batches",
                                         "Batches that the learner has not acknowledged.")),
      batches_sent(registry->AddCounter("armature_actor_batches_sent_total",
                                        "Experience batches written, resent ones too.")),
      batches_resent(registry->AddCounter("armature_actor_batches_resent_total",
                                          "Experience batches written again after a reconnect.")),
      batches_refused(registry->AddCounter("armature_actor_batches_refused_total",
                                           "Experience batches that the learner refused.")),
      wait_learner(registry->AddCounter(kWait, kWaitHelp, {{"reason", "learner"}})),
      wait_env(registry->AddCounter(kWait, kWaitHelp, {{"reason", "env"}})),
      wait_grant(registry->AddCounter(kWait, kWaitHelp, {{"reason", "grant"}})),
      sessions(registry->AddGauge("armature_actor_sessions", "Open training sessions.")),
      reconnects_learner(registry->AddCounter(kReconnects, kReconnectsHelp, {{"peer", "learner"}})),
      reconnects_envserver(
          registry->AddCounter(kReconnects, kReconnectsHelp, {{"peer", "envserver"}})),
      slot_restarts(registry->AddCounter("armature_actor_slot_restarts_total",
                                         "Slots whose simulator an env server replaced.")),
      observations_out_of_bounds(registry->AddCounter(
          "armature_actor_observations_out_of_bounds_total",
          "Observed values outside the bounds that the environment declares.")),
      policy_updates(
          registry->AddCounter("armature_actor_policy_updates_total", "Policies taken in.")),
      policy_updates_refused(registry->AddCounter(
          "armature_actor_policy_updates_refused_total",
          "Policies refused for their checksum, names, shapes, values or version.")),
      evaluations(registry->AddCounter("armature_actor_evaluations_total",
                                       "Evaluations carried out and reported.")),
      evaluations_failed(registry->AddCounter("armature_actor_evaluations_failed_total",
                                              "Evaluations that could not be carried out.")) {}

}  // namespace armature

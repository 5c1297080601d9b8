#include "envserver/service/env_service_metrics.h"

#include "absl/strings/ascii.h"

namespace armature {
namespace {

constexpr absl::StatusCode kRefusalCodes[] = {
    absl::StatusCode::kInvalidArgument,    absl::StatusCode::kNotFound,
    absl::StatusCode::kFailedPrecondition, absl::StatusCode::kResourceExhausted,
    absl::StatusCode::kUnavailable,        absl::StatusCode::kInternal,
    absl::StatusCode::kDeadlineExceeded,
};

Counter RestartCounter(absl::string_view cause, MetricsRegistry* registry) {
  return registry->AddCounter("armature_envserver_slot_restarts_total",
                              "Simulators replaced, by what was wrong with the old one.",
                              {{"cause", std::string(cause)}});
}

}  // namespace

EnvServiceMetrics::EnvServiceMetrics(const std::vector<std::string>& env_ids,
                                     MetricsRegistry* registry)
    : step_duration(registry->AddHistogram(
          "armature_envserver_step_duration_seconds",
          "From an action batch's arrival to its step batch, all slots of the group.",
          DurationBuckets())),
      actions_wait(registry->AddHistogram(
          "armature_envserver_actions_wait_seconds",
          "How long the slots of a group waited for the client's actions.", DurationBuckets())),
      sessions(registry->AddGauge("armature_envserver_sessions", "Sessions open.")),
      slots_in_use(registry->AddGauge("armature_envserver_slots_in_use",
                                      "Environments that sessions hold.")),
      slots_total(registry->AddGauge("armature_envserver_slots",
                                     "Environments that this server will host at once.")),
      leases_expired(registry->AddCounter("armature_envserver_leases_expired_total",
                                          "Sessions ended because their client was silent.")),
      threw_(RestartCounter("threw", registry)),
      hung_(RestartCounter("hung", registry)),
      not_finite_(RestartCounter("not_finite", registry)) {
  for (const std::string& id : env_ids) {
    steps_.emplace(id, registry->AddCounter("armature_envserver_steps_total",
                                            "Control steps simulated.", {{"env", id}}));
    episodes_.emplace(id, registry->AddCounter("armature_envserver_episodes_total",
                                               "Episodes ended.", {{"env", id}}));
  }
  for (absl::StatusCode code : kRefusalCodes) {
    refusals_.emplace(
        code, registry->AddCounter(
                  "armature_envserver_refusals_total", "Sessions and calls refused, by status.",
                  {{"reason", absl::AsciiStrToLower(absl::StatusCodeToString(code))}}));
  }
}

void EnvServiceMetrics::CountStep(absl::string_view env_id, int64_t slots, bool first,
                                  const StepOutcome& outcome) {
  if (!first) steps_.find(env_id)->second.Increment(static_cast<double>(slots));
  if (outcome.episodes > 0) {
    episodes_.find(env_id)->second.Increment(static_cast<double>(outcome.episodes));
  }
  if (outcome.threw > 0) threw_.Increment(static_cast<double>(outcome.threw));
  if (outcome.hung > 0) hung_.Increment(static_cast<double>(outcome.hung));
  if (outcome.not_finite > 0) not_finite_.Increment(static_cast<double>(outcome.not_finite));
}

void EnvServiceMetrics::CountRefusal(const absl::Status& status) {
  const auto counter = refusals_.find(status.code());
  if (counter != refusals_.end()) counter->second.Increment();
}

}  // namespace armature

// The env server's Prometheus metrics.
//
// Thread safety: all methods.
#ifndef ARMATURE_ENVSERVER_SERVICE_ENV_SERVICE_METRICS_H_
#define ARMATURE_ENVSERVER_SERVICE_ENV_SERVICE_METRICS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/metrics/metrics.h"
#include "envserver/slots/vector_env.h"

namespace armature {

class EnvServiceMetrics {
 public:
  // `registry` must outlive this.
  EnvServiceMetrics(const std::vector<std::string>& env_ids, MetricsRegistry* registry);

  // Counts one step of a group of `slots`; `first`: the group only began, which is not a step.
  void CountStep(absl::string_view env_id, int64_t slots, bool first, const StepOutcome& outcome);
  // Counts a session or call that ended with `status` because of a client error or a refusal.
  void CountRefusal(const absl::Status& status);

  Histogram step_duration;
  Histogram actions_wait;
  Gauge sessions;
  Gauge slots_in_use;
  Gauge slots_total;
  Counter leases_expired;

 private:
  std::map<std::string, Counter, std::less<>> steps_;
  std::map<std::string, Counter, std::less<>> episodes_;
  Counter threw_;
  Counter hung_;
  Counter not_finite_;
  std::map<absl::StatusCode, Counter> refusals_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_SERVICE_ENV_SERVICE_METRICS_H_

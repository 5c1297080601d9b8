// The one line that says how a run goes.
//
// Thread safety: compatible.
#ifndef ARMATURE_DEPLOY_LAUNCHER_REPORT_PROGRESS_REPORT_H_
#define ARMATURE_DEPLOY_LAUNCHER_REPORT_PROGRESS_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/metrics/pace.h"
#include "proto/learner_service.pb.h"

namespace armature {

// 1234567 -> "1,234,567"
std::string WithCommas(uint64_t number);

class ProgressReport {
 public:
  // Time without a step of environment or learner after which the line says who
  // waits for whom.
  static constexpr absl::Duration kStallAfter = absl::Seconds(10);

  // `env_steps_total`: the run's budget.
  ProgressReport(absl::Time start, int64_t env_steps_total)
      : env_steps_total_(env_steps_total), start_(start), last_time_(start), last_moved_(start) {}

  // From the learner's answer, or why there was none, at `now`. Rates are those
  // since the call before.
  std::string Line(const absl::StatusOr<v1::StatusResponse>& status, absl::Time now);

  // Of a run with these replicas, replica 0 first: env steps are those of all, the rest
  // is replica 0's, and then what each replica has.
  std::string Line(const std::vector<absl::StatusOr<v1::StatusResponse>>& replicas, absl::Time now);

  // Whether the last line told of a stall.
  bool stalled() const { return stalled_; }

 private:
  // What is made of the budget, what is left and how long that takes.
  std::string Budget(absl::Time now);

  const int64_t env_steps_total_;
  const absl::Time start_;
  Pace pace_;
  absl::Time last_time_;
  absl::Time last_moved_;
  bool has_last_ = false;
  bool stalled_ = false;
  uint64_t env_steps_ = 0;
  uint64_t learner_steps_ = 0;
  std::vector<uint64_t> replica_env_steps_;  // Those last heard of.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_REPORT_PROGRESS_REPORT_H_

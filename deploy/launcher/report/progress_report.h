// Formats the progress line of a run.
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

// For example 1234567 -> "1,234,567".
std::string WithCommas(uint64_t number);

class ProgressReport {
 public:
  // After this time without an env step or learner step, the line says who is waiting for whom.
  static constexpr absl::Duration kStallAfter = absl::Seconds(10);

  // `env_steps_total` is the run's budget.
  ProgressReport(absl::Time start, int64_t env_steps_total)
      : env_steps_total_(env_steps_total), start_(start), last_time_(start), last_moved_(start) {}

  // Formats the learner's status, or why there is none, at `now`. Rates are averages since the
  // previous call.
  std::string Line(const absl::StatusOr<v1::StatusResponse>& status, absl::Time now);

  // For a run with these replicas, replica 0 first: env steps are the sum over all, the rest is
  // from replica 0; then lists the env steps of each replica.
  std::string Line(const std::vector<absl::StatusOr<v1::StatusResponse>>& replicas, absl::Time now);

  // Whether the last line reported a stall.
  bool stalled() const { return stalled_; }

 private:
  // Share of the budget that is done, steps left, and the time that they will take.
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
  std::vector<uint64_t> replica_env_steps_;  // As last reported.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_REPORT_PROGRESS_REPORT_H_

// Reports on a run: rows in its folder, its status on the status board, and metrics of what was
// collected and evaluated.
//
// Thread safety: none; belongs to the trainer's thread.
#ifndef ARMATURE_LEARNER_TRAINING_RUN_REPORTER_H_
#define ARMATURE_LEARNER_TRAINING_RUN_REPORTER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/metrics/pace.h"
#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "learner/run/run_directory.h"
#include "learner/service/evaluation_scheduler.h"
#include "learner/status/learner_metrics.h"
#include "learner/status/status_board.h"
#include "learner/status/wait_reason.h"
#include "learner/training/curriculum.h"
#include "learner/training/learning_core.h"
#include "learner/training/run_checkpoint.h"
#include "learner/training/training_window.h"
#include "proto/learner_service.pb.h"

namespace armature {

// Logs an error that the run can do without.
void LogIfError(const absl::Status& status);

class RunReporter {
 public:
  // The present state of the run.
  struct Moment {
    RunCounters counters;                    // This learner's, so far.
    uint64_t run_env_steps = 0;              // Sum over all replicas.
    uint64_t policy_version = 0;             // The newest.
    LearningCore* core = nullptr;            // Null until the environment is known.
    bool reports_success = false;            // Whether the environment does.
    const Curriculum* curriculum = nullptr;  // Null: none.
    bool finished = false;
    bool target_reached = false;
  };

  // All pointers must outlive this.
  RunReporter(const RunConfig& config, RunDirectory* directory, LearnerMetrics* metrics,
              StatusBoard* status);

  // From now on there is something to log, of runs in `env`.
  void Begin(const EnvSpec& env, absl::Time now);

  // Rates start here. `counters` is what was done before.
  void GoOnFrom(const RunCounters& counters);

  // Counts a batch that arrived while `newest_version` was the newest policy.
  void Count(const v1::ExperienceBatch& batch, uint64_t newest_version);

  // When the next row of progress is due; InfiniteFuture before Begin.
  absl::Time next_log() const { return next_log_; }
  // Writes that row: the algorithm's scalars since the last one, and what was collected.
  void Log(const Moment& moment);
  // Writes a row for an evaluation.
  void LogEvaluation(const EvaluationOutcome& outcome, const Moment& moment);

  // Whether the status board should be updated although the trainer is busy.
  bool ReportDue(absl::Time now) const;
  void Report(const Moment& moment, const WaitState& waiting);

 private:
  const RunConfig config_;
  RunDirectory* const directory_;
  LearnerMetrics* const metrics_;
  StatusBoard* const status_;

  std::vector<std::string> metric_names_;  // The spec's, in order.
  TrainingWindow window_;
  Pace pace_;  // For the run's env steps.
  std::optional<EvaluationOutcome> last_outcome_;
  absl::Time next_log_ = absl::InfiniteFuture();
  absl::Time last_log_ = absl::InfinitePast();
  uint64_t logged_env_steps_ = 0;
  uint64_t logged_learner_steps_ = 0;
  absl::Time last_report_ = absl::InfinitePast();
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_RUN_REPORTER_H_

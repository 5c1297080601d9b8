// How far a run has come: what this learner has counted, and what all replicas have made.
//
// Thread safety: none; belongs to the trainer's thread.
#ifndef ARMATURE_LEARNER_TRAINING_RUN_PROGRESS_H_
#define ARMATURE_LEARNER_TRAINING_RUN_PROGRESS_H_

#include <cstdint>

#include "absl/time/time.h"
#include "learner/replicas/replication.h"
#include "learner/training/run_checkpoint.h"
#include "proto/learner_service.pb.h"

namespace armature {

class RunProgress {
 public:
  // `total_env_steps` is the run's budget; `replication` must outlive it.
  RunProgress(uint64_t total_env_steps, const Replication* replication)
      : total_env_steps_(total_env_steps), replication_(replication) {}

  // What was counted before this process.
  void GoOnFrom(const RunCounters& counters) { counters_ = counters; }

  // The time of the run begins with the first batch, and goes on from the first of a process.
  void CountBatch(const v1::ExperienceBatch& batch);
  void CountAdmitted() { ++counters_.batches_admitted; }
  void CountRefused() { ++counters_.batches_refused; }
  void CountEvaluation() { ++counters_.evaluations; }
  void set_learner_steps(uint64_t steps) { counters_.learner_steps = steps; }

  // This learner's, up to now.
  RunCounters counters() const;
  uint64_t env_steps() const { return counters_.env_steps; }
  uint64_t learner_steps() const { return counters_.learner_steps; }
  uint64_t batches_admitted() const { return counters_.batches_admitted; }
  // Of all replicas.
  uint64_t run_env_steps() const { return counters_.env_steps + replication_->others_env_steps(); }
  bool is_budget_spent() const { return run_env_steps() >= total_env_steps_; }
  // How much of the budget is spent, in [0, 1].
  double fraction() const;

 private:
  const uint64_t total_env_steps_;
  const Replication* const replication_;
  RunCounters counters_;                                  // Its time is that of former processes.
  absl::Time first_experience_ = absl::InfiniteFuture();  // Of this process.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_RUN_PROGRESS_H_

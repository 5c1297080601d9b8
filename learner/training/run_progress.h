// A run's progress: this learner's counts and the env steps of all replicas.
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
  // `total_env_steps` is the run's budget. `replication` must outlive this.
  RunProgress(uint64_t total_env_steps, const Replication* replication)
      : total_env_steps_(total_env_steps), replication_(replication) {}

  // `counters` is what earlier processes of the run have counted.
  void GoOnFrom(const RunCounters& counters) { counters_ = counters; }

  // The run's time starts with its first batch. In a later process it continues with that process's
  // first batch.
  void CountBatch(const v1::ExperienceBatch& batch);
  void CountAdmitted() { ++counters_.batches_admitted; }
  void CountRefused() { ++counters_.batches_refused; }
  void CountEvaluation() { ++counters_.evaluations; }
  void set_learner_steps(uint64_t steps) { counters_.learner_steps = steps; }

  // This learner's counts up to now.
  RunCounters counters() const;
  uint64_t env_steps() const { return counters_.env_steps; }
  uint64_t learner_steps() const { return counters_.learner_steps; }
  uint64_t batches_admitted() const { return counters_.batches_admitted; }
  // Env steps of all replicas.
  uint64_t run_env_steps() const { return counters_.env_steps + replication_->others_env_steps(); }
  bool is_budget_spent() const { return run_env_steps() >= total_env_steps_; }
  // How much of the budget is spent, in [0, 1].
  double fraction() const;

 private:
  const uint64_t total_env_steps_;
  const Replication* const replication_;
  RunCounters counters_;                                  // wall_s is for earlier processes only.
  absl::Time first_experience_ = absl::InfiniteFuture();  // In this process.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_RUN_PROGRESS_H_

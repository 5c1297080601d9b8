// Whether a run can go on: what it has learned is finite, and what came could be learned
// from. What is wrong is its failure.
//
// Thread safety: none; belongs to the trainer's thread.
#ifndef ARMATURE_LEARNER_TRAINING_RUN_HEALTH_H_
#define ARMATURE_LEARNER_TRAINING_RUN_HEALTH_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "common/run_config/run_config.h"
#include "learner/replicas/replication.h"
#include "learner/training/learning_core.h"
#include "learner/training/run_progress.h"

namespace armature {

class RunHealth {
 public:
  // `run_dir` is the run's folder; the pointers must outlive it.
  RunHealth(const RunConfig& config, const std::string& run_dir, const RunProgress* progress,
            const Replication* replication)
      : config_(config), run_dir_(run_dir), progress_(progress), replication_(replication) {}

  // Not OK: the run ends with it, though it is not over.
  const absl::Status& failure() const { return failure_; }
  bool diverged() const { return absl::IsDataLoss(failure_); }

  // Whether all that `core` has learned is finite; otherwise the run has failed. Before
  // anything of it leaves this process or its memory.
  bool StillFinite(LearningCore* core);
  // `found` (DataLoss) is not finite.
  void Diverge(const absl::Status& found, LearningCore* core);
  // `problem`: ExperienceWatch's; empty: there is none.
  void FailIfAny(const std::string& problem);
  void Fail(const absl::Status& failure) { failure_ = failure; }

 private:
  const RunConfig config_;
  const std::string run_dir_;
  const RunProgress* const progress_;
  const Replication* const replication_;
  absl::Status failure_;
  int64_t finite_steps_ = -1;  // Gradient steps after which all was found finite.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_RUN_HEALTH_H_

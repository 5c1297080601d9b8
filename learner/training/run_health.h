// Whether a run can continue: what it has learned is finite, and its experience was usable. If not,
// failure() says what is wrong.
//
// Thread safety: none; belongs to the trainer's thread.
#ifndef ARMATURE_LEARNER_TRAINING_RUN_HEALTH_H_
#define ARMATURE_LEARNER_TRAINING_RUN_HEALTH_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "common/run_config/run_config.h"
#include "learner/replicas/replication.h"
#include "learner/training/learning_core.h"
#include "learner/training/run_progress.h"

namespace armature {

class RunHealth {
 public:
  // `run_dir` is the run's folder. The pointers must outlive this.
  RunHealth(const RunConfig& config, const std::string& run_dir, const RunProgress* progress,
            const Replication* replication)
      : config_(config), run_dir_(run_dir), progress_(progress), replication_(replication) {}

  // Called before a divergence is described, which names the newest checkpoint on disk.
  void set_before_diverging(std::function<void()> before_diverging) {
    before_diverging_ = std::move(before_diverging);
  }

  // If not OK, this process stops with it, but the run is not over.
  const absl::Status& failure() const { return failure_; }
  bool diverged() const { return absl::IsDataLoss(failure_); }

  // Returns whether everything `core` has learned is finite; if not, the run fails. Call it before
  // any of that is published or saved.
  bool StillFinite(LearningCore* core);
  // Fails the run. `found` is a DataLoss that says what is not finite.
  void Diverge(const absl::Status& found, LearningCore* core);
  // Fails the run unless `problem` (from ExperienceWatch) is empty or the run has failed already.
  void FailIfAny(const std::string& problem);
  void Fail(const absl::Status& failure) { failure_ = failure; }

 private:
  const RunConfig config_;
  const std::string run_dir_;
  const RunProgress* const progress_;
  const Replication* const replication_;
  std::function<void()> before_diverging_ = [] {};
  absl::Status failure_;
  int64_t finite_steps_ = -1;  // Gradient steps at the last check that found all finite.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_RUN_HEALTH_H_

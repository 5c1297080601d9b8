// Writes a run's checkpoints and models, and reads them back: the newest checkpoint,
// and what another run has kept by step.
//
// Thread safety: none; belongs to the trainer's thread.
#ifndef ARMATURE_LEARNER_TRAINING_RUN_SAVER_H_
#define ARMATURE_LEARNER_TRAINING_RUN_SAVER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/run_config/run_config.h"
#include "common/spec/env_spec.h"
#include "learner/checkpoint/checkpoint_folder.h"
#include "learner/run/run_directory.h"
#include "learner/service/evaluation_scheduler.h"
#include "learner/status/learner_metrics.h"
#include "learner/training/run_checkpoint.h"
#include "proto/learner_service.pb.h"

namespace armature {

class RunSaver {
 public:
  // `directory` and `metrics` must outlive it.
  RunSaver(const CheckpointSection& settings, RunDirectory* directory, LearnerMetrics* metrics);

  // Has `on_progress` called with one sentence whenever a checkpoint that is being
  // written has come further: "writes a checkpoint: 1.2 of 2.9 GB".
  void set_on_progress(std::function<void(const std::string& sentence)> on_progress) {
    on_progress_ = std::move(on_progress);
  }

  // There is something to save from now on.
  void Begin(absl::Time now);

  // When the next checkpoint is due; InfiniteFuture: only at the end, or before Begin.
  absl::Time next_due() const { return next_due_; }

  // A run that goes on from a checkpoint makes the steps after it again: forgets the
  // models and states of these.
  void GoOnFrom(uint64_t env_steps);
  // A run that begins anew has no best evaluation yet.
  void BeginAnew() { best_.reset(); }

  // Writes a checkpoint (its run_id is set here). A failure is one logged line and a
  // metric: the run goes on, and what was written before is untouched.
  void Save(RunCheckpoint checkpoint);

  // One logged line of a run that stops at `env_steps`: whether the newest checkpoint has
  // all of them, or which are lost.
  void LogStop(uint64_t env_steps) const;

  // Whether a multiple of checkpoint.save_freq was passed since the last SaveStep.
  bool StepDue(uint64_t env_steps) const { return env_steps >= next_step_; }
  // The multiple that was passed last; `env_steps` where there is no save_freq.
  uint64_t StepOf(uint64_t env_steps) const;
  // Writes what was learned (a checkpoint without experience) as the state, and
  // `policy` as the model at `step`; then removes those beyond checkpoint.models_keep.
  // A failure is one logged line.
  void SaveStep(uint64_t step, RunCheckpoint state, const v1::PolicySpec& spec,
                const v1::PolicyUpdate& policy);

  // Writes models/model_best.safetensors if `outcome` is better than all before, also
  // those of earlier processes of this run. A failure is one logged line.
  void OfferBest(const EvaluationOutcome& outcome, const EnvSpec& env, const v1::PolicySpec& spec,
                 const v1::PolicyUpdate& policy);

  // Writes models/model_<name>.safetensors; `evaluation`: metadata beside the others.
  // OK; DataLoss: `policy` is malformed; errors as TensorFile::Write.
  absl::Status SaveModel(const std::string& name, const EnvSpec& env, const v1::PolicySpec& spec,
                         const v1::PolicyUpdate& policy,
                         const std::map<std::string, std::string>& evaluation = {}) const;

  // OK; NotFound: there never was a checkpoint; DataLoss: there is none any more, none can
  // be read, or it is not one of this format. Says what of the run can be read.
  absl::StatusOr<RunCheckpoint> LoadNewest() const;
  // What the run in `run_dir` had learned at `env_steps`, see FindState. Errors also as
  // TensorFile::Read.
  static absl::StatusOr<RunCheckpoint> LoadStep(const std::string& run_dir, uint64_t env_steps);

 private:
  // Better is greater: success rate (0 where it does not count), then return.
  using Score = std::pair<double, double>;
  Score ScoreOf(double success_rate, double return_mean, bool reports_success) const;

  const CheckpointSection settings_;
  RunDirectory* const directory_;
  LearnerMetrics* const metrics_;
  std::function<void(const std::string& sentence)> on_progress_ = [](const std::string&) {};
  CheckpointFolder checkpoints_;
  absl::Time next_due_ = absl::InfiniteFuture();
  uint64_t next_step_ = 0;  // Never, where there is no save_freq.
  std::optional<Score> best_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_RUN_SAVER_H_

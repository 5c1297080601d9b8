// Writes a run's checkpoints and models, and reads them back: its newest checkpoint, and the states
// that another run has kept by step.
//
// Checkpoints are written on a thread of their own while training goes on; models and states by
// step, which are small, on the caller's.
//
// Thread safety: none; belongs to the trainer's thread. Destroying it waits for what is written.
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
#include "learner/checkpoint/checkpoint_writer.h"
#include "learner/run/run_directory.h"
#include "learner/service/evaluation_scheduler.h"
#include "learner/status/learner_metrics.h"
#include "learner/training/run_checkpoint.h"
#include "proto/learner_service.pb.h"

namespace armature {

class RunSaver {
 public:
  // `directory` and `metrics` must outlive this.
  RunSaver(const CheckpointSection& settings, RunDirectory* directory, LearnerMetrics* metrics);

  // Calls `on_progress` with one sentence while it waits for a checkpoint: "writes a
  // checkpoint: 1.2 of 2.9 MB".
  void set_on_progress(std::function<void(const std::string& sentence)> on_progress) {
    on_progress_ = std::move(on_progress);
  }

  // From now on there is something to save.
  void Begin(absl::Time now);

  // When the next checkpoint is due; InfiniteFuture if only at the end, before Begin, or while one
  // is being written.
  absl::Time next_due() const { return next_due_; }

  // Removes models and states after the checkpoint from which the run continues, since those steps
  // are made again.
  void GoOnFrom(uint64_t env_steps);
  // A run that starts over has no best evaluation yet.
  void BeginAnew() { best_.reset(); }

  // Sets the checkpoint's run_id and begins to write it; first waits for the one before. A failure
  // is logged in one line and counted in a metric; the run continues, and earlier files are
  // unchanged.
  void Save(RunCheckpoint checkpoint);
  // Notes how the writing went, if it has ended. Call it often.
  void NoteIfWritten();
  // Waits until nothing is being written.
  void Wait();

  // Logs one line for a run that stops at `env_steps`: whether the newest checkpoint has all of
  // them, or how many are lost.
  void LogStop(uint64_t env_steps) const;

  // Whether env steps have passed a multiple of checkpoint.save_freq since the last SaveStep.
  bool StepDue(uint64_t env_steps) const { return env_steps >= next_step_; }
  // The last multiple passed; `env_steps` if there is no save_freq.
  uint64_t StepOf(uint64_t env_steps) const;
  // Writes `state` (a checkpoint without experience) and the model `policy` at `step`; then removes
  // those beyond checkpoint.models_keep. A failure is logged in one line.
  void SaveStep(uint64_t step, RunCheckpoint state, const v1::PolicySpec& spec,
                const v1::PolicyUpdate& policy);

  // Writes models/model_best.safetensors if `outcome` is better than all before, including those of
  // earlier processes of this run. A failure is logged in one line.
  void OfferBest(const EvaluationOutcome& outcome, const EnvSpec& env, const v1::PolicySpec& spec,
                 const v1::PolicyUpdate& policy);

  // Writes the recording of an evaluation, if it has one (learner/run/run_videos.h). A failure, and
  // another reason than before why there is none, is logged in one line.
  void SaveRecording(const EvaluationOutcome& outcome);

  // Writes models/model_<name>.safetensors; `evaluation` is additional metadata. Returns DataLoss
  // if `policy` is malformed; errors as TensorFile::Write.
  absl::Status SaveModel(const std::string& name, const EnvSpec& env, const v1::PolicySpec& spec,
                         const v1::PolicyUpdate& policy,
                         const std::map<std::string, std::string>& evaluation = {}) const;

  // Returns NotFound if there never was a checkpoint; DataLoss if it is gone, unreadable or not in
  // this format. The message then says which parts of the run can still be read.
  absl::StatusOr<RunCheckpoint> LoadNewest() const;
  // Returns what the run in `run_dir` had learned at `env_steps`, see FindState. Errors as
  // FindState, TensorFile::Read and RunCheckpoint::FromFile.
  static absl::StatusOr<RunCheckpoint> LoadStep(const std::string& run_dir, uint64_t env_steps);

 private:
  void Note(const CheckpointWriter::Outcome& outcome);

  // Greater is better: success rate (0 if it does not count), then return.
  using Score = std::pair<double, double>;
  Score ScoreOf(double success_rate, double return_mean, bool reports_success) const;

  const CheckpointSection settings_;
  RunDirectory* const directory_;
  LearnerMetrics* const metrics_;
  std::function<void(const std::string& sentence)> on_progress_ = [](const std::string&) {};
  CheckpointFolder checkpoints_;
  CheckpointWriter writer_{&checkpoints_};
  uint64_t writing_env_steps_ = 0;  // Of the checkpoint that is being written.
  absl::Time next_due_ = absl::InfiniteFuture();
  uint64_t next_step_ = 0;  // Never reached if there is no save_freq.
  std::optional<Score> best_;
  std::string recording_problem_;  // The last one logged.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_RUN_SAVER_H_

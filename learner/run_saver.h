// Writes a run's checkpoints and models, and reads the newest checkpoint back.
//
// Thread safety: none; belongs to the trainer's thread.
#ifndef ARMATURE_LEARNER_RUN_SAVER_H_
#define ARMATURE_LEARNER_RUN_SAVER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/spec/env_spec.h"
#include "learner/checkpoint/checkpoint_folder.h"
#include "learner/learner_metrics.h"
#include "learner/run_checkpoint.h"
#include "learner/run_config.h"
#include "learner/run_dir/run_directory.h"
#include "proto/learner_service.pb.h"

namespace armature {

class RunSaver {
 public:
  // `directory` and `metrics` must outlive it.
  RunSaver(const CheckpointSection& settings, const RunDirectory* directory,
           LearnerMetrics* metrics, absl::Time start);

  // When the next checkpoint is due; InfiniteFuture: only at the end.
  absl::Time next_due() const { return next_due_; }

  // Writes a checkpoint (its run_id is set here), then `policy` (of `spec`) as a
  // model; null: none was published. A failure is one logged line and a metric: the
  // run goes on, and what was written before is untouched.
  void Save(RunCheckpoint checkpoint, const v1::PolicySpec& spec, const v1::PolicyUpdate* policy);

  // Writes models/model_<name>.safetensors.
  // OK; DataLoss: `policy` is malformed; errors as TensorFile::Write.
  absl::Status SaveModel(const std::string& name, const EnvSpec& env, const v1::PolicySpec& spec,
                         const v1::PolicyUpdate& policy) const;

  // OK; NotFound: there is no checkpoint; DataLoss: it is not one of this format.
  absl::StatusOr<RunCheckpoint> LoadNewest() const;

 private:
  const CheckpointSection settings_;
  const RunDirectory* const directory_;
  LearnerMetrics* const metrics_;
  CheckpointFolder checkpoints_;
  absl::Time next_due_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_RUN_SAVER_H_

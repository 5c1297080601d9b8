// Everything needed to resume a run, as CheckpointFolder saves it.
//
// Thread safety: plain values.
#ifndef ARMATURE_LEARNER_TRAINING_RUN_CHECKPOINT_H_
#define ARMATURE_LEARNER_TRAINING_RUN_CHECKPOINT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/policy/named_tensors.h"
#include "common/spec/env_spec.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/intake/experience_intake.h"
#include "learner/replay/row_snapshot.h"

namespace armature {

struct RunCounters {
  uint64_t env_steps = 0;
  uint64_t learner_steps = 0;
  uint64_t episodes = 0;
  uint64_t restarted_slots = 0;
  uint64_t batches_admitted = 0;
  uint64_t batches_refused = 0;
  uint64_t evaluations = 0;
  double wall_s = 0;  // Since the first experience was accepted.
};

struct RunCheckpoint {
  std::string run_id;
  EnvSpec env;
  RunCounters counters;
  std::map<ActorKey, uint64_t> acknowledged;  // See ExperienceIntake.
  NamedTensors state;                         // The LearningCore's; once loaded, with the rows.
  std::shared_ptr<RowSnapshot> rows;          // Of the replay, to be written beside; may be null.

  // All but the rows.
  TensorFile ToFile() const;
  // Returns DataLoss if it is not a checkpoint of this format (says what is missing).
  static absl::StatusOr<RunCheckpoint> FromFile(TensorFile file);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_RUN_CHECKPOINT_H_

// The checkpoints of one run: checkpoint_<number>.safetensors, in ascending order.
//
// Each file is complete or absent. Older ones are removed once a newer one is on disk.
// Thread safety: compatible.
#ifndef ARMATURE_LEARNER_CHECKPOINT_CHECKPOINT_FOLDER_H_
#define ARMATURE_LEARNER_CHECKPOINT_CHECKPOINT_FOLDER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/checkpoint/tensor_file.h"

namespace armature {

class CheckpointFolder {
 public:
  // Keeps the newest `keep` (at least 1) checkpoints. The folder must exist.
  CheckpointFolder(std::string path, int64_t keep);

  // Writes the next checkpoint, then removes those beyond `keep`. Errors as TensorFile::Write; then
  // the earlier checkpoints are unchanged.
  absl::Status Save(const TensorFile& content, const OnWritten& on_written = {});

  // Returns the newest intact checkpoint. Logs one line for each damaged one and tries the one
  // before. Returns NotFound if there is none; DataLoss if none can be read (each file, and why).
  absl::StatusOr<TensorFile> LoadNewest() const;

 private:
  const std::string path_;
  const int64_t keep_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_CHECKPOINT_CHECKPOINT_FOLDER_H_

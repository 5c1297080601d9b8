// The checkpoints of one run: checkpoint_<number>.safetensors, number ascending.
//
// Each is whole or absent; older ones are removed when a newer one is on disk.
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
  // Keeps the newest `keep` (at least 1). The folder must exist.
  CheckpointFolder(std::string path, int64_t keep);

  // Writes the next one, then removes those beyond `keep`. Errors as
  // TensorFile::Write; the checkpoints before are untouched then.
  absl::Status Save(const TensorFile& content, const OnWritten& on_written = {});

  // The newest that is intact; a damaged one is reported in one logged line and
  // the one before it is taken.
  // OK; NotFound: there is none; DataLoss: none can be read (each file, and why).
  absl::StatusOr<TensorFile> LoadNewest() const;

 private:
  const std::string path_;
  const int64_t keep_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_CHECKPOINT_CHECKPOINT_FOLDER_H_

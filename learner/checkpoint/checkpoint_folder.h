// The checkpoints of one run: checkpoint_<number>.safetensors, in ascending order, and beside them
// replay_<number>_<segment>.safetensors, segments of the replay's rows that checkpoints share.
//
// A checkpoint's metadata entry "segments" names the files with its rows, with the size and
// checksum of each; its tensors of rows have none themselves. A segment belongs to every later
// checkpoint until its rows change, so only what has changed is written. A file is complete or
// absent, and a checkpoint is renamed into place after its segments. So whatever moment the process
// is killed at, the checkpoints that are there are whole. Files of earlier versions, with all rows,
// are read too.
//
// Thread safety: compatible.
#ifndef ARMATURE_LEARNER_CHECKPOINT_CHECKPOINT_FOLDER_H_
#define ARMATURE_LEARNER_CHECKPOINT_CHECKPOINT_FOLDER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/replay/row_snapshot.h"

namespace armature {

class CheckpointFolder {
 public:
  // Keeps the newest `keep` (at least 1) checkpoints. The folder must exist.
  CheckpointFolder(std::string path, int64_t keep);

  // Writes the next checkpoint, of `content` and the tensors that `rows` (null: none) makes, then
  // removes checkpoints beyond `keep` and segments that none names. Returns the bytes written.
  // Errors as TensorFile::Write and RowSnapshot::Take; then the earlier checkpoints are unchanged
  // and nothing of the new one is left.
  absl::StatusOr<uint64_t> Save(TensorFile content, RowSnapshot* rows = nullptr,
                                const OnWritten& on_written = {});

  // Returns the newest intact checkpoint, all its rows in its tensors. Logs one line for each
  // damaged one and tries the one before. Returns NotFound if there is none; DataLoss if none can
  // be read (each file, and why).
  absl::StatusOr<TensorFile> LoadNewest() const;

 private:
  struct Segment {
    std::string name;
    FileDigest digest;
    uint64_t version = 0;  // RowSnapshot's; 0: unknown.
  };
  // A checkpoint's entry "segments".
  struct Rows {
    int64_t rows = 0;
    int64_t rows_per_segment = 0;
    std::vector<std::string> columns;
    std::vector<Segment> segments;  // In order of rows.
  };
  // A Save under way.
  struct Writing;

  static std::string ToText(const Rows& rows);
  // Returns DataLoss if it is malformed.
  static absl::StatusOr<Rows> FromText(const std::string& text);

  absl::Status Write(TensorFile content, RowSnapshot* rows, Writing* writing) const;
  // Whether its file is on disk, with all its bytes.
  bool IsThere(const Segment& segment) const;
  // Writes the segments that are not on disk yet.
  absl::Status WriteSegments(RowSnapshot* rows, Writing* writing) const;
  absl::StatusOr<TensorFile> Load(int64_t number) const;
  absl::Status ReadSegments(const Rows& rows, TensorFile* file) const;
  // Removes segments that no checkpoint names.
  void RemoveUnnamed();

  const std::string path_;
  const int64_t keep_;
  Rows newest_;  // Of the last Save.
  // By number of checkpoint: the segments it names; nullopt if it cannot be read.
  std::map<int64_t, std::optional<std::set<std::string>>> named_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_CHECKPOINT_CHECKPOINT_FOLDER_H_

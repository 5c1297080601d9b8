// Divides the rows of a ring into segments, notices which of them change, and takes snapshots that
// another thread reads.
//
// Data flow: ReplayStore::Insert -> Touch; ReplayStore::SnapshotRows -> Snapshot.
// Thread safety: none; belongs to its owner. Snapshots may be read by any thread.
#ifndef ARMATURE_LEARNER_REPLAY_ROW_SEGMENTS_H_
#define ARMATURE_LEARNER_REPLAY_ROW_SEGMENTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "common/policy/named_tensors.h"
#include "learner/replay/row_snapshot.h"

namespace armature {

class RowSegments {
 public:
  // `columns`: tensors [rows, ...], contiguous, on any device; their memory outlives this.
  // Segments have a power of two of rows, at least one and at most `segment_bytes_max`.
  RowSegments(NamedTensors columns, int64_t segment_bytes_max);
  RowSegments(const RowSegments&) = delete;
  // Cancels a snapshot that is still read.
  ~RowSegments();

  // Call before any column of the row changes. Copies the row's segment if a snapshot needs it.
  void Touch(int64_t row) {
    const int64_t segment = row >> shift_;
    if (versions_[segment] != version_) Change(segment);
  }
  void TouchAll();

  // The first `rows` rows, of which the ring overwrites `next_row` next, or begins it next. Cancels
  // the snapshot before.
  std::shared_ptr<RowSnapshot> Snapshot(int64_t rows, int64_t next_row);

  const NamedTensors& columns() const { return columns_; }

 private:
  void Change(int64_t segment);

  const NamedTensors columns_;
  int shift_ = 0;                   // A segment has 2^shift_ rows.
  uint64_t version_;                // Of what changes from now on.
  std::vector<uint64_t> versions_;  // Of each segment, when it last changed.
  std::weak_ptr<RowSnapshot> snapshot_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_ROW_SEGMENTS_H_

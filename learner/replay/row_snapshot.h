// The rows of a ring as they were at one instant, for a thread that writes them while the ring goes
// on.
//
// Rows are in segments of equal size; only the last one may be shorter. A segment is copied when it
// is taken, or by the ring before its first change, whichever is earlier.
// Data flow: ReplayStore::SnapshotRows -> CheckpointWriter -> CheckpointFolder::Save -> Take.
// Thread safety: all methods.
// Bounds: holds copies only of segments that the ring has changed and nobody has taken yet. Take
// them in `order`, so that they are few.
#ifndef ARMATURE_LEARNER_REPLAY_ROW_SNAPSHOT_H_
#define ARMATURE_LEARNER_REPLAY_ROW_SNAPSHOT_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/policy/named_tensors.h"

namespace armature {

class RowSnapshot {
 public:
  // `columns`: see RowSegments. Of each segment with rows, `versions` has the version; the ring
  // overwrites the row `next_row` next.
  RowSnapshot(NamedTensors columns, std::vector<uint64_t> versions, int64_t rows,
              int64_t rows_per_segment, int64_t next_row);

  int64_t rows() const { return rows_; }
  int64_t rows_per_segment() const { return rows_per_segment_; }
  int64_t segments() const { return static_cast<int64_t>(versions_.size()); }
  int64_t bytes(int64_t segment) const;
  // Segments of equal version, also of other snapshots of this process, have equal rows.
  uint64_t version(int64_t segment) const { return versions_[segment]; }
  // All segments, those that the ring changes next first.
  std::vector<int64_t> order() const;
  // Each column without rows: names, types and shapes.
  NamedTensors Empty() const;

  // The rows of a segment, on the CPU. Take each at most once. Returns Cancelled if the ring is
  // gone.
  absl::StatusOr<NamedTensors> Take(int64_t segment);

  // For the ring: copies a segment, unless that was done before.
  void Preserve(int64_t segment);
  // For the ring: its rows cannot be read from now on.
  void Cancel();

 private:
  enum class Place : uint8_t { kInRing, kHere, kTaken };

  int64_t first_row(int64_t segment) const { return segment * rows_per_segment_; }
  int64_t rows_of(int64_t segment) const;
  NamedTensors Copy(int64_t segment) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::vector<uint64_t> versions_;
  const int64_t rows_;
  const int64_t rows_per_segment_;
  const int64_t next_row_;

  absl::Mutex mutex_;
  const NamedTensors columns_;  // Their values are only read with the lock.
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Place> places_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, NamedTensors> copies_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_ROW_SNAPSHOT_H_

// Which rows of a replay ring follow which: the part of it that needs no tensors.
//
// A row is begun by an observation and, once the step taken there is known, holds
// that step: its action and observation elsewhere (replay_store.h), its reward and
// `terminated` here, and the row of its next observation, `next`. Step t of a slot
// begins the row of its next observation at once; step t + 1 of the slot fills it.
// Where the episode ends, or the slot's next observation is another one than was
// announced (its stream broke), that row stays without a step: it holds the final
// observation. So an episode of T steps takes T + 1 rows and each observation is
// held once.
//
// Serials: the s-th row begun lies at row s % capacity, in place of the oldest.
// A step whose next row is gone cannot be: the row of step t begins before the row
// of its next observation, so serial(t) < serial(next(t)), and rows go in order of
// serial. The one row that is filled late is the newest of its slot; a step that
// would begin a row over it breaks the stream instead (Append).
//
// Episode index (index_episodes): when an episode ends, its rows are numbered, 1
// the oldest that remains, and the row at position p gets a link to the one at
// p + (lowest set bit of p), so that Later takes O(log^2 T) hops and 12 bytes a row.
//
// Data flow: ReplayStore::Insert -> Append; samplers -> NStep, Later.
// Bounds: arrays of `capacity` rows from the constructor on; `streams_max` streams:
// beyond it the one that was silent longest is broken.
// Thread safety: none; its owner's.
#ifndef ARMATURE_LEARNER_REPLAY_EPISODE_LINKS_H_
#define ARMATURE_LEARNER_REPLAY_EPISODE_LINKS_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace armature {

// 64 bits of an observation's bits: whether a step continues the one before. Two
// that differ in one word never collide; others do with probability 2^-64.
uint64_t ObservationDigest(absl::Span<const float> observation);

class EpisodeLinks {
 public:
  // Positions plus their lowest set bit stay within int32.
  static constexpr int64_t kCapacityMax = int64_t{1} << 30;

  struct Options {
    int64_t capacity = 0;     // Rows; 2 .. kCapacityMax.
    int64_t streams_max = 1;  // >= 1
    bool index_episodes = false;
  };
  // Where the newest step of a slot of an actor process stands.
  struct Stream {
    uint64_t actor = 0;
    int32_t slot = 0;
    int32_t first_row = 0;  // Of the episode under way, the oldest that remains.
    int64_t pending = -1;   // Serial of the row of its next observation; -1: none.
    uint64_t digest = 0;    // Of that observation.
  };
  struct Step {
    uint64_t actor = 0;
    int32_t slot = 0;
    uint64_t observation_digest = 0;
    uint64_t next_observation_digest = 0;
    float reward = 0;
    bool terminated = false;
    bool truncated = false;
  };
  struct Placed {
    int64_t serial;  // Of the step's row.
    int64_t row;
    bool is_new;       // The row was begun by this step: its observation must be stored.
    int64_t next_row;  // Always begun by this step.
  };
  struct Return {
    float reward;      // sum over j < m of gamma^j r_j
    float discount;    // gamma^m
    bool terminated;   // At step m - 1.
    int64_t next_row;  // Of the observation after m steps.
  };
  // What a checkpoint holds; the episode index follows from it.
  struct Saved {
    int64_t rows_begun = 0;
    std::vector<int32_t> next;  // Of the rows held, as are the next two.
    std::vector<float> reward;
    std::vector<uint8_t> terminated;
    std::vector<Stream> streams;  // Those with a pending row.
  };

  explicit EpisodeLinks(const Options& options);

  Placed Append(const Step& step);

  // Whether the row holds a step, i.e. may be sampled.
  bool HoldsStep(int64_t row) const { return next_[row] >= 0; }
  // m <= n steps on from `row`: fewer where the episode ends or its newest step is
  // reached. Requires HoldsStep(row), n >= 1.
  Return NStep(int64_t row, int64_t n, double gamma) const;
  // How many observations of its episode come after `row`'s: 0 unless the episode
  // has ended, at least 1 for a step of one that has. Requires index_episodes.
  int64_t LaterObservations(int64_t row) const;
  // The row `steps` on from `row`; 0 .. LaterObservations(row).
  int64_t Later(int64_t row, int64_t steps) const;

  int64_t capacity() const { return options_.capacity; }
  int64_t rows_begun() const { return rows_begun_; }
  int64_t rows() const;  // Held: min(rows_begun, capacity).
  int64_t steps() const { return steps_; }
  // Serial of what is at `row` now.
  int64_t Serial(int64_t row) const;

  static int64_t BytesPerRow(bool index_episodes);
  static int64_t BytesPerStream();

  Saved Save() const;
  // OK; InvalidArgument: it is none that Save gives, or does not fit; nothing is
  // changed then.
  absl::Status Load(const Saved& saved);

 private:
  int64_t Row(int64_t serial) const { return serial % options_.capacity; }
  // Whether a row is still there when `begun` more have begun.
  bool Remains(int64_t serial, int64_t begun) const {
    return serial >= rows_begun_ + begun - options_.capacity;
  }
  int64_t Begin();  // Returns the serial.
  int32_t FindStream(uint64_t actor, int32_t slot);
  void Finish(Stream* stream);
  absl::Status Check(const Saved& saved) const;
  void IndexEpisodes();

  const Options options_;
  int64_t rows_begun_ = 0;
  int64_t steps_ = 0;
  std::vector<int32_t> next_;  // -1: holds no step.
  std::vector<float> reward_;
  std::vector<uint8_t> terminated_;
  // The episode index. final_: the row of the final observation; while the episode
  // is under way -2 - (its stream's index).
  std::vector<int32_t> final_;
  std::vector<int32_t> position_;
  std::vector<int32_t> skip_;
  std::vector<Stream> streams_;
  std::map<std::pair<uint64_t, int32_t>, int32_t> stream_index_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_EPISODE_LINKS_H_

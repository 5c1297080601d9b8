// Tracks which rows of a replay ring follow which: the part of the ring that needs no tensors.
//
// A row begins with an observation. Once the step taken there is known, the row holds that step:
// its action and observation elsewhere (replay_store.h); its reward, `terminated` and `next`, the
// row of its next observation, here. Step t of a slot begins the row of its next observation at
// once; step t + 1 of the slot fills it. If the episode ends, or the slot's next observation is not
// the announced one (its stream broke), that row stays without a step and holds the final
// observation. So an episode of T steps takes T + 1 rows, and each observation is stored once.
//
// Serials: the s-th row begun is at row s % capacity and overwrites the oldest. The row of step t
// begins before the row of its next observation: serial(t) < serial(next(t)). Since rows are
// overwritten in order of serial, a step never outlives its next row. Only the newest row of a slot
// is filled late; if a step would begin a row over it, the stream is broken instead (Append).
//
// Episode index (index_episodes): when an episode ends, its remaining rows are numbered from 1, the
// oldest. The row at position p links to the one at p + (lowest set bit of p), so Later takes
// O(log^2 T) hops. Costs 12 bytes per row.
//
// Data flow: ReplayStore::Insert -> Append; samplers -> NStep, Later.
// Bounds: arrays of `capacity` rows, allocated by the constructor. At most `streams_max` streams;
// beyond that, the one silent longest is broken.
// Thread safety: none; belongs to its owner.
#ifndef ARMATURE_LEARNER_REPLAY_EPISODE_LINKS_H_
#define ARMATURE_LEARNER_REPLAY_EPISODE_LINKS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace armature {

// Hashes an observation to 64 bits, to tell whether a step continues the one before. Two
// observations that differ in one word never collide; others do with probability 2^-64.
uint64_t ObservationDigest(absl::Span<const float> observation);

class EpisodeLinks {
 public:
  // So that a position plus its lowest set bit fits int32.
  static constexpr int64_t kCapacityMax = int64_t{1} << 30;

  struct Options {
    int64_t capacity = 0;     // Rows; 2 .. kCapacityMax.
    int64_t streams_max = 1;  // >= 1
    bool index_episodes = false;
  };
  // The newest step of one slot of an actor process.
  struct Stream {
    uint64_t actor = 0;
    int32_t slot = 0;
    int32_t first_row = 0;  // Oldest remaining row of the current episode.
    int64_t pending = -1;   // Serial of its next observation's row; -1: none.
    uint64_t digest = 0;    // Of that next observation.
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
    bool is_new;       // This step began the row, so its observation must be stored.
    int64_t next_row;  // Always begun by this step.
  };
  struct Return {
    float reward;      // sum over j < m of gamma^j r_j
    float discount;    // gamma^m
    bool terminated;   // At step m - 1.
    int64_t next_row;  // Observation after m steps.
  };
  // Content of a checkpoint; the episode index is derived from it.
  struct Saved {
    int64_t rows_begun = 0;
    std::vector<int32_t> next;  // For rows held, like the next two.
    std::vector<float> reward;
    std::vector<uint8_t> terminated;
    std::vector<Stream> streams;  // With a pending row.
  };

  // What a checkpoint has of each row. The memory stays where it is.
  struct Columns {
    absl::Span<int32_t> next;
    absl::Span<float> reward;
    absl::Span<uint8_t> terminated;
  };

  explicit EpisodeLinks(const Options& options);

  // From now on Append calls `before_change` with each row whose columns it changes, before it
  // does.
  void set_before_change(std::function<void(int64_t row)> before_change) {
    before_change_ = std::move(before_change);
  }

  Placed Append(const Step& step);

  // Whether the row holds a step, i.e. may be sampled.
  bool HoldsStep(int64_t row) const { return next_[row] >= 0; }
  // Sums m <= n steps from `row` on; fewer than n at the episode's end or its newest step. Requires
  // HoldsStep(row), n >= 1.
  Return NStep(int64_t row, int64_t n, double gamma) const;
  // How many later observations its episode has: 0 if the episode has not ended, else at least 1
  // for a row with a step. Requires index_episodes.
  int64_t LaterObservations(int64_t row) const;
  // The row `steps` after `row`; `steps` is 0 .. LaterObservations(row).
  int64_t Later(int64_t row, int64_t steps) const;

  int64_t capacity() const { return options_.capacity; }
  int64_t rows_begun() const { return rows_begun_; }
  int64_t rows() const;  // Held: min(rows_begun, capacity).
  int64_t steps() const { return steps_; }
  // Serial of the row that is now at `row`.
  int64_t Serial(int64_t row) const;

  static int64_t BytesPerRow(bool index_episodes);
  static int64_t BytesPerStream();

  Columns columns();
  // In order of actor and slot: the order in which they came is history that nothing depends on.
  std::vector<Stream> PendingStreams() const;
  Saved Save() const;
  // Returns InvalidArgument, without any change, if `saved` does not come from Save or does not
  // fit.
  absl::Status Load(const Saved& saved);

 private:
  int64_t Row(int64_t serial) const { return serial % options_.capacity; }
  // Whether a row remains after `begun` more rows begin.
  bool Remains(int64_t serial, int64_t begun) const {
    return serial >= rows_begun_ + begun - options_.capacity;
  }
  int64_t Begin();  // Returns the serial.
  int32_t FindStream(uint64_t actor, int32_t slot);
  void Finish(Stream* stream);
  absl::Status Check(const Saved& saved) const;
  void IndexEpisodes();

  const Options options_;
  std::function<void(int64_t row)> before_change_ = [](int64_t) {};
  int64_t rows_begun_ = 0;
  int64_t steps_ = 0;
  std::vector<int32_t> next_;  // -1: no step.
  std::vector<float> reward_;
  std::vector<uint8_t> terminated_;
  // The episode index. final_ is the row of the final observation, or -2 - (the stream's index)
  // while the episode goes on.
  std::vector<int32_t> final_;
  std::vector<int32_t> position_;
  std::vector<int32_t> skip_;
  std::vector<Stream> streams_;
  std::map<std::pair<uint64_t, int32_t>, int32_t> stream_index_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_EPISODE_LINKS_H_

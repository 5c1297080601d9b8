// Chooses the rows of a replay ring that make a batch.
//
// Thread safety: none; belongs to its owner.
#ifndef ARMATURE_LEARNER_REPLAY_ROW_SAMPLER_H_
#define ARMATURE_LEARNER_REPLAY_ROW_SAMPLER_H_

#include <cstdint>
#include <map>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/policy/named_tensors.h"
#include "learner/replay/episode_links.h"
#include "learner/replay/replay_random.h"

namespace armature {

class RowSampler {
 public:
  virtual ~RowSampler() = default;

  // Add: `row` now holds a step. Remove: it no longer does, or never did.
  virtual void Add(int64_t row) = 0;
  virtual void Remove(int64_t row) = 0;

  // Draws one row with replacement for each place in `rows`, and its importance weight. Requires
  // that some row holds a step. `progress` in [0, 1] is how much of the run is done.
  virtual void Draw(double progress, ReplayRandom* random, absl::Span<int64_t> rows,
                    absl::Span<float> weights) = 0;

  // Sets the temporal-difference error, finite, that an update saw for a row.
  virtual void SetError(int64_t row, double error) = 0;

  // One line for the log, e.g. at the learner's start.
  virtual std::string Describe() const = 0;

  // State beyond the links; names begin with "replay.".
  virtual NamedTensors State() const = 0;
  // Returns InvalidArgument if a tensor is missing or does not fit `links`; never changes anything.
  virtual absl::Status Check(const std::map<std::string, at::Tensor>& state,
                             const EpisodeLinks::Saved& links) const = 0;
  virtual void Load(const std::map<std::string, at::Tensor>& state) = 0;  // Requires Check.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_ROW_SAMPLER_H_

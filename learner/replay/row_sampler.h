// Which rows of a replay ring make a batch.
//
// Thread safety: none; its owner's.
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

  // `row` has come to hold a step; or it does no more, or never did.
  virtual void Add(int64_t row) = 0;
  virtual void Remove(int64_t row) = 0;

  // Draws with replacement one row for each place in `rows`, with the importance
  // weight of each. Requires that some row holds a step. `progress` in [0, 1]: how
  // much of the run is over.
  virtual void Draw(double progress, ReplayRandom* random, absl::Span<int64_t> rows,
                    absl::Span<float> weights) = 0;

  // The temporal-difference error that an update saw at a row, finite.
  virtual void SetError(int64_t row, double error) = 0;

  // One line, e.g. for the learner's start.
  virtual std::string Describe() const = 0;

  // What the links do not tell; names begin with "replay.".
  virtual NamedTensors State() const = 0;
  // OK; InvalidArgument: missing or does not fit `links`; nothing is changed then.
  virtual absl::Status Check(const std::map<std::string, at::Tensor>& state,
                             const EpisodeLinks::Saved& links) const = 0;
  virtual void Load(const std::map<std::string, at::Tensor>& state) = 0;  // Requires Check.
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_ROW_SAMPLER_H_

// Turns the metrics of each step into one number per episode, as the spec says: the sum, the mean
// or the last value of the episode's steps (MetricSpec::aggregation).
//
// Shapes: m metrics. Sums are in double; a sum beyond float32 becomes the largest float32.
// Thread safety: compatible. Allocates only in the constructor.
#ifndef ARMATURE_COMMON_PLAY_EPISODE_METRICS_H_
#define ARMATURE_COMMON_PLAY_EPISODE_METRICS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

class EpisodeMetrics {
 public:
  EpisodeMetrics(const std::vector<MetricSpec>& metrics, int64_t num_slots);

  // `slot` begins an episode; what it had so far is dropped.
  void Begin(int64_t slot);
  // Adds one step of the slot's episode: [m].
  void Add(int64_t slot, absl::Span<const float> metric);
  // Writes the m numbers of the slot's episode, which had at least one step.
  void Write(int64_t slot, v1::Episode* episode) const;

  int64_t size() const { return static_cast<int64_t>(metrics_.size()); }

 private:
  const std::vector<MetricSpec> metrics_;
  std::vector<int64_t> steps_;  // [slots]
  std::vector<double> values_;  // [slots, m]: sum so far, or last value.
};

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_EPISODE_METRICS_H_

#include "common/play/episode_metrics.h"

#include <algorithm>
#include <limits>

namespace armature {

EpisodeMetrics::EpisodeMetrics(const std::vector<MetricSpec>& metrics, int64_t num_slots)
    : metrics_(metrics), steps_(num_slots), values_(num_slots * metrics.size()) {}

void EpisodeMetrics::Begin(int64_t slot) {
  steps_[slot] = 0;
  std::fill_n(values_.begin() + slot * size(), size(), 0.0);
}

void EpisodeMetrics::Add(int64_t slot, absl::Span<const float> metric) {
  ++steps_[slot];
  double* const values = values_.data() + slot * size();
  for (int64_t i = 0; i < size(); ++i) {
    const bool is_last = metrics_[i].aggregation == v1::MetricSpec::AGGREGATION_LAST;
    values[i] = is_last ? metric[i] : values[i] + metric[i];
  }
}

void EpisodeMetrics::Write(int64_t slot, v1::Episode* episode) const {
  constexpr double kMax = std::numeric_limits<float>::max();
  const double* const values = values_.data() + slot * size();
  episode->mutable_metric()->Reserve(static_cast<int>(size()));
  for (int64_t i = 0; i < size(); ++i) {
    const bool is_mean = metrics_[i].aggregation == v1::MetricSpec::AGGREGATION_MEAN;
    const double value = is_mean ? values[i] / static_cast<double>(steps_[slot]) : values[i];
    episode->add_metric(static_cast<float>(std::clamp(value, -kMax, kMax)));
  }
}

}  // namespace armature

// Running means over the latest episodes and batches.
//
// Thread safety: compatible.
#ifndef ARMATURE_LEARNER_TRAINING_TRAINING_WINDOW_H_
#define ARMATURE_LEARNER_TRAINING_TRAINING_WINDOW_H_

#include <cstddef>
#include <deque>
#include <limits>
#include <vector>

#include "proto/learner_service.pb.h"

namespace armature {

// Mean of the last `size` values; NaN if there are none yet.
class RunningMean {
 public:
  explicit RunningMean(size_t size) : size_(size) {}
  void Add(double value) {
    values_.push_back(value);
    if (values_.size() > size_) values_.pop_front();
  }
  double mean() const {
    if (values_.empty()) return std::numeric_limits<double>::quiet_NaN();
    double sum = 0;
    for (const double value : values_) sum += value;
    return sum / static_cast<double>(values_.size());
  }

 private:
  size_t size_;
  std::deque<double> values_;
};

struct TrainingWindow {
  RunningMean episode_return{100};
  RunningMean episode_length{100};
  RunningMean success_rate{100};
  RunningMean policy_lag{100};
  std::vector<RunningMean> metrics;  // The spec's, in order.

  // Call once, with the number of the spec's metrics.
  void CountMetrics(size_t count) { metrics.assign(count, RunningMean(100)); }
  void Add(const v1::Episode& episode) {
    episode_return.Add(episode.return_sum());
    episode_length.Add(episode.length());
    success_rate.Add(episode.is_success() ? 1 : 0);
    for (size_t i = 0; i < metrics.size(); ++i) metrics[i].Add(episode.metric(static_cast<int>(i)));
  }
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_TRAINING_WINDOW_H_

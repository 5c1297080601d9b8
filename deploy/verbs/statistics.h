// Summarises a list of episodes.
//
// Thread safety: free functions on plain values.
#ifndef ARMATURE_DEPLOY_VERBS_STATISTICS_H_
#define ARMATURE_DEPLOY_VERBS_STATISTICS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/spec/env_spec.h"
#include "nlohmann/json.hpp"
#include "proto/learner_service.pb.h"

namespace armature {

struct Interval {
  double low = 0;
  double high = 0;
};

// Summary of n >= 1 numbers.
struct Summary {
  double mean = 0;
  double std = 0;  // Sample standard deviation (n - 1); 0 for n = 1.
  double median = 0;
  double min = 0;
  double max = 0;
  // 95 % confidence interval of the mean: percentiles of the means of 10,000 bootstrap samples (n
  // values drawn with replacement), with a fixed random generator. For n > 1000, where that is slow
  // and gives the same, the normal interval. None for n = 1.
  std::optional<Interval> mean_interval;
};
Summary Summarize(absl::Span<const double> values);

// 95 % confidence interval of the success rate: Wilson's score interval, which is also valid at 0
// and 1 (https://doi.org/10.1080/01621459.1927.10502953).
Interval SuccessInterval(int64_t successes, int64_t episodes);

// Formats a table of returns, lengths, successes (if `spec` reports them) and metrics, plus the
// number of cut episodes, if any. `episodes` must not be empty.
std::string StatisticsTable(const EnvSpec& spec, const std::vector<v1::Episode>& episodes);

// The same for programs: episodes, return, length, cut, success_rate, success_rate_interval_95
// (null if the environment does not report success), metrics by name, and per_episode, in order of
// episode number.
nlohmann::ordered_json StatisticsJson(const EnvSpec& spec,
                                      const std::vector<v1::Episode>& episodes);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_STATISTICS_H_

// What a list of episodes says of a policy.
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

// Of n >= 1 numbers.
struct Summary {
  double mean = 0;
  double std = 0;  // Of the sample (n - 1); 0 for n = 1.
  double median = 0;
  double min = 0;
  double max = 0;
  // Where the mean of all episodes lies, 95 %: the percentiles of the means of
  // 10,000 samples drawn from these n with replacement (bootstrap), from a fixed
  // generator; beyond n = 1000, where it takes long and is the same, the normal
  // interval. None for n = 1.
  std::optional<Interval> mean_interval;
};
Summary Summarize(absl::Span<const double> values);

// Where the success rate of all episodes lies, 95 %: Wilson's score interval, which
// holds at 0 and 1 too (https://doi.org/10.1080/01621459.1927.10502953).
Interval SuccessInterval(int64_t successes, int64_t episodes);

// A table of returns, lengths and, where `spec` reports it, successes; and how many
// episodes were cut, if any. `episodes` is not empty.
std::string StatisticsTable(const EnvSpec& spec, const std::vector<v1::Episode>& episodes);

// The same for programs: episodes, return, length, cut, success_rate,
// success_rate_interval_95 (null where the environment reports no success) and
// per_episode, in the order of their numbers.
nlohmann::ordered_json StatisticsJson(const EnvSpec& spec,
                                      const std::vector<v1::Episode>& episodes);

}  // namespace armature

#endif  // ARMATURE_DEPLOY_VERBS_STATISTICS_H_

#include "deploy/verbs/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/random/rng.h"

namespace armature {
namespace {

constexpr int kNameWidth = 12;  // Of the first column, at least.
constexpr int kResamples = 10000;
constexpr size_t kResampledMax = 1000;
constexpr uint64_t kResamplingSeed = 95;
// 97.5th percentile of the standard normal distribution.
constexpr double kNormalQuantile = 1.959963984540054;

double Mean(absl::Span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Interpolates linearly between the two nearest values, NumPy's default. `sorted` must be sorted.
double Percentile(const std::vector<double>& sorted, double fraction) {
  const double position = fraction * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Interval MeanInterval(absl::Span<const double> values) {
  Rng rng({kResamplingSeed});
  std::vector<double> means(kResamples);
  for (double& mean : means) {
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      sum += values[rng.Index(static_cast<int64_t>(values.size()))];
    }
    mean = sum / static_cast<double>(values.size());
  }
  std::sort(means.begin(), means.end());
  return {Percentile(means, 0.025), Percentile(means, 0.975)};
}

std::vector<double> Returns(const std::vector<v1::Episode>& episodes) {
  std::vector<double> values;
  for (const v1::Episode& episode : episodes) values.push_back(episode.return_sum());
  return values;
}

std::vector<double> Lengths(const std::vector<v1::Episode>& episodes) {
  std::vector<double> values;
  for (const v1::Episode& episode : episodes) {
    values.push_back(static_cast<double>(episode.length()));
  }
  return values;
}

std::vector<double> MetricValues(const std::vector<v1::Episode>& episodes, size_t metric) {
  std::vector<double> values;
  for (const v1::Episode& episode : episodes) {
    values.push_back(episode.metric(static_cast<int>(metric)));
  }
  return values;
}

int64_t Successes(const std::vector<v1::Episode>& episodes) {
  return std::count_if(episodes.begin(), episodes.end(),
                       [](const v1::Episode& episode) { return episode.is_success(); });
}

int64_t Cut(const std::vector<v1::Episode>& episodes) {
  return std::count_if(episodes.begin(), episodes.end(),
                       [](const v1::Episode& episode) { return episode.cut(); });
}

std::string IntervalText(const std::optional<Interval>& interval) {
  if (!interval.has_value()) return "-";
  return absl::StrFormat("%.4g to %.4g", interval->low, interval->high);
}

// `width`: of the names' column.
std::string Row(const std::string& name, int width, const Summary& summary) {
  return absl::StrFormat("%-*s %10.4g  %-22s %10.4g %10.4g %10.4g %10.4g\n", width, name,
                         summary.mean, IntervalText(summary.mean_interval), summary.std,
                         summary.median, summary.min, summary.max);
}

nlohmann::ordered_json ToJson(const Summary& summary) {
  nlohmann::ordered_json json = {{"mean", summary.mean},     {"std", summary.std},
                                 {"median", summary.median}, {"min", summary.min},
                                 {"max", summary.max},       {"mean_interval_95", nullptr}};
  if (summary.mean_interval.has_value()) {
    json["mean_interval_95"] = {summary.mean_interval->low, summary.mean_interval->high};
  }
  return json;
}

}  // namespace

Summary Summarize(absl::Span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  Summary summary;
  summary.mean = Mean(values);
  summary.median = Percentile(sorted, 0.5);
  summary.min = sorted.front();
  summary.max = sorted.back();
  if (values.size() == 1) return summary;
  double squares = 0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  summary.std = std::sqrt(squares / static_cast<double>(values.size() - 1));
  if (values.size() <= kResampledMax) {
    summary.mean_interval = MeanInterval(values);
  } else {
    const double half =
        kNormalQuantile * summary.std / std::sqrt(static_cast<double>(values.size()));
    summary.mean_interval = Interval{summary.mean - half, summary.mean + half};
  }
  return summary;
}

Interval SuccessInterval(int64_t successes, int64_t episodes) {
  const double n = static_cast<double>(episodes);
  const double rate = static_cast<double>(successes) / n;
  const double z2 = kNormalQuantile * kNormalQuantile;
  const double centre = (rate + z2 / (2 * n)) / (1 + z2 / n);
  const double half =
      kNormalQuantile / (1 + z2 / n) * std::sqrt(rate * (1 - rate) / n + z2 / (4 * n * n));
  // Rounding must not move the end beyond its exact value.
  return {successes == 0 ? 0 : centre - half, successes == episodes ? 1 : centre + half};
}

std::string StatisticsTable(const EnvSpec& spec, const std::vector<v1::Episode>& episodes) {
  int width = kNameWidth;
  for (const MetricSpec& metric : spec.metrics) {
    width = std::max(width, static_cast<int>(metric.name.size()));
  }
  std::string table = absl::StrFormat("%-*s %10s  %-22s %10s %10s %10s %10s\n", width, "", "mean",
                                      "95 % interval", "deviation", "median", "min", "max");
  absl::StrAppend(&table, Row("return", width, Summarize(Returns(episodes))));
  absl::StrAppend(&table, Row("length", width, Summarize(Lengths(episodes))));
  if (spec.reports_success) {
    const int64_t total = static_cast<int64_t>(episodes.size());
    const int64_t successes = Successes(episodes);
    absl::StrAppendFormat(&table, "%-*s %10.4g  %-22s %d of %d\n", width, "success rate",
                          static_cast<double>(successes) / static_cast<double>(total),
                          IntervalText(SuccessInterval(successes, total)), successes, total);
  }
  for (size_t i = 0; i < spec.metrics.size(); ++i) {
    absl::StrAppend(&table, Row(spec.metrics[i].name, width, Summarize(MetricValues(episodes, i))));
  }
  const int64_t cut = Cut(episodes);
  if (cut > 0) {
    absl::StrAppendFormat(&table, "%d of %d episodes had not ended when they were cut\n", cut,
                          episodes.size());
  }
  return table;
}

nlohmann::ordered_json StatisticsJson(const EnvSpec& spec,
                                      const std::vector<v1::Episode>& episodes) {
  nlohmann::ordered_json json;
  json["episodes"] = episodes.size();
  json["return"] = ToJson(Summarize(Returns(episodes)));
  json["length"] = ToJson(Summarize(Lengths(episodes)));
  json["cut"] = Cut(episodes);
  json["success_rate"] = nullptr;
  json["success_rate_interval_95"] = nullptr;
  if (spec.reports_success) {
    const int64_t total = static_cast<int64_t>(episodes.size());
    const Interval interval = SuccessInterval(Successes(episodes), total);
    json["success_rate"] = static_cast<double>(Successes(episodes)) / static_cast<double>(total);
    json["success_rate_interval_95"] = {interval.low, interval.high};
  }
  json["metrics"] = nlohmann::ordered_json::object();
  for (size_t i = 0; i < spec.metrics.size(); ++i) {
    json["metrics"][spec.metrics[i].name] = ToJson(Summarize(MetricValues(episodes, i)));
  }
  json["per_episode"] = nlohmann::ordered_json::array();
  for (const v1::Episode& episode : episodes) {
    nlohmann::ordered_json one = {{"return", episode.return_sum()}, {"length", episode.length()}};
    if (spec.reports_success) one["success"] = episode.is_success();
    if (episode.cut()) one["cut"] = true;
    json["per_episode"].push_back(one);
  }
  return json;
}

}  // namespace armature

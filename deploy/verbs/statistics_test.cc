#include "deploy/verbs/statistics.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::Episode Episode(double return_sum, uint64_t length, bool success) {
  v1::Episode episode;
  episode.set_return_sum(return_sum);
  episode.set_length(length);
  episode.set_is_success(success);
  return episode;
}

TEST(SummarizeTest, GivesTheTextbookNumbers) {
  const Summary summary = Summarize({4, 1, 3, 2});
  EXPECT_DOUBLE_EQ(summary.mean, 2.5);
  EXPECT_DOUBLE_EQ(summary.median, 2.5);
  EXPECT_DOUBLE_EQ(summary.std, 1.2909944487358056);  // numpy.std([1, 2, 3, 4], ddof=1)
  EXPECT_EQ(summary.min, 1);
  EXPECT_EQ(summary.max, 4);
  EXPECT_EQ(Summarize({5, 9, 1}).median, 5);
}

TEST(SummarizeTest, TheIntervalOfTheMeanIsThatOfManySamples) {
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back(i % 2);
  // Mean 0.5, deviation 0.5: 0.5 -+ 1.96 * 0.5 / sqrt(400).
  const Interval interval = Summarize(values).mean_interval.value();
  EXPECT_NEAR(interval.low, 0.451, 0.004);
  EXPECT_NEAR(interval.high, 0.549, 0.004);
  EXPECT_EQ(Summarize(values).mean_interval->low, interval.low) << "the same each time";
}

TEST(SummarizeTest, TheIntervalOfManyEpisodesIsTheSameEitherWay) {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(i % 10 == 0 ? -50 : -i % 7);
  const Interval resampled = Summarize(values).mean_interval.value();
  values.push_back(Summarize(values).mean);
  const Interval normal = Summarize(values).mean_interval.value();
  EXPECT_NEAR(normal.low, resampled.low, 0.1);
  EXPECT_NEAR(normal.high, resampled.high, 0.1);
  EXPECT_NEAR(normal.high - normal.low, 2 * 1.96 * Summarize(values).std / std::sqrt(1001), 1e-3);
}

TEST(SummarizeTest, OneEpisodeHasNoInterval) {
  const Summary summary = Summarize({7});
  EXPECT_EQ(summary.mean, 7);
  EXPECT_EQ(summary.std, 0);
  EXPECT_FALSE(summary.mean_interval.has_value());
}

TEST(SuccessIntervalTest, IsWilsons) {
  // statsmodels.stats.proportion.proportion_confint(count, n, method="wilson")
  EXPECT_NEAR(SuccessInterval(8, 10).low, 0.4901625, 1e-6);
  EXPECT_NEAR(SuccessInterval(8, 10).high, 0.9433178, 1e-6);
  EXPECT_NEAR(SuccessInterval(100, 100).low, 0.9630065, 1e-6);
  EXPECT_EQ(SuccessInterval(100, 100).high, 1);
  EXPECT_EQ(SuccessInterval(0, 100).low, 0);
}

TEST(StatisticsTest, SuccessIsToldOnlyWhereTheEnvironmentReportsIt) {
  EnvSpec spec;
  const std::vector<v1::Episode> episodes = {Episode(-3, 50, false), Episode(-1, 4, true)};
  EXPECT_THAT(StatisticsTable(spec, episodes), Not(HasSubstr("success")));
  EXPECT_TRUE(StatisticsJson(spec, episodes)["success_rate"].is_null());
  spec.reports_success = true;
  EXPECT_THAT(StatisticsTable(spec, episodes), HasSubstr("1 of 2"));
  const nlohmann::ordered_json json = StatisticsJson(spec, episodes);
  EXPECT_EQ(json["success_rate"], 0.5);
  EXPECT_EQ(json["return"]["mean"], -2);
  EXPECT_EQ(json["length"]["median"], 27);
  EXPECT_EQ(json["per_episode"][1]["return"], -1);
  EXPECT_EQ(json["per_episode"][1]["success"], true);
}

TEST(StatisticsTest, TheEnvironmentsMetricsAreRowsOfTheirOwn) {
  EnvSpec spec;
  spec.metrics = {{"reward/forward", v1::MetricSpec::AGGREGATION_SUM},
                  {"terminated/fell", v1::MetricSpec::AGGREGATION_LAST}};
  std::vector<v1::Episode> episodes = {Episode(-3, 50, false), Episode(-1, 4, true)};
  for (v1::Episode& episode : episodes) {
    episode.add_metric(static_cast<float>(2 * episode.return_sum()));
    episode.add_metric(episode.is_success() ? 0 : 1);
  }
  EXPECT_THAT(StatisticsTable(spec, episodes), HasSubstr("\nreward/forward          -4 "));
  EXPECT_THAT(StatisticsTable(spec, episodes), HasSubstr("\nterminated/fell        0.5 "));
  const nlohmann::ordered_json json = StatisticsJson(spec, episodes);
  EXPECT_EQ(json["metrics"]["reward/forward"]["min"], -6);
  EXPECT_EQ(json["metrics"]["terminated/fell"]["mean"], 0.5);
}

TEST(StatisticsTest, EpisodesThatWereCutAreSaid) {
  std::vector<v1::Episode> episodes = {Episode(-3, 50, false), Episode(-1, 4, true)};
  EXPECT_THAT(StatisticsTable(EnvSpec(), episodes), Not(HasSubstr("cut")));
  EXPECT_EQ(StatisticsJson(EnvSpec(), episodes)["cut"], 0);
  episodes[0].set_cut(true);
  EXPECT_THAT(StatisticsTable(EnvSpec(), episodes),
              HasSubstr("1 of 2 episodes had not ended when they were cut"));
  const nlohmann::ordered_json json = StatisticsJson(EnvSpec(), episodes);
  EXPECT_EQ(json["cut"], 1);
  EXPECT_EQ(json["per_episode"][0]["cut"], true);
}

}  // namespace
}  // namespace armature

#include "common/play/episode_metrics.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;

const std::vector<MetricSpec> kSumMeanLast = {
    {"reward/forward", v1::MetricSpec::AGGREGATION_SUM},
    {"tilt", v1::MetricSpec::AGGREGATION_MEAN},
    {"terminated/fell", v1::MetricSpec::AGGREGATION_LAST}};

v1::Episode Written(const EpisodeMetrics& metrics, int64_t slot) {
  v1::Episode episode;
  metrics.Write(slot, &episode);
  return episode;
}

TEST(EpisodeMetrics, StepsBecomeTheirSumMeanOrLastValue) {
  EpisodeMetrics metrics(kSumMeanLast, 1);
  metrics.Begin(0);
  metrics.Add(0, {1, 1, 1});
  metrics.Add(0, {2, 2, 2});
  metrics.Add(0, {6, 6, 0.5f});
  EXPECT_THAT(Written(metrics, 0).metric(), ElementsAre(9, 3, 0.5f));
}

TEST(EpisodeMetrics, SlotsAreApartAndABeginningForgetsWhatWas) {
  EpisodeMetrics metrics(kSumMeanLast, 2);
  metrics.Add(0, {100, 100, 100});
  metrics.Add(1, {1, 2, 3});
  metrics.Begin(0);
  metrics.Add(0, {4, 4, 4});
  EXPECT_THAT(Written(metrics, 0).metric(), ElementsAre(4, 4, 4));
  EXPECT_THAT(Written(metrics, 1).metric(), ElementsAre(1, 2, 3));
}

TEST(EpisodeMetrics, ManySmallRewardsAddUpLikeDoubles) {
  EpisodeMetrics metrics({{"reward/alive", v1::MetricSpec::AGGREGATION_SUM}}, 1);
  for (int i = 0; i < 20'000'000; ++i) metrics.Add(0, {1});
  EXPECT_THAT(Written(metrics, 0).metric(), ElementsAre(20'000'000));  // float32 stops at 2^24.
}

TEST(EpisodeMetrics, ASumBeyondFloat32StaysFinite) {
  constexpr float kMax = std::numeric_limits<float>::max();
  EpisodeMetrics metrics(kSumMeanLast, 1);
  for (int i = 0; i < 3; ++i) metrics.Add(0, {-kMax, kMax, kMax});
  EXPECT_THAT(Written(metrics, 0).metric(), ElementsAre(-kMax, kMax, kMax));
}

TEST(EpisodeMetrics, WithoutMetricsAnEpisodeHasNone) {
  EpisodeMetrics metrics({}, 1);
  metrics.Add(0, {});
  EXPECT_EQ(Written(metrics, 0).metric_size(), 0);
}

}  // namespace
}  // namespace armature

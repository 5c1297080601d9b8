#include "learner/replay/row_sampler.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "learner/replay/prioritized_sampler.h"
#include "learner/replay/uniform_sampler.h"

namespace armature {
namespace {

constexpr int kDraws = 60000;

// `episodes` of two steps each: rows 3 e and 3 e + 1 hold steps, 3 e + 2 none.
EpisodeLinks MakeLinks(int64_t episodes, int64_t capacity) {
  EpisodeLinks links({capacity, 1, false});
  for (int64_t episode = 0; episode < episodes; ++episode) {
    const uint64_t first = 10 * episode;
    links.Append({1, 0, first, first + 1, 0, false, false});
    links.Append({1, 0, first + 1, first + 2, 0, true, false});
  }
  return links;
}

struct Drawn {
  std::vector<double> counts;
  std::vector<float> weight;  // By row, as last drawn; 0: never drawn.
};

Drawn Draw(RowSampler* sampler, int64_t rows, double progress, int64_t batch_size) {
  ReplayRandom random(5);
  Drawn drawn{std::vector<double>(rows), std::vector<float>(rows)};
  std::vector<int64_t> batch(batch_size);
  std::vector<float> weights(batch_size);
  for (int64_t i = 0; i < kDraws; i += batch_size) {
    sampler->Draw(progress, &random, absl::MakeSpan(batch), absl::MakeSpan(weights));
    for (int64_t j = 0; j < batch_size; ++j) {
      drawn.counts[batch[j]] += 1;
      drawn.weight[batch[j]] = weights[j];
    }
  }
  return drawn;
}

// Pearson's statistic of counts against expected shares; rows with share 0 must have no count.
double ChiSquare(const std::vector<double>& counts, const std::vector<double>& shares) {
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (shares[i] == 0) {
      EXPECT_EQ(counts[i], 0) << "row " << i << " holds no step";
      continue;
    }
    const double expected = kDraws * shares[i];
    sum += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return sum;
}

// 0.999 quantile of the chi-square distribution with 7 degrees of freedom.
constexpr double kBound7 = 24.32;

TEST(RowSamplerTest, UniformDrawsEveryStepAlikeAndNoFinalObservation) {
  const EpisodeLinks links = MakeLinks(4, 100);
  UniformSampler sampler(&links);
  std::vector<double> shares(12);
  for (int row = 0; row < 12; ++row) shares[row] = row % 3 == 2 ? 0 : 1.0 / 8;
  const Drawn drawn = Draw(&sampler, 12, 0, 60);
  EXPECT_LT(ChiSquare(drawn.counts, shares), kBound7);
  EXPECT_EQ(drawn.weight[0], 1);
}

// Rows with errors 1, 2, .., 8 where `links` hold steps.
PrioritizedSampler MakePrioritized(const EpisodeLinks& links,
                                   const PrioritizedSampler::Options& options) {
  PrioritizedSampler sampler(options, &links);
  double error = 0;
  for (int64_t row = 0; row < links.rows(); ++row) {
    if (!links.HoldsStep(row)) continue;
    sampler.Add(row);
    error += 1;
    sampler.SetError(row, row % 2 == 0 ? error : -error);
  }
  return sampler;
}

TEST(RowSamplerTest, PrioritizedDrawsInProportionToTheErrorToThePowerOfAlpha) {
  const EpisodeLinks links = MakeLinks(4, 100);
  for (const double alpha : {0.0, 0.6, 1.0}) {
    PrioritizedSampler sampler = MakePrioritized(links, {alpha, 0.4, 1e-6});
    std::vector<double> shares(12);
    double error = 0;
    for (int row = 0; row < 12; ++row) {
      if (row % 3 != 2) shares[row] = std::pow(error += 1, alpha);
    }
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    for (double& share : shares) share /= sum;
    EXPECT_LT(ChiSquare(Draw(&sampler, 12, 0, 60).counts, shares), kBound7) << alpha;
  }
}

TEST(RowSamplerTest, ImportanceWeightsAreThoseOfThePaperAndBetaEndsAtOne) {
  const EpisodeLinks links = MakeLinks(4, 100);
  PrioritizedSampler sampler = MakePrioritized(links, {0.6, 0.4, 1e-6});
  double sum = 0;
  for (int error = 1; error <= 8; ++error) sum += std::pow(error + 1e-6, 0.6);
  for (const double progress : {0.0, 0.5, 1.0}) {
    const double beta = 0.4 + 0.6 * progress;
    // A batch this large certainly holds the least likely row.
    const Drawn drawn = Draw(&sampler, 12, progress, kDraws);
    double error = 0;
    double largest = 0;
    std::vector<double> expected(12);
    for (int row = 0; row < 12; ++row) {
      if (row % 3 == 2) continue;
      const double probability = std::pow((error += 1) + 1e-6, 0.6) / sum;
      expected[row] = std::pow(8 * probability, -beta);
      largest = std::max(largest, expected[row]);
    }
    for (int row = 0; row < 12; ++row) {
      EXPECT_NEAR(drawn.weight[row], expected[row] / largest, 1e-5) << row << " at " << progress;
    }
  }
}

TEST(RowSamplerTest, ANewStepHasTheLargestPrioritySoFar) {
  const EpisodeLinks links = MakeLinks(4, 100);
  PrioritizedSampler sampler({1, 0.4, 1e-6}, &links);
  sampler.Add(0);
  EXPECT_EQ(sampler.priority(0), 1);
  sampler.SetError(0, -3);
  sampler.SetError(0, 0.5);
  sampler.Add(1);
  EXPECT_NEAR(sampler.priority(1), 3, 1e-5);
  sampler.Remove(1);
  EXPECT_EQ(sampler.priority(1), 0);
}

std::map<std::string, at::Tensor> ToMap(const NamedTensors& state) {
  return {state.begin(), state.end()};
}

TEST(RowSamplerTest, RestoredPrioritiesDrawTheSameRowsWithTheSameWeights) {
  const EpisodeLinks links = MakeLinks(4, 100);
  PrioritizedSampler sampler = MakePrioritized(links, {0.6, 0.4, 1e-6});
  PrioritizedSampler restored({0.6, 0.4, 1e-6}, &links);
  const auto state = ToMap(sampler.State());
  ASSERT_TRUE(restored.Check(state, links.Save()).ok());
  restored.Load(state);
  const Drawn drawn = Draw(&sampler, 12, 0.3, 60);
  const Drawn again = Draw(&restored, 12, 0.3, 60);
  EXPECT_EQ(drawn.counts, again.counts);
  EXPECT_EQ(drawn.weight, again.weight);
  sampler.Add(0);
  restored.Add(0);
  EXPECT_EQ(restored.priority(0), sampler.priority(0)) << "the largest priority is restored";
}

TEST(RowSamplerTest, PrioritiesThatDoNotFitTheRowsAreRefused) {
  const EpisodeLinks links = MakeLinks(1, 100);
  PrioritizedSampler sampler = MakePrioritized(links, {0.6, 0.4, 1e-6});
  auto check = [&](at::Tensor priority, double largest) {
    return sampler
        .Check({{"replay.priority", priority},
                {"replay.priority_max", at::scalar_tensor(largest, at::kDouble)}},
               links.Save())
        .code();
  };
  auto priorities = [](double a, double b, double c) { return at::tensor({a, b, c}, at::kDouble); };
  constexpr auto kRefused = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(check(priorities(1, 2, 0), 2), absl::StatusCode::kOk);
  EXPECT_EQ(check(priorities(1, 0, 0), 2), kRefused);
  EXPECT_EQ(check(priorities(1, 2, 1), 2), kRefused);
  EXPECT_EQ(check(priorities(1, NAN, 0), 2), kRefused);
  EXPECT_EQ(check(priorities(1, 2, 0), 0), kRefused);
  EXPECT_EQ(check(priorities(1, 2, 0).narrow(0, 0, 2), 2), kRefused);
  EXPECT_EQ(check(priorities(1, 2, 0).to(at::kFloat), 2), kRefused);
  EXPECT_EQ(sampler.Check({}, links.Save()).code(), kRefused);
}

TEST(RowSamplerTest, OptionsOutOfRangeAreRefusedByName) {
  using Options = PrioritizedSampler::Options;
  EXPECT_TRUE(Options().Validate().ok());
  EXPECT_EQ((Options{1.5, 0.4, 1e-6}.Validate().message()), "replay: alpha=1.5 must be in [0, 1]");
  EXPECT_EQ((Options{0.5, -1, 1e-6}.Validate().message()), "replay: beta=-1 must be in [0, 1]");
  EXPECT_EQ((Options{0.5, 0.4, 0}.Validate().message()),
            "replay: epsilon=0 must be positive and finite");
}

}  // namespace
}  // namespace armature

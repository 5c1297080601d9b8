#include "actor/act/explorer.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::Each;

ActionSpec Box(int64_t size) {
  ActionSpec action;
  action.low.assign(size, -1);
  action.high.assign(size, 1);
  return action;
}

Explorer Make(const v1::Exploration& exploration, const ActionSpec& action = Box(1),
              uint64_t seed = 3) {
  auto explorer = Explorer::Create(exploration, action, /*num_slots=*/4, seed);
  EXPECT_TRUE(explorer.ok()) << explorer.status();
  return *std::move(explorer);
}

// Returns the noise of `steps` control steps, added to an action of 0.
std::vector<double> NoiseOf(Explorer* explorer, int64_t slot, int64_t steps) {
  std::vector<double> noise;
  for (int64_t step = 0; step < steps; ++step) {
    float action = 0;
    explorer->AddNoise(slot, absl::MakeSpan(&action, 1));
    noise.push_back(action);
  }
  return noise;
}

// Mean of x_t x_(t + lag).
double Covariance(const std::vector<double>& x, size_t lag) {
  double sum = 0;
  for (size_t t = 0; t + lag < x.size(); ++t) sum += x[t] * x[t + lag];
  return sum / static_cast<double>(x.size() - lag);
}

v1::Exploration OrnsteinUhlenbeck(double sigma, double theta, double dt) {
  v1::Exploration exploration;
  exploration.mutable_ornstein_uhlenbeck()->set_sigma(sigma);
  exploration.mutable_ornstein_uhlenbeck()->set_theta(theta);
  exploration.mutable_ornstein_uhlenbeck()->set_dt(dt);
  return exploration;
}

TEST(ExplorerTest, NormalNoiseHasItsDeviationAndNoMemory) {
  v1::Exploration exploration;
  exploration.set_normal_noise_std(0.1);
  Explorer explorer = Make(exploration);
  const std::vector<double> noise = NoiseOf(&explorer, 0, 20000);
  EXPECT_NEAR(std::sqrt(Covariance(noise, 0)), 0.1, 0.003);
  EXPECT_NEAR(Covariance(noise, 1) / Covariance(noise, 0), 0, 0.03);
}

// With a = theta dt, x_t+1 = (1 - a) x_t + sigma sqrt(dt) N(0, 1): standard deviation sigma sqrt(dt
// / (1 - (1 - a)^2)), correlation (1 - a)^lag.
TEST(ExplorerTest, OrnsteinUhlenbeckNoiseHasTheDeviationAndCorrelationOfItsProcess) {
  Explorer explorer = Make(OrnsteinUhlenbeck(/*sigma=*/0.2, /*theta=*/0.5, /*dt=*/0.2));
  const std::vector<double> noise = NoiseOf(&explorer, 0, 100000);
  const double keep = 1 - 0.5 * 0.2;
  EXPECT_NEAR(std::sqrt(Covariance(noise, 0)), 0.2 * std::sqrt(0.2 / (1 - keep * keep)), 0.01);
  EXPECT_NEAR(Covariance(noise, 1) / Covariance(noise, 0), keep, 0.02);
  EXPECT_NEAR(Covariance(noise, 5) / Covariance(noise, 0), std::pow(keep, 5), 0.04);
}

TEST(ExplorerTest, OrnsteinUhlenbeckNoiseIsStillWithoutSigmaAndWhiteWithoutMemory) {
  // sigma 0: x stays 0. theta 1, dt 1: no memory; the standard deviation is sigma.
  Explorer still = Make(OrnsteinUhlenbeck(0, 0.15, 0.01));
  EXPECT_THAT(NoiseOf(&still, 0, 100), Each(0.0));
  Explorer white = Make(OrnsteinUhlenbeck(0.1, 1, 1));
  const std::vector<double> noise = NoiseOf(&white, 0, 20000);
  EXPECT_NEAR(std::sqrt(Covariance(noise, 0)), 0.1, 0.003);
  EXPECT_NEAR(Covariance(noise, 1) / Covariance(noise, 0), 0, 0.03);
}

TEST(ExplorerTest, AnEpisodeBeginsWithoutTheNoiseOfTheLast) {
  Explorer explorer = Make(OrnsteinUhlenbeck(0.001, 0, 1));
  double before = 0;  // Of a random walk, which reaches any value in time.
  for (int64_t step = 0; step < 100000 && std::abs(before) < 0.02; ++step) {
    before = NoiseOf(&explorer, 1, 1)[0];
  }
  ASSERT_GT(std::abs(before), 0.02);
  explorer.BeginEpisode(1);
  EXPECT_LT(std::abs(NoiseOf(&explorer, 1, 1)[0]), 0.01);
}

TEST(ExplorerTest, EverySlotHasItsOwnStreamWhichTheSeedFixes) {
  v1::Exploration exploration = OrnsteinUhlenbeck(0.2, 0.15, 0.01);
  exploration.set_normal_noise_std(0.1);
  Explorer one = Make(exploration), other = Make(exploration),
           reseeded = Make(exploration, Box(1), 4);
  // The order in which slots act must make no difference.
  const std::vector<double> a0 = NoiseOf(&one, 0, 10), a1 = NoiseOf(&one, 1, 10);
  const std::vector<double> b1 = NoiseOf(&other, 1, 10), b0 = NoiseOf(&other, 0, 10);
  EXPECT_EQ(a0, b0);
  EXPECT_EQ(a1, b1);
  EXPECT_NE(a0, a1);
  EXPECT_NE(a0, NoiseOf(&reseeded, 0, 10));
}

TEST(ExplorerTest, NoisyActionsStayInTheirBounds) {
  v1::Exploration exploration;
  exploration.set_normal_noise_std(5);
  Explorer explorer = Make(exploration);
  for (double action : NoiseOf(&explorer, 0, 100)) EXPECT_LE(std::abs(action), 1);
}

TEST(ExplorerTest, RandomActionsAreAsFrequentAsAskedForAndUniform) {
  v1::Exploration exploration;
  exploration.set_random_action_probability(0.25);
  Explorer explorer = Make(exploration);
  int64_t replaced = 0;
  double sum = 0, square = 0;
  for (int64_t step = 0; step < 20000; ++step) {
    float action = 7;
    if (!explorer.ReplaceAtRandom(2, absl::MakeSpan(&action, 1))) {
      EXPECT_EQ(action, 7);
      continue;
    }
    ++replaced;
    sum += action;
    square += action * action;
  }
  EXPECT_NEAR(replaced / 20000.0, 0.25, 0.015);
  EXPECT_NEAR(sum / replaced, 0, 0.03);
  EXPECT_NEAR(square / replaced, 1.0 / 3, 0.02);  // The variance of U(-1, 1).
}

TEST(ExplorerTest, DiscreteActionsAreDrawnFromAllChoices) {
  ActionSpec action;
  action.choices = {3};
  Explorer explorer = Make({}, action);
  std::vector<int64_t> counts(3);
  for (int64_t draw = 0; draw < 3000; ++draw) {
    float choice = -1;
    explorer.DrawUniform(0, absl::MakeSpan(&choice, 1));
    ++counts.at(static_cast<size_t>(choice));
  }
  for (int64_t count : counts) EXPECT_NEAR(count, 1000, 120);
  EXPECT_EQ(explorer.uniform_log_prob(), static_cast<float>(-std::log(3.0)));
}

TEST(ExplorerTest, EachComponentOfAMultiDiscreteIsDrawnFromItsOwnChoices) {
  ActionSpec action;
  action.choices = {2, 5};
  Explorer explorer = Make({}, action);
  std::vector<int64_t> counts(10);
  for (int64_t draw = 0; draw < 5000; ++draw) {
    std::vector<float> choice(2, -1);
    explorer.DrawUniform(0, absl::MakeSpan(choice));
    ++counts.at(static_cast<size_t>(choice[0] * 5 + choice[1]));
  }
  for (int64_t count : counts) EXPECT_NEAR(count, 500, 110);
  EXPECT_FLOAT_EQ(explorer.uniform_log_prob(), -std::log(10.0f));
}

TEST(ExplorerTest, NumbersOutOfTheirBoundsAreRefusedByName) {
  const auto complaint = [](const v1::Exploration& exploration) {
    return std::string(Explorer::Create(exploration, Box(1), 1, 1).status().message());
  };
  v1::Exploration exploration;
  exploration.set_normal_noise_std(-0.1);
  EXPECT_EQ(complaint(exploration), "exploration.normal_noise_std is -0.1, not a number from 0 on");
  exploration.set_normal_noise_std(std::nan(""));
  EXPECT_EQ(complaint(exploration), "exploration.normal_noise_std is nan, not a number from 0 on");
  exploration.set_normal_noise_std(0);
  exploration.set_random_action_probability(1.5);
  EXPECT_EQ(complaint(exploration), "exploration.random_action_probability is 1.5, not in [0, 1]");
  EXPECT_EQ(complaint(OrnsteinUhlenbeck(0.1, 0.1, 2)),
            "exploration.ornstein_uhlenbeck.dt is 2, not in [0, 1]");
  EXPECT_EQ(complaint(OrnsteinUhlenbeck(0.1, -1, 0.1)),
            "exploration.ornstein_uhlenbeck.theta is -1, not in [0, 1]");
  EXPECT_EQ(complaint(OrnsteinUhlenbeck(INFINITY, 0, 0.1)),
            "exploration.ornstein_uhlenbeck.sigma is inf, not a number from 0 on");
}

}  // namespace
}  // namespace armature

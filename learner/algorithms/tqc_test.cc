#include "learner/algorithms/tqc.h"

#include <cmath>

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "gtest/gtest.h"
#include "learner/algorithms/testing/fixtures.h"
#include "learner/algorithms/testing/golden.h"

namespace armature {
namespace {

constexpr auto kHead = v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN;

class TqcGoldenTest : public testing::TestWithParam<int> {};

TEST_P(TqcGoldenTest, LossesGradientsAndParametersAreThoseOfPyTorch) {
  const nlohmann::json golden = ReadGolden("golden_tqc.json").at(GetParam());
  TqcConfig config;
  config.tau = golden["tau"];
  config.learning_rate = golden["learning_rate"];
  config.initial_temperature = golden["temperature"];
  config.critics = golden["critic_count"];
  config.quantiles = golden["quantiles"];
  config.dropped_quantiles = golden["dropped_quantiles"];
  const auto tqc = std::move(*Tqc::Create(config, GoldenSpec(golden, kHead), 1, c10::kCPU));
  SetGoldenState(golden, *tqc);
  const std::map<std::string, at::Tensor> state = StateMap(*tqc);
  double temperature = golden["temperature"];
  for (const nlohmann::json& update : golden["updates"]) {
    tqc->UpdateWithNoise(GoldenSample(update), 0, GoldenTensor(update["noise"]));
    Scalars scalars = tqc->TakeScalars();
    EXPECT_NEAR(scalars["train/critic_loss"], update["critic_loss"], 1e-4);
    EXPECT_NEAR(scalars["train/actor_loss"], update["actor_loss"], 1e-4);
    EXPECT_NEAR(scalars["train/entropy"], update["entropy"], 1e-4);
    EXPECT_NEAR(scalars["train/temperature"], temperature, 1e-6);
    temperature = std::exp(update["log_alpha"].get<double>());
    EXPECT_EQ(GoldenDifference(tqc->TemporalDifferences(), update["errors"]), "");
    EXPECT_EQ(GoldenDifference(tqc->critic_gradient(), update["critic_gradient"]), "");
    EXPECT_EQ(GoldenDifference(tqc->policy_gradient(), update["actor_gradient"]), "");
    EXPECT_NEAR(tqc->temperature_gradient().item<double>(), update["alpha_gradient"], 1e-4);
    EXPECT_EQ(GoldenDifference(tqc->policy().flat_parameters(), update["actor"]), "");
    EXPECT_EQ(GoldenDifference(state.at("critics"), update["critics"]), "");
    EXPECT_EQ(GoldenDifference(state.at("target_critics"), update["targets"]), "");
    EXPECT_NEAR(state.at("log_alpha").item<double>(), update["log_alpha"], 1e-5);
  }
  EXPECT_EQ(tqc->learner_steps(), 3);
}

INSTANTIATE_TEST_SUITE_P(Cases, TqcGoldenTest, testing::Range(0, 4));

// A step that ends with 20 in 3 rows of 20, else with 0. For t = 0.1, 0.3, 0.5 and 0.7 the
// quantile z near 0 has the slope 0.15 t = 0.85 (1 - t) z; for t = 0.9 it is 20 - z that is small,
// with 0.15 t (20 - z) = 0.85 (1 - t).
TEST(TqcTest, CriticsLearnTheQuantilesOfTheReturnAndNotItsMean) {
  TqcConfig config;
  config.quantiles = 5;
  config.dropped_quantiles = 0;
  config.learning_rate = 1e-2;
  const v1::PolicySpec spec = MakeSpec(kHead, 1, 1, {8});
  const auto tqc = std::move(*Tqc::Create(config, spec, 1, c10::kCPU));
  TransitionSample sample = RandomSample(20, spec, MakeGenerator(c10::kCPU, 5));
  sample.observation.zero_();
  sample.action.zero_();
  sample.terminated.fill_(1);
  sample.weight.fill_(1);
  sample.reward.zero_().narrow(0, 0, 3).fill_(20);
  for (int i = 0; i < 1500; ++i) tqc->Update(sample, 0);
  double mean = (20 - 0.85 * 0.1 / (0.15 * 0.9)) / 5;
  for (const double t : {0.1, 0.3, 0.5, 0.7}) mean += 0.15 * t / (0.85 * (1 - t)) / 5;
  sample.reward.fill_(mean);
  tqc->Update(sample, 0);
  EXPECT_LT(tqc->TemporalDifferences().max().item<double>(), 0.05);
}

TEST(TqcTest, TemperatureIsFixedWhereItIsNotLearned) {
  TqcConfig config;
  config.automatic_entropy = false;
  config.initial_temperature = 0.25;
  const v1::PolicySpec spec = MakeSpec(kHead, 3, 2, {8});
  const auto tqc = std::move(*Tqc::Create(config, spec, 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 5);
  for (int i = 0; i < 3; ++i) tqc->Update(RandomSample(16, spec, generator), 0);
  EXPECT_NEAR(tqc->TakeScalars()["train/temperature"], 0.25, 1e-6);
}

TEST(TqcTest, OtherHeadsAreRefused) {
  v1::PolicySpec spec = MakeSpec(kHead, 3, 2, {8});
  spec.set_head(v1::PolicySpec::HEAD_TANH);
  EXPECT_EQ(Tqc::Create(TqcConfig(), spec, 1, c10::kCPU).status().message(),
            "TQC needs a squashed Gaussian policy, not HEAD_TANH");
}

}  // namespace
}  // namespace armature

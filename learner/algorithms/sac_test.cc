#include "learner/algorithms/sac.h"

#include <cmath>
#include <set>
#include <vector>

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "gtest/gtest.h"
#include "learner/algorithms/testing/fixtures.h"
#include "learner/algorithms/testing/golden.h"

namespace armature {
namespace {

constexpr auto kHead = v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN;

class SacGoldenTest : public testing::TestWithParam<int> {};

TEST_P(SacGoldenTest, LossesGradientsAndParametersAreThoseOfPyTorch) {
  const nlohmann::json golden = ReadGolden("golden_sac.json").at(GetParam());
  SacConfig config;
  config.tau = golden["tau"];
  config.learning_rate = golden["learning_rate"];
  config.initial_temperature = golden["temperature"];
  config.critic_loss = golden["critic_loss"];
  config.critics = golden["critic_count"];
  config.target_critics = golden["target_critics"];
  config.policy_value = golden["policy_value"];
  config.policy_delay = golden["policy_delay"];
  NetworkOptions network;
  network.critic_layer_norm = golden["critic_layer_norm"];
  const auto sac =
      std::move(*Sac::Create(config, GoldenSpec(golden, kHead), 1, c10::kCPU, network));
  SetGoldenState(golden, *sac);
  const std::map<std::string, at::Tensor> state = StateMap(*sac);
  double temperature = golden["temperature"];
  for (const nlohmann::json& update : golden["updates"]) {
    sac->UpdateWithNoise(GoldenSample(update), 0, GoldenTensor(update["noise"]),
                         update["target_critics"].get<std::vector<int64_t>>());
    Scalars scalars = sac->TakeScalars();
    EXPECT_NEAR(scalars["train/critic_loss"], update["critic_loss"], 1e-4);
    EXPECT_EQ(scalars.count("train/actor_loss"), update.count("actor_loss"));
    EXPECT_EQ(GoldenDifference(sac->critic_gradient(), update["critic_gradient"]), "");
    if (update.contains("actor_loss")) {
      EXPECT_NEAR(scalars["train/actor_loss"], update["actor_loss"], 1e-4);
      EXPECT_NEAR(scalars["train/entropy"], update["entropy"], 1e-4);
      EXPECT_NEAR(scalars["train/temperature"], temperature, 1e-6);
      EXPECT_EQ(GoldenDifference(sac->policy_gradient(), update["actor_gradient"]), "");
      EXPECT_NEAR(sac->temperature_gradient().item<double>(), update["alpha_gradient"], 1e-4);
    }
    temperature = std::exp(update["log_alpha"].get<double>());
    EXPECT_EQ(GoldenDifference(sac->policy().flat_parameters(), update["actor"]), "");
    EXPECT_EQ(GoldenDifference(state.at("critics"), update["critics"]), "");
    EXPECT_EQ(GoldenDifference(state.at("target_critics"), update["targets"]), "");
    EXPECT_NEAR(state.at("log_alpha").item<double>(), update["log_alpha"], 1e-5);
  }
  EXPECT_EQ(sac->learner_steps(), 3);
}

INSTANTIATE_TEST_SUITE_P(Cases, SacGoldenTest, testing::Range(0, 7));

TEST(SacTest, TemperatureIsFixedWhereItIsNotLearned) {
  SacConfig config;
  config.automatic_entropy = false;
  config.initial_temperature = 0.25;
  const v1::PolicySpec spec = MakeSpec(kHead, 3, 2, {8});
  const auto sac = std::move(*Sac::Create(config, spec, 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 5);
  for (int i = 0; i < 3; ++i) sac->Update(RandomSample(16, spec, generator), 0);
  EXPECT_NEAR(sac->TakeScalars()["train/temperature"], 0.25, 1e-6);
  EXPECT_TRUE(sac->TakeScalars().empty());
}

TEST(SacTest, EveryPairOfAnEnsembleIsATargetAndASeedAlwaysDrawsTheSame) {
  SacConfig config;
  config.critics = 3;
  config.learning_rate = 1e-12;  // What differs between updates is which targets are drawn.
  config.tau = 0;
  const v1::PolicySpec spec = MakeSpec(kHead, 3, 2, {8});
  at::Generator generator = MakeGenerator(c10::kCPU, 5);
  const TransitionSample sample = RandomSample(16, spec, generator);
  const at::Tensor noise = at::zeros({32, 2});
  const auto losses = [&](uint64_t seed) {
    const auto sac = std::move(*Sac::Create(config, spec, seed, c10::kCPU));
    std::vector<double> drawn;
    for (int i = 0; i < 40; ++i) {
      sac->UpdateWithNoise(sample, 0, noise, sac->DrawTargetCritics());
      drawn.push_back(sac->TakeScalars()["train/critic_loss"]);
    }
    return drawn;
  };
  const std::vector<double> drawn = losses(1);
  EXPECT_EQ(losses(1), drawn);
  std::set<int64_t> rounded;
  for (const double loss : drawn) rounded.insert(std::llround(loss * 1e6));
  EXPECT_EQ(rounded.size(), 3);
}

TEST(SacTest, OtherHeadsAreRefused) {
  v1::PolicySpec spec = MakeSpec(kHead, 3, 2, {8});
  spec.set_head(v1::PolicySpec::HEAD_CATEGORICAL);
  EXPECT_EQ(Sac::Create(SacConfig(), spec, 1, c10::kCPU).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace armature

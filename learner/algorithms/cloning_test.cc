#include "learner/algorithms/cloning.h"

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "gtest/gtest.h"
#include "learner/algorithms/ddpg.h"
#include "learner/algorithms/sac.h"
#include "learner/algorithms/td3.h"
#include "learner/algorithms/testing/fixtures.h"
#include "learner/algorithms/testing/golden.h"
#include "learner/algorithms/tqc.h"
#include "learner/nn/critics.h"

namespace armature {
namespace {

constexpr auto kTanh = v1::PolicySpec::HEAD_TANH;
constexpr auto kSquashed = v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN;

template <typename Config>
Config GoldenConfig(const nlohmann::json& golden) {
  Config config;
  config.tau = golden["tau"];
  config.learning_rate = golden["learning_rate"];
  return config;
}

DemonstrationsConfig GoldenCloning(const nlohmann::json& golden) {
  DemonstrationsConfig config;
  config.policy_weight = golden["cloning"]["policy_weight"];
  config.cloning_weight = golden["cloning"]["cloning_weight"];
  config.q_filter = golden["cloning"]["q_filter"];
  return config;
}

// Runs `update(sample, noise)` for each golden update and checks the result.
template <typename Learner, typename Update>
void ExpectGolden(const nlohmann::json& golden, Learner& learner, Update update) {
  SetGoldenState(golden, learner);
  const std::map<std::string, at::Tensor> state = StateMap(learner);
  for (const nlohmann::json& expected : golden["updates"]) {
    TransitionSample sample = GoldenSample(expected);
    sample.demonstrations = golden["cloning"]["demonstrations"];
    update(sample, GoldenTensor(expected["noise"]));
    Scalars scalars = learner.TakeScalars();
    EXPECT_NEAR(scalars["train/critic_loss"], expected["critic_loss"], 1e-4);
    EXPECT_EQ(GoldenDifference(learner.critic_gradient(), expected["critic_gradient"]), "");
    if (expected.contains("actor_loss")) {
      EXPECT_NEAR(scalars["train/actor_loss"], expected["actor_loss"], 1e-4);
      EXPECT_NEAR(scalars["train/cloning_loss"], expected["cloning_loss"], 1e-5);
      EXPECT_EQ(scalars["train/cloned_share"], expected["cloned_share"]);
      EXPECT_EQ(GoldenDifference(learner.policy_gradient(), expected["actor_gradient"]), "");
    }
    EXPECT_EQ(GoldenDifference(learner.policy().flat_parameters(), expected["actor"]), "");
    EXPECT_EQ(GoldenDifference(state.at("critics"), expected["critics"]), "");
    EXPECT_EQ(GoldenDifference(state.at("target_critics"), expected["targets"]), "");
  }
}

// Without and with the Q-filter.
class CloningGoldenTest : public testing::TestWithParam<int> {
 protected:
  nlohmann::json Case(const std::string& algorithm) const {
    return ReadGolden("golden_cloning.json").at(algorithm).at(GetParam());
  }
};

TEST_P(CloningGoldenTest, SacLossesGradientsAndParametersAreThoseOfPyTorch) {
  const nlohmann::json golden = Case("sac");
  auto config = GoldenConfig<SacConfig>(golden);
  config.critic_loss = golden["critic_loss"];
  config.initial_temperature = golden["temperature"];
  const auto sac = std::move(
      *Sac::Create(config, GoldenSpec(golden, kSquashed), 1, c10::kCPU, {}, GoldenCloning(golden)));
  ExpectGolden(golden, *sac, [&](const TransitionSample& sample, const at::Tensor& noise) {
    sac->UpdateWithNoise(sample, 0, noise);
  });
}

TEST_P(CloningGoldenTest, TqcLossesGradientsAndParametersAreThoseOfPyTorch) {
  const nlohmann::json golden = Case("tqc");
  auto config = GoldenConfig<TqcConfig>(golden);
  config.critics = golden["critic_count"];
  config.quantiles = golden["quantiles"];
  config.dropped_quantiles = golden["dropped_quantiles"];
  config.initial_temperature = golden["temperature"];
  const auto tqc = std::move(
      *Tqc::Create(config, GoldenSpec(golden, kSquashed), 1, c10::kCPU, {}, GoldenCloning(golden)));
  ExpectGolden(golden, *tqc, [&](const TransitionSample& sample, const at::Tensor& noise) {
    tqc->UpdateWithNoise(sample, 0, noise);
  });
}

TEST_P(CloningGoldenTest, Td3LossesGradientsAndParametersAreThoseOfPyTorch) {
  const nlohmann::json golden = Case("td3");
  auto config = GoldenConfig<Td3Config>(golden);
  config.critic_loss = golden["critic_loss"];
  config.policy_delay = golden["policy_delay"];
  config.target_noise_std = golden["target_noise_std"];
  config.target_noise_clip = golden["target_noise_clip"];
  config.action_l2 = golden["action_l2"];
  const auto td3 = std::move(
      *Td3::Create(config, GoldenSpec(golden, kTanh), 1, c10::kCPU, {}, GoldenCloning(golden)));
  ExpectGolden(golden, *td3, [&](const TransitionSample& sample, const at::Tensor& noise) {
    td3->UpdateWithNoise(sample, 0, noise);
  });
}

TEST_P(CloningGoldenTest, DdpgLossesGradientsAndParametersAreThoseOfPyTorch) {
  const nlohmann::json golden = Case("ddpg");
  auto config = GoldenConfig<DdpgConfig>(golden);
  config.critic_loss = golden["critic_loss"];
  const auto ddpg = std::move(
      *Ddpg::Create(config, GoldenSpec(golden, kTanh), 1, c10::kCPU, {}, GoldenCloning(golden)));
  ExpectGolden(golden, *ddpg,
               [&](const TransitionSample& sample, const at::Tensor&) { ddpg->Update(sample, 0); });
}

INSTANTIATE_TEST_SUITE_P(Cases, CloningGoldenTest, testing::Range(0, 2));

class CloningTest : public testing::Test {
 protected:
  static constexpr int64_t kBatch = 40;
  static constexpr int64_t kDemonstrations = 24;

  CloningTest() {
    critics_.Init({}, generator_);
    sample_ = RandomSample(kBatch, spec_, generator_);
    sample_.demonstrations = kDemonstrations;
    critics_.Update(sample_.observation, sample_.action, sample_.reward, sample_.weight, 1e-3);
  }

  auto Value() {
    return [this](const at::Tensor& s, const at::Tensor& a) { return critics_.Min(s, a); };
  }

  at::Generator generator_ = MakeGenerator(c10::kCPU, 6);
  const v1::PolicySpec spec_ = MakeSpec(kTanh, 3, 2, {8, 8});
  const std::unique_ptr<PolicyNetwork> policy_ =
      std::move(*PolicyNetwork::Create(spec_, c10::kCPU));
  Critics critics_{*policy_, 2, CriticLoss::kMse};
  TransitionSample sample_;
  const at::Tensor action_ = at::randn({kBatch, 2}, generator_).tanh();
  const at::Tensor own_ = LastRows(action_, kDemonstrations);
};

TEST_F(CloningTest, TheFilterKeepsExactlyTheRowsWhoseDemonstratedActionIsWorthMore) {
  DemonstrationsConfig config;
  config.q_filter = true;
  const at::Tensor error = own_ - LastRows(sample_.action, kDemonstrations);
  const Cloning cloning = *Clone(config, sample_, sample_.observation, own_, Value());
  // Values of whole batches, from the method that gives the policy's gradient.
  const at::Tensor worth_more =
      (critics_.MinValue(sample_.observation, sample_.action).value.clone() >
       critics_.MinValue(sample_.observation, action_).value)
          .to(at::kFloat);
  EXPECT_TRUE(at::equal(cloning.kept, LastRows(worth_more, kDemonstrations)));
  const double kept = cloning.kept.sum().item<double>();
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, kDemonstrations);
  for (int64_t i = 0; i < kDemonstrations; ++i) {
    const double weight = cloning.kept[i].item<double>() * 2 * config.cloning_weight;
    EXPECT_TRUE(at::allclose(cloning.gradient[i], weight * error[i])) << i;
  }
}

TEST_F(CloningTest, WithoutTheFilterAllRowsAreImitated) {
  DemonstrationsConfig config;
  config.cloning_weight = 0.5;
  const Cloning cloning = *Clone(config, sample_, sample_.observation, own_, Value());
  const at::Tensor error = own_ - LastRows(sample_.action, kDemonstrations);
  EXPECT_TRUE(at::equal(cloning.kept, at::ones({kDemonstrations})));
  EXPECT_TRUE(at::allclose(cloning.gradient, error));
  EXPECT_NEAR(cloning.loss.item<double>(), 0.5 * error.square().sum().item<double>(), 1e-4);
}

TEST_F(CloningTest, ABatchWithoutDemonstrationsIsLearnedAsIfThereWereNoSuchThing) {
  sample_.demonstrations = 0;
  EXPECT_FALSE(Clone({}, sample_, sample_.observation, action_, Value()).has_value());
  DemonstrationsConfig heavy;
  heavy.policy_weight = 0.25;
  heavy.cloning_weight = 7;
  const auto plain = std::move(*Ddpg::Create({}, spec_, 3, c10::kCPU));
  const auto cloning = std::move(*Ddpg::Create({}, spec_, 3, c10::kCPU, {}, heavy));
  plain->Update(sample_, 0);
  cloning->Update(sample_, 0);
  EXPECT_TRUE(at::equal(plain->policy().flat_parameters(), cloning->policy().flat_parameters()));
  EXPECT_EQ(cloning->TakeScalars().count("train/cloning_loss"), 0);
}

}  // namespace
}  // namespace armature

#include "learner/algorithms/td3.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "learner/algorithms/testing/fixtures.h"
#include "learner/algorithms/testing/golden.h"

namespace armature {
namespace {

constexpr auto kHead = v1::PolicySpec::HEAD_TANH;

Td3Config GoldenConfig(const nlohmann::json& golden) {
  Td3Config config;
  config.tau = golden["tau"];
  config.learning_rate = golden["learning_rate"];
  config.policy_delay = golden["policy_delay"];
  config.target_noise_std = golden["target_noise_std"];
  config.target_noise_clip = golden["target_noise_clip"];
  config.critic_loss = golden["critic_loss"];
  config.action_l2 = golden["action_l2"];
  return config;
}

class Td3GoldenTest : public testing::TestWithParam<int> {};

TEST_P(Td3GoldenTest, LossesGradientsAndParametersAreThoseOfPyTorch) {
  const nlohmann::json golden = ReadGolden("golden_td3.json").at(GetParam());
  const auto td3 =
      std::move(*Td3::Create(GoldenConfig(golden), GoldenSpec(golden, kHead), 1, c10::kCPU));
  SetGoldenState(golden, *td3);
  const std::map<std::string, at::Tensor> state = StateMap(*td3);
  for (const nlohmann::json& update : golden["updates"]) {
    td3->UpdateWithNoise(GoldenSample(update), 0, GoldenTensor(update["noise"]));
    Scalars scalars = td3->TakeScalars();
    EXPECT_NEAR(scalars.at("train/critic_loss"), update["critic_loss"], 1e-4);
    EXPECT_EQ(GoldenDifference(td3->critic_gradient(), update["critic_gradient"]), "");
    // Without a policy step there is no policy loss.
    EXPECT_EQ(scalars.count("train/actor_loss"), update.count("actor_loss"));
    if (update.contains("actor_loss")) {
      EXPECT_NEAR(scalars["train/actor_loss"], update["actor_loss"], 1e-4);
      EXPECT_EQ(GoldenDifference(td3->policy_gradient(), update["actor_gradient"]), "");
    }
    EXPECT_EQ(GoldenDifference(td3->policy().flat_parameters(), update["actor"]), "");
    EXPECT_EQ(GoldenDifference(state.at("critics"), update["critics"]), "");
    EXPECT_EQ(GoldenDifference(state.at("target_critics"), update["targets"]), "");
    EXPECT_EQ(GoldenDifference(state.at("target_policy"), update["target_actor"]), "");
  }
  EXPECT_EQ(td3->learner_steps(), 4);
}

INSTANTIATE_TEST_SUITE_P(Cases, Td3GoldenTest, testing::Range(0, 5));

TEST(Td3Test, OtherHeadsAreRefused) {
  const auto td3 = Td3::Create(
      Td3Config(), MakeSpec(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN, 3, 2, {8}), 1, c10::kCPU);
  EXPECT_EQ(td3.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(td3.status().message(), "TD3 needs a deterministic policy, not HEAD_SQUASHED_GAUSSIAN");
}

}  // namespace
}  // namespace armature

#include "learner/algorithms/ddpg.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "learner/algorithms/testing/fixtures.h"
#include "learner/algorithms/testing/golden.h"

namespace armature {
namespace {

constexpr auto kHead = v1::PolicySpec::HEAD_TANH;

class DdpgGoldenTest : public testing::TestWithParam<int> {};

TEST_P(DdpgGoldenTest, LossesGradientsAndParametersAreThoseOfPyTorch) {
  const nlohmann::json golden = ReadGolden("golden_ddpg.json").at(GetParam());
  DdpgConfig config;
  config.tau = golden["tau"];
  config.learning_rate = golden["learning_rate"];
  config.critic_loss = golden["critic_loss"];
  config.action_l2 = golden["action_l2"];
  const auto ddpg = std::move(*Ddpg::Create(config, GoldenSpec(golden, kHead), 1, c10::kCPU));
  SetGoldenState(golden, *ddpg);
  const std::map<std::string, at::Tensor> state = StateMap(*ddpg);
  for (const nlohmann::json& update : golden["updates"]) {
    ddpg->Update(GoldenSample(update), 0);
    const Scalars scalars = ddpg->TakeScalars();
    EXPECT_NEAR(scalars.at("train/critic_loss"), update["critic_loss"], 1e-4);
    EXPECT_NEAR(scalars.at("train/actor_loss"), update["actor_loss"], 1e-4);
    EXPECT_EQ(GoldenDifference(ddpg->critic_gradient(), update["critic_gradient"]), "");
    EXPECT_EQ(GoldenDifference(ddpg->policy_gradient(), update["actor_gradient"]), "");
    EXPECT_EQ(GoldenDifference(ddpg->policy().flat_parameters(), update["actor"]), "");
    EXPECT_EQ(GoldenDifference(state.at("critics"), update["critics"]), "");
    EXPECT_EQ(GoldenDifference(state.at("target_critics"), update["targets"]), "");
    EXPECT_EQ(GoldenDifference(state.at("target_policy"), update["target_actor"]), "");
  }
  EXPECT_EQ(ddpg->learner_steps(), 4);
}

INSTANTIATE_TEST_SUITE_P(Cases, DdpgGoldenTest, testing::Range(0, 4));

TEST(DdpgTest, OtherHeadsAreRefused) {
  const auto ddpg = Ddpg::Create(
      DdpgConfig(), MakeSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 3, 2, {8}), 1, c10::kCPU);
  EXPECT_EQ(ddpg.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ddpg.status().message(),
            "DDPG needs a deterministic policy, not HEAD_DIAGONAL_GAUSSIAN");
}

}  // namespace
}  // namespace armature

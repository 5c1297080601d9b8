#include "learner/algorithms/factory.h"

#include "gtest/gtest.h"

namespace armature {
namespace {

EnvSpec MakeEnv(bool discrete) {
  EnvSpec env;
  env.id = "toy";
  env.observation = {{"position", v1::DTYPE_FLOAT32, {2, 3}, {}, {}},
                     {"goal", v1::DTYPE_FLOAT32, {3}, {}, {}}};
  if (discrete) {
    env.action.num_choices = 4;
  } else {
    env.action.low = {-1, -2};
    env.action.high = {1, 2};
  }
  return env;
}

AlgorithmConfig MakeConfig(const std::string& name) {
  AlgorithmConfig config;
  config.name = name;
  config.network.hidden_sizes = {8, 4};
  config.network.activation = "elu";
  config.network.normalize_observation = true;
  config.network.observation_clip = 5;
  return config;
}

TEST(FactoryTest, SpecCarriesTheEnvironmentAndTheNetwork) {
  const auto spec = MakePolicySpec(MakeConfig("sac"), MakeEnv(false));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->head(), v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN);
  EXPECT_EQ(spec->observation_size(), 9u);
  EXPECT_EQ(spec->action_size(), 2u);
  EXPECT_EQ(spec->hidden_sizes(1), 4u);
  EXPECT_EQ(spec->activation(), v1::PolicySpec::ACTIVATION_ELU);
  EXPECT_TRUE(spec->normalize_observation());
  EXPECT_EQ(spec->observation_clip(), 5);
}

TEST(FactoryTest, PpoTakesItsHeadFromTheActionSpace) {
  EXPECT_EQ(MakePolicySpec(MakeConfig("ppo"), MakeEnv(false))->head(),
            v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN);
  EXPECT_EQ(MakePolicySpec(MakeConfig("ppo"), MakeEnv(true))->head(),
            v1::PolicySpec::HEAD_CATEGORICAL);
  EXPECT_EQ(MakePolicySpec(MakeConfig("ppo"), MakeEnv(true))->action_size(), 4u);
}

TEST(FactoryTest, SacRefusesDiscreteActionsInOneLine) {
  const auto sac = MakeOffPolicyAlgorithm(MakeConfig("sac"), MakeEnv(true), 1, c10::kCPU);
  EXPECT_EQ(sac.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(sac.status().message(),
            "algorithm.name=sac needs a Box action space, but toy has 4 discrete actions; use "
            "algorithm.name=ppo");
}

TEST(FactoryTest, EachNameIsMadeAsItsOwnKindOnly) {
  EXPECT_TRUE(MakeOffPolicyAlgorithm(MakeConfig("sac"), MakeEnv(false), 1, c10::kCPU).ok());
  EXPECT_TRUE(MakeOnPolicyAlgorithm(MakeConfig("ppo"), MakeEnv(true), 1, c10::kCPU).ok());
  EXPECT_FALSE(MakeOffPolicyAlgorithm(MakeConfig("ppo"), MakeEnv(false), 1, c10::kCPU).ok());
  EXPECT_FALSE(MakeOnPolicyAlgorithm(MakeConfig("sac"), MakeEnv(false), 1, c10::kCPU).ok());
}

}  // namespace
}  // namespace armature

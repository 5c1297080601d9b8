#include "learner/algorithms/factory.h"

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

EnvSpec MakeEnv(bool discrete) {
  EnvSpec env;
  env.id = "toy";
  env.observation = {{"position", v1::DTYPE_FLOAT32, {2, 3}, {}, {}},
                     {"goal", v1::DTYPE_FLOAT32, {3}, {}, {}}};
  if (discrete) {
    env.action.choices = {4};
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
  config.network.layer_norm = true;
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
  EXPECT_TRUE(spec->layer_norm());
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

TEST(FactoryTest, OnPolicyGoalsShareStatistics) {
  EnvSpec env = MakeEnv(false);
  env.observation.push_back({"reached", v1::DTYPE_FLOAT32, {3}, {}, {}});
  env.goal = GoalSpec{"reached", "goal"};
  const auto ppo = std::move(*MakeOnPolicyAlgorithm(MakeConfig("ppo"), env, 1, c10::kCPU));
  std::map<std::string, at::Tensor> state;
  for (const auto& [name, tensor] : ppo->State()) state.emplace(name, tensor);
  state.at("observation_statistics.count").fill_(2);
  state.at("observation_statistics.mean").narrow(0, 9, 3).fill_(4);
  ASSERT_TRUE(ppo->LoadState(state).ok());
  const at::Tensor mean = state.at("observation_statistics.mean");
  EXPECT_TRUE(at::equal(mean.narrow(0, 6, 6), at::full({6}, 2, at::kDouble))) << mean;
  EXPECT_TRUE(at::equal(mean.narrow(0, 0, 6), at::zeros({6}, at::kDouble))) << mean;
}

TEST(FactoryTest, SymmetryNeedsAnEnvironmentThatDeclaresItsMirrorImage) {
  AlgorithmConfig config = MakeConfig("ppo");
  config.ppo.symmetry = "augment";
  EnvSpec env = MakeEnv(false);
  const auto refused = MakeOnPolicyAlgorithm(config, env, 1, c10::kCPU);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.status().message(),
            "algorithm.ppo.symmetry=augment, but toy declares no mirror image of its observations "
            "and actions; set algorithm.ppo.symmetry=none");
  env.mirror =
      MirrorSpec{{{0, 1, 2, 3, 4, 5, 6, 7, 8}, {1, -1, 1, 1, -1, 1, 1, -1, 1}}, {{0, 1}, {-1, 1}}};
  EXPECT_TRUE(MakeOnPolicyAlgorithm(config, env, 1, c10::kCPU).ok());
  config.name = "sac";  // Has no such setting.
  EXPECT_TRUE(MakeOffPolicyAlgorithm(config, MakeEnv(false), 1, c10::kCPU).ok());
}

TEST(FactoryTest, ExecutedActionsNeedAnEnvironmentThatReportsThem) {
  for (const std::string name : {"sac", "tqc", "td3", "ddpg"}) {
    AlgorithmConfig config = MakeConfig(name);
    EXPECT_EQ(StoredActionOf(config), v1::STORED_ACTION_PROPOSED);
    config.learn_from = "executed";
    EXPECT_EQ(StoredActionOf(config), v1::STORED_ACTION_EXECUTED);
    EnvSpec env = MakeEnv(false);
    const auto refused = MakeOffPolicyAlgorithm(config, env, 1, c10::kCPU);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(refused.status().message(),
              "algorithm.learn_from=executed, but toy does not say which actions it executes "
              "(reports_executed_action of its spec); set algorithm.learn_from=proposed");
    env.reports_executed_action = true;
    EXPECT_TRUE(MakeOffPolicyAlgorithm(config, env, 1, c10::kCPU).ok());
  }
}

TEST(FactoryTest, DeterministicAlgorithmsHaveADeterministicPolicy) {
  for (const std::string name : {"td3", "ddpg"}) {
    EXPECT_EQ(MakePolicySpec(MakeConfig(name), MakeEnv(false))->head(), v1::PolicySpec::HEAD_TANH);
  }
}

TEST(FactoryTest, OffPolicyAlgorithmsRefuseDiscreteActionsInOneLine) {
  for (const std::string name : {"sac", "tqc", "td3", "ddpg"}) {
    const auto made = MakeOffPolicyAlgorithm(MakeConfig(name), MakeEnv(true), 1, c10::kCPU);
    EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(made.status().message(),
              "algorithm.name=" + name +
                  " needs a Box action space, but toy takes one of 4 choices; use "
                  "algorithm.name=ppo");
  }
}

TEST(FactoryTest, APolicyWithoutAnEncoderRefusesPicturesByName) {
  EnvSpec env = MakeEnv(/*discrete=*/false);
  // Bytes that are no picture, such as a console's memory, are numbers like others.
  env.observation.push_back({"memory", v1::DTYPE_UINT8, {128}, {}, {}});
  EXPECT_TRUE(MakePolicySpec(AlgorithmConfig(), env).ok());
  env.observation.push_back({"camera", v1::DTYPE_UINT8, {84, 96, 3}, {0}, {255}});
  const std::string message(MakePolicySpec(AlgorithmConfig(), env).status().message());
  EXPECT_NE(message.find("toy observes the picture 'camera' (uint8 [84,96,3]), but this policy is "
                         "dense layers without an encoder"),
            std::string::npos)
      << message;
}

TEST(FactoryTest, NoiseIsForDeterministicPoliciesAndRandomStepsForAllOffPolicyOnes) {
  for (const std::string name : {"sac", "tqc", "td3", "ddpg"}) {
    AlgorithmConfig config = MakeConfig(name);
    config.exploration.noise_std = 0.3;
    config.exploration.random_action_probability = 0.2;
    const v1::Exploration exploration = MakeExploration(config);
    EXPECT_EQ(exploration.random_until_version(), 1u);
    EXPECT_EQ(exploration.random_action_probability(), 0.2);
    EXPECT_EQ(exploration.normal_noise_std(), name == "sac" || name == "tqc" ? 0 : 0.3);
    EXPECT_FALSE(exploration.has_ornstein_uhlenbeck());
  }
  AlgorithmConfig config = MakeConfig("ppo");
  config.exploration.random_action_probability = 0.2;
  EXPECT_EQ(MakeExploration(config).ByteSizeLong(), 0u);
}

TEST(FactoryTest, NoiseIsOfTheKindThatTheConfigurationNames) {
  AlgorithmConfig config = MakeConfig("ddpg");
  config.ddpg.random_env_steps = 0;
  config.exploration.noise = "ornstein_uhlenbeck";
  config.exploration.noise_std = 0.2;
  const v1::Exploration correlated = MakeExploration(config);
  EXPECT_EQ(correlated.random_until_version(), 0u);
  EXPECT_EQ(correlated.normal_noise_std(), 0);
  EXPECT_EQ(correlated.ornstein_uhlenbeck().sigma(), 0.2);
  EXPECT_EQ(correlated.ornstein_uhlenbeck().theta(), 0.15);
  EXPECT_EQ(correlated.ornstein_uhlenbeck().dt(), 0.01);
  config.exploration.noise = "parameter";
  config.exploration.parameter_noise_std = 0.3;
  const v1::Exploration moved = MakeExploration(config);
  EXPECT_EQ(moved.normal_noise_std(), 0);
  EXPECT_EQ(moved.parameter_noise().initial_std(), 0.3);
  EXPECT_EQ(moved.parameter_noise().action_distance(), 0.2);
  EXPECT_EQ(moved.parameter_noise().factor(), 1.01);
  EXPECT_EQ(moved.parameter_noise().adapt_steps(), 50u);
  config.exploration.noise = "none";
  EXPECT_EQ(MakeExploration(config).ByteSizeLong(), 0u);
}

at::Tensor StateOf(const Algorithm& algorithm, const std::string& name) {
  for (const auto& [own, tensor] : algorithm.State()) {
    if (own == name) return tensor;
  }
  return {};
}

std::unique_ptr<Algorithm> Make(const AlgorithmConfig& config) {
  if (config.on_policy()) return *MakeOnPolicyAlgorithm(config, MakeEnv(false), 1, c10::kCPU);
  return *MakeOffPolicyAlgorithm(config, MakeEnv(false), 1, c10::kCPU);
}

TEST(FactoryTest, CriticsHaveThePolicysHiddenLayersOrTheirOwn) {
  for (const std::string name : {"sac", "tqc", "td3", "ddpg", "ppo"}) {
    AlgorithmConfig config = MakeConfig(name);
    config.network.layer_norm = false;
    const int64_t members = name == "ppo" || name == "ddpg" ? 1 : 2;
    const int64_t out = name == "tqc" ? config.tqc.quantiles : 1;
    const int64_t in = name == "ppo" ? 9 : 9 + 2;
    const std::string critics = name == "ppo" ? "value" : "critics";
    const int64_t policy = Make(config)->policy().flat_parameters().numel();
    EXPECT_EQ(StateOf(*Make(config), critics).numel(),
              members * ((in + 1) * 8 + (8 + 1) * 4 + (4 + 1) * out))
        << name;
    config.network.critic_layer_norm = true;
    EXPECT_EQ(StateOf(*Make(config), critics).numel(),
              members * ((in + 3) * 8 + (8 + 3) * 4 + (4 + 1) * out))
        << name;
    config.network.critic_layer_norm = false;
    config.network.critic_hidden_sizes = {5};
    EXPECT_EQ(StateOf(*Make(config), critics).numel(), members * ((in + 1) * 5 + (5 + 1) * out))
        << name;
    EXPECT_EQ(Make(config)->policy().flat_parameters().numel(), policy) << name;
  }
}

TEST(FactoryTest, WeightsBeginAsTheConfigurationSays) {
  for (const std::string name : {"sac", "tqc", "td3", "ddpg", "ppo"}) {
    AlgorithmConfig config = MakeConfig(name);
    config.network.initialization = "orthogonal";
    config.network.hidden_gain = 3;
    config.network.policy_output_gain = 0.5;
    const auto algorithm = Make(config);
    const NamedTensors tensors = algorithm->policy().parameters();
    const auto gram = [&](const std::string& weight) {
      const std::map<std::string, at::Tensor> by_name(tensors.begin(), tensors.end());
      const at::Tensor w = by_name.at(weight);
      return w.size(0) < w.size(1) ? w.mm(w.t()) : w.t().mm(w);
    };
    EXPECT_TRUE(at::allclose(gram("actor.0.weight"), 9 * at::eye(8), 1e-4, 1e-5)) << name;
    EXPECT_TRUE(at::allclose(gram("actor.2.weight"), 0.25 * at::eye(gram("actor.2.weight").size(0)),
                             1e-4, 1e-5))
        << name;
    // The critics' first layer has at least as many inputs as units.
    const at::Tensor critics = StateOf(*algorithm, name == "ppo" ? "value" : "critics");
    const int64_t in = name == "ppo" ? 9 : 9 + 2;
    const at::Tensor first = critics.narrow(0, 0, 8 * in).view({8, in});
    EXPECT_TRUE(at::allclose(first.mm(first.t()), 9 * at::eye(8), 1e-4, 1e-5)) << name;
    for (const std::string other : {"xavier_uniform", "kaiming_uniform"}) {
      config.network.initialization = other;
      const double bound = 3 * std::sqrt(other == "xavier_uniform" ? 6.0 / (9 + 8) : 3.0 / 9);
      const double largest =
          Make(config)->policy().parameters()[0].second.abs().max().item<double>();
      EXPECT_LE(largest, bound * (1 + 1e-6));
      EXPECT_GT(largest, 0.8 * bound);
    }
  }
}

TEST(FactoryTest, OffPolicySettingsAreThoseOfTheNamedAlgorithm) {
  AlgorithmConfig config;
  config.sac.batch_size = 1;
  config.td3.batch_size = 2;
  config.ddpg.batch_size = 3;
  config.tqc.batch_size = 4;
  config.sac.random_env_steps = 10;
  config.td3.random_env_steps = 20;
  config.ddpg.random_env_steps = 30;
  config.tqc.random_env_steps = 40;
  for (const auto& [name, value] : {std::pair{"sac", 1}, {"td3", 2}, {"ddpg", 3}, {"tqc", 4}}) {
    config.name = name;
    EXPECT_EQ(config.off_policy().batch_size, value);
    EXPECT_EQ(config.off_policy().random_env_steps, 10 * value);
  }
}

TEST(FactoryTest, EachNameIsMadeAsItsOwnKindOnly) {
  EXPECT_TRUE(MakeOffPolicyAlgorithm(MakeConfig("sac"), MakeEnv(false), 1, c10::kCPU).ok());
  EXPECT_TRUE(MakeOffPolicyAlgorithm(MakeConfig("tqc"), MakeEnv(false), 1, c10::kCPU).ok());
  EXPECT_TRUE(MakeOffPolicyAlgorithm(MakeConfig("td3"), MakeEnv(false), 1, c10::kCPU).ok());
  EXPECT_TRUE(MakeOffPolicyAlgorithm(MakeConfig("ddpg"), MakeEnv(false), 1, c10::kCPU).ok());
  EXPECT_TRUE(MakeOnPolicyAlgorithm(MakeConfig("ppo"), MakeEnv(true), 1, c10::kCPU).ok());
  EXPECT_FALSE(MakeOffPolicyAlgorithm(MakeConfig("ppo"), MakeEnv(false), 1, c10::kCPU).ok());
  EXPECT_FALSE(MakeOnPolicyAlgorithm(MakeConfig("sac"), MakeEnv(false), 1, c10::kCPU).ok());
}

}  // namespace
}  // namespace armature

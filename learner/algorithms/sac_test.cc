#include "learner/algorithms/sac.h"

#include <cmath>

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "gtest/gtest.h"
#include "learner/algorithms/golden.h"

namespace armature {
namespace {

v1::PolicySpec MakeSpec(int64_t observation_size, int64_t action_size,
                        const std::vector<int64_t>& hidden_sizes) {
  v1::PolicySpec spec;
  spec.set_head(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN);
  spec.set_activation(v1::PolicySpec::ACTIVATION_RELU);
  for (int64_t units : hidden_sizes) spec.add_hidden_sizes(units);
  spec.set_observation_size(observation_size);
  spec.set_action_size(action_size);
  spec.set_observation_clip(10);
  return spec;
}

std::map<std::string, at::Tensor> StateMap(const Algorithm& algorithm) {
  const NamedTensors state = algorithm.State();
  std::map<std::string, at::Tensor> map(state.begin(), state.end());
  EXPECT_EQ(map.size(), state.size()) << "names are not unique";
  return map;
}

TransitionSample RandomSample(int64_t batch_size, const v1::PolicySpec& spec,
                              at::Generator generator) {
  const int64_t observation_size = spec.observation_size();
  TransitionSample sample;
  sample.observation = at::randn({batch_size, observation_size}, generator);
  sample.action = at::randn({batch_size, int64_t{spec.action_size()}}, generator).tanh();
  sample.reward = at::randn({batch_size}, generator);
  sample.next_observation = at::randn({batch_size, observation_size}, generator);
  sample.terminated = (at::rand({batch_size}, generator) < 0.2).to(at::kFloat);
  return sample;
}

class SacGoldenTest : public testing::TestWithParam<int> {};

TEST_P(SacGoldenTest, LossesGradientsAndParametersAreThoseOfPyTorch) {
  const nlohmann::json golden = ReadGolden("golden_sac.json").at(GetParam());
  v1::PolicySpec spec = MakeSpec(3, 2, golden["hidden"].get<std::vector<int64_t>>());
  spec.set_activation(GoldenActivation(golden["activation"]));
  spec.set_normalize_observation(golden["normalize"]);
  spec.set_observation_clip(golden["clip"]);
  SacConfig config;
  config.gamma = golden["gamma"];
  config.tau = golden["tau"];
  config.learning_rate = golden["learning_rate"];
  config.initial_temperature = golden["temperature"];
  const auto sac = std::move(*Sac::Create(config, spec, 1, c10::kCPU));
  std::map<std::string, at::Tensor> state = StateMap(*sac);
  sac->policy().flat_parameters().copy_(GoldenTensor(golden["actor"]));
  state["critics"].copy_(GoldenTensor(golden["critics"]));
  state["target_critics"].copy_(GoldenTensor(golden["critics"]));
  if (golden["normalize"]) {
    state["observation_normalizer.mean"].copy_(GoldenTensor(golden["mean"]));
    state["observation_normalizer.std"].copy_(GoldenTensor(golden["std"]));
  }
  double temperature = golden["temperature"];
  for (const nlohmann::json& update : golden["updates"]) {
    TransitionSample sample;
    sample.observation = GoldenTensor(update["observation"]);
    sample.action = GoldenTensor(update["action"]);
    sample.reward = GoldenTensor(update["reward"]);
    sample.next_observation = GoldenTensor(update["next_observation"]);
    sample.terminated = GoldenTensor(update["terminated"]);
    sac->UpdateWithNoise(sample, GoldenTensor(update["noise"]));
    Scalars scalars = sac->TakeScalars();
    EXPECT_NEAR(scalars["train/critic_loss"], update["critic_loss"], 1e-4);
    EXPECT_NEAR(scalars["train/actor_loss"], update["actor_loss"], 1e-4);
    EXPECT_NEAR(scalars["train/entropy"], update["entropy"], 1e-4);
    EXPECT_NEAR(scalars["train/temperature"], temperature, 1e-6);
    temperature = std::exp(update["log_alpha"].get<double>());
    EXPECT_EQ(GoldenDifference(sac->critic_gradient(), update["critic_gradient"]), "");
    EXPECT_EQ(GoldenDifference(sac->policy_gradient(), update["actor_gradient"]), "");
    EXPECT_NEAR(sac->temperature_gradient().item<double>(), update["alpha_gradient"], 1e-4);
    EXPECT_EQ(GoldenDifference(sac->policy().flat_parameters(), update["actor"]), "");
    EXPECT_EQ(GoldenDifference(state["critics"], update["critics"]), "");
    EXPECT_EQ(GoldenDifference(state["target_critics"], update["targets"]), "");
    EXPECT_NEAR(state["log_alpha"].item<double>(), update["log_alpha"], 1e-5);
  }
  EXPECT_EQ(sac->learner_steps(), 3);
}

INSTANTIATE_TEST_SUITE_P(Cases, SacGoldenTest, testing::Range(0, 4));

TEST(SacTest, SameSeedGivesTheSameWeightsAndAnotherSeedOthers) {
  const v1::PolicySpec spec = MakeSpec(3, 2, {8});
  auto train = [&](uint64_t seed) {
    const auto sac = std::move(*Sac::Create(SacConfig(), spec, seed, c10::kCPU));
    at::Generator generator = MakeGenerator(c10::kCPU, 5);
    for (int i = 0; i < 5; ++i) sac->Update(RandomSample(16, spec, generator));
    return sac->policy().flat_parameters();
  };
  EXPECT_TRUE(at::equal(train(1), train(1)));
  EXPECT_FALSE(at::equal(train(1), train(2)));
}

TEST(SacTest, RestoredStateContinuesBitIdentically) {
  v1::PolicySpec spec = MakeSpec(3, 2, {8, 8});
  spec.set_normalize_observation(true);
  auto train = [&](int restart_at) {
    auto sac = std::move(*Sac::Create(SacConfig(), spec, 1, c10::kCPU));
    at::Generator generator = MakeGenerator(c10::kCPU, 5);
    for (int i = 0; i < 8; ++i) {
      if (i == restart_at) {
        const std::map<std::string, at::Tensor> state = StateMap(*sac);
        auto resumed = std::move(*Sac::Create(SacConfig(), spec, 99, c10::kCPU));
        EXPECT_TRUE(resumed->LoadState(state).ok());
        sac = std::move(resumed);
      }
      const TransitionSample sample = RandomSample(16, spec, generator);
      sac->ObserveNew(sample.observation);
      sac->Update(sample);
    }
    EXPECT_EQ(sac->learner_steps(), 8);
    return StateMap(*sac);
  };
  const auto straight = train(-1);
  const auto resumed = train(4);
  for (const auto& [name, tensor] : straight)
    EXPECT_TRUE(at::equal(tensor, resumed.at(name))) << name;
}

TEST(SacTest, LoadStateOfAnotherShapeIsRefusedAndChangesNothing) {
  const auto sac = std::move(*Sac::Create(SacConfig(), MakeSpec(3, 2, {8}), 1, c10::kCPU));
  const auto other = std::move(*Sac::Create(SacConfig(), MakeSpec(3, 2, {9}), 1, c10::kCPU));
  const at::Tensor before = sac->policy().flat_parameters().clone();
  const absl::Status status = sac->LoadState(StateMap(*other));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "state: actor.0.weight is Float [9,3], expected Float [8,3]");
  EXPECT_TRUE(at::equal(sac->policy().flat_parameters(), before));
}

TEST(SacTest, TemperatureIsFixedWhereItIsNotLearned) {
  SacConfig config;
  config.automatic_entropy = false;
  config.initial_temperature = 0.25;
  const v1::PolicySpec spec = MakeSpec(3, 2, {8});
  const auto sac = std::move(*Sac::Create(config, spec, 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 5);
  for (int i = 0; i < 3; ++i) sac->Update(RandomSample(16, spec, generator));
  EXPECT_NEAR(sac->TakeScalars()["train/temperature"], 0.25, 1e-6);
  EXPECT_TRUE(sac->TakeScalars().empty());
}

TEST(SacTest, OtherHeadsAreRefused) {
  v1::PolicySpec spec = MakeSpec(3, 2, {8});
  spec.set_head(v1::PolicySpec::HEAD_CATEGORICAL);
  EXPECT_EQ(Sac::Create(SacConfig(), spec, 1, c10::kCPU).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// A point on a line: x' = x + 0.2 a, reward -|x'|. Every step truncates into a
// fresh x, so all transitions can be drawn at once.
TEST(SacTest, LearnsToBringAPointToItsGoal) {
  const v1::PolicySpec spec = MakeSpec(1, 1, {32, 32});
  SacConfig config;
  config.learning_rate = 3e-3;
  config.gamma = 0.9;
  config.tau = 0.02;
  const auto sac = std::move(*Sac::Create(config, spec, 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 6);
  for (int i = 0; i < 1500; ++i) {
    TransitionSample sample;
    sample.observation = at::rand({64, 1}, generator) * 2 - 1;
    sample.action = at::rand({64, 1}, generator) * 2 - 1;
    sample.next_observation = sample.observation + 0.2 * sample.action;
    sample.reward = -sample.next_observation.abs().squeeze(1);
    sample.terminated = at::zeros({64});
    sac->Update(sample);
  }
  at::Tensor x = at::linspace(-1, 1, 41).unsqueeze(1);
  for (int i = 0; i < 10; ++i) x = x + 0.2 * sac->policy().Act(x, true, std::nullopt).action;
  EXPECT_LT(x.abs().max().item<float>(), 0.15);
}

}  // namespace
}  // namespace armature

#include "learner/algorithms/ppo.h"

#include <cmath>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "absl/algorithm/container.h"
#include "common/policy/generator.h"
#include "gtest/gtest.h"
#include "learner/algorithms/testing/fixtures.h"
#include "learner/algorithms/testing/golden.h"

namespace armature {
namespace {

v1::PolicySpec MakeTanhSpec(v1::PolicySpec::Head head, int64_t observation_size,
                            int64_t action_size, const std::vector<int64_t>& hidden_sizes) {
  v1::PolicySpec spec = MakeSpec(head, observation_size, action_size, hidden_sizes);
  spec.set_activation(v1::PolicySpec::ACTIVATION_TANH);
  return spec;
}

class PpoTest : public testing::Test {
 protected:
  void SetUp() override {
    at::set_num_threads(1);  // On a busy machine two threads wait for each other, 30 times as long.
  }
};

class PpoGoldenTest : public testing::TestWithParam<int> {};

TEST_P(PpoGoldenTest, LossesGradientsAndParametersAreThoseOfPyTorch) {
  const nlohmann::json golden = ReadGolden("golden_ppo.json").at(GetParam());
  const std::vector<int64_t> choices = golden["choices"];
  v1::PolicySpec spec = MakeTanhSpec(
      choices.empty() ? v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN : v1::PolicySpec::HEAD_CATEGORICAL,
      3, choices.empty() ? 3 : absl::c_accumulate(choices, int64_t{0}),
      golden["hidden"].get<std::vector<int64_t>>());
  if (choices.size() > 1) spec.mutable_choices()->Add(choices.begin(), choices.end());
  spec.set_activation(GoldenActivation(golden["activation"]));
  spec.set_layer_norm(golden["layer_norm"]);
  spec.set_normalize_observation(golden["normalize"]);
  spec.set_observation_clip(golden["clip"]);
  PpoConfig config;
  config.gamma = golden["gamma"];
  config.gae_lambda = golden["gae_lambda"];
  config.clip_epsilon = golden["clip_epsilon"];
  config.value_clip = golden["value_clip"];
  config.value_coef = golden["value_coef"];
  config.entropy_coef = golden["entropy_coef"];
  config.gradient_norm_max = golden["gradient_norm_max"];
  config.learning_rate = golden["learning_rate"];
  config.minibatch_size = golden["minibatch_size"];
  config.epochs = golden["epochs"];
  config.std_min = golden["std_min"];
  config.symmetry = golden["symmetry"];
  const auto permutation = [&](const char* name) {
    return SignedPermutation{golden["mirror"][name][0], golden["mirror"][name][1]};
  };
  const MirrorSpec mirror = {permutation("observation"), permutation("action")};
  const auto ppo = std::move(*Ppo::Create(config, spec, 1, c10::kCPU, {}, mirror));
  std::map<std::string, at::Tensor> state = StateMap(*ppo);
  ppo->policy().flat_parameters().copy_(GoldenTensor(golden["policy"]));
  state["value"].copy_(GoldenTensor(golden["value"]));
  if (golden["normalize"]) {
    state["observation_normalizer.mean"].copy_(GoldenTensor(golden["mean"]));
    state["observation_normalizer.std"].copy_(GoldenTensor(golden["std"]));
  }
  TrajectorySet set;
  set.observation = GoldenTensor(golden["observation"]);
  set.action = GoldenTensor(golden["action"]);
  set.reward = GoldenTensor(golden["reward"]);
  set.terminated = GoldenTensor(golden["terminated"]);
  set.truncated = GoldenTensor(golden["truncated"]);
  set.valid = GoldenTensor(golden["valid"]);
  set.behaviour_log_prob = GoldenTensor(golden["behaviour_log_prob"]);
  set.final_observation = GoldenTensor(golden["final_observation"]);
  ppo->UpdateInOrder(set, 0, GoldenTensor(golden["order"]).to(at::kLong));

  const Scalars scalars = ppo->TakeScalars();
  for (const std::string name :
       {"policy_loss", "value_loss", "entropy", "gradient_norm", "approx_kl", "clip_fraction"}) {
    double mean = 0;
    for (const nlohmann::json& losses : golden["losses"]) mean += losses[name].get<double>();
    mean /= golden["losses"].size();
    EXPECT_NEAR(scalars.at("train/" + name), mean, 2e-4 * (1 + std::abs(mean))) << name;
  }
  EXPECT_EQ(ppo->learner_steps(), static_cast<int64_t>(golden["losses"].size()));
  EXPECT_EQ(GoldenDifference(ppo->policy_gradient(), golden["policy_gradient"]), "");
  EXPECT_EQ(GoldenDifference(ppo->value_gradient(), golden["value_gradient"]), "");
  EXPECT_EQ(GoldenDifference(ppo->policy().flat_parameters(), golden["policy_after"]), "");
  EXPECT_EQ(GoldenDifference(state["value"], golden["value_after"]), "");
}

INSTANTIATE_TEST_SUITE_P(Cases, PpoGoldenTest, testing::Range(0, 9));

// Episodes have one step. The observation is one of two corners; the matching action gets reward
// +1. All steps of a set terminate.
TrajectorySet BanditSet(const PolicyNetwork& policy, at::Generator generator) {
  constexpr int64_t kSteps = 32;
  constexpr int64_t kSlots = 8;
  TrajectorySet set;
  const at::Tensor corner = (at::rand({kSteps + 1, kSlots, 1}, generator) < 0.5).to(at::kFloat);
  set.observation = corner * 2 - 1;
  const auto output =
      policy.Act(set.observation.narrow(0, 0, kSteps).reshape({-1, 1}), false, generator);
  set.action = output.action.view({kSteps, kSlots, -1});
  set.behaviour_log_prob = output.log_prob.view({kSteps, kSlots});
  const at::Tensor wanted = corner.narrow(0, 0, kSteps).squeeze(2);
  const at::Tensor action = set.action.squeeze(2);
  set.reward = policy.spec().head() == v1::PolicySpec::HEAD_CATEGORICAL
                   ? (action == wanted).to(at::kFloat)
                   : -(action - (wanted - 0.5)).square();
  set.terminated = at::ones({kSteps, kSlots});
  set.truncated = at::zeros({kSteps, kSlots});
  set.valid = at::ones({kSteps, kSlots});
  set.final_observation = at::zeros({kSteps * kSlots, 1});
  return set;
}

PpoConfig BanditConfig() {
  PpoConfig config;
  config.learning_rate = 3e-3;
  config.minibatch_size = 64;
  config.epochs = 4;
  return config;
}

TEST_F(PpoTest, LearnsWhichChoiceBelongsToWhichObservation) {
  const auto ppo = std::move(*Ppo::Create(
      BanditConfig(), MakeTanhSpec(v1::PolicySpec::HEAD_CATEGORICAL, 1, 2, {16}), 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 7);
  for (int i = 0; i < 40; ++i) ppo->Update(BanditSet(ppo->policy(), generator), 0);
  EXPECT_GT(BanditSet(ppo->policy(), generator).reward.mean().item<float>(), 0.95);
}

TEST_F(PpoTest, LearnsWhichForceBelongsToWhichObservation) {
  PpoConfig config = BanditConfig();
  config.initial_log_std = -0.5;
  const auto ppo = std::move(*Ppo::Create(
      config, MakeTanhSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 1, 1, {16}), 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 7);
  for (int i = 0; i < 60; ++i) ppo->Update(BanditSet(ppo->policy(), generator), 0);
  const at::Tensor corners = at::tensor({-1.f, 1.f}).unsqueeze(1);
  const at::Tensor action = ppo->policy().Act(corners, true, std::nullopt).action;
  EXPECT_LT((action - 0.5 * corners).abs().max().item<float>(), 0.15);
}

TEST_F(PpoTest, FirstMinibatchSeesARatioOfOneEvenWhileTheNormalizerMoves) {
  PpoConfig config = BanditConfig();
  config.minibatch_size = 256;
  config.epochs = 1;
  v1::PolicySpec spec = MakeTanhSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 1, 1, {16});
  spec.set_normalize_observation(true);
  const auto ppo = std::move(*Ppo::Create(config, spec, 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 7);
  for (int i = 0; i < 3; ++i) {
    TrajectorySet set = BanditSet(ppo->policy(), generator);
    ppo->Update(set, 0);
    EXPECT_NEAR(ppo->TakeScalars()["train/approx_kl"], 0, 1e-6);
  }
  EXPECT_GT(StateMap(*ppo)["observation_statistics.count"].item<double>(), 0);
}

// With max_policy_lag 1 the actors still use the policy of before the last update.
TEST_F(PpoTest, FirstMinibatchSeesARatioOfOneUnlessThePolicyOfTheSetIsOlder) {
  PpoConfig config = BanditConfig();
  config.minibatch_size = 256;
  config.epochs = 1;
  config.learning_rate = 0.03;
  const auto ppo = std::move(*Ppo::Create(
      config, MakeTanhSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 1, 1, {16}), 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 7);
  TrajectorySet next = BanditSet(ppo->policy(), generator);
  for (int i = 0; i < 3; ++i) {
    const TrajectorySet set = next;
    next = BanditSet(ppo->policy(), generator);  // Collected while `set` is learned from.
    ppo->Update(set, 0);
    const double kl = ppo->TakeScalars()["train/approx_kl"];
    if (i == 0) {
      EXPECT_NEAR(kl, 0, 1e-6);
    } else {
      EXPECT_GT(kl, 1e-4) << i;
    }
  }
}

TEST_F(PpoTest, LearnsAlsoFromSetsOfThePolicyBefore) {
  PpoConfig config = BanditConfig();
  config.initial_log_std = -0.5;
  const auto ppo = std::move(*Ppo::Create(
      config, MakeTanhSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 1, 1, {16}), 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 7);
  TrajectorySet next = BanditSet(ppo->policy(), generator);
  for (int i = 0; i < 60; ++i) {
    const TrajectorySet set = next;
    next = BanditSet(ppo->policy(), generator);
    ppo->Update(set, 0);
  }
  const at::Tensor corners = at::tensor({-1.f, 1.f}).unsqueeze(1);
  const at::Tensor action = ppo->policy().Act(corners, true, std::nullopt).action;
  EXPECT_LT((action - 0.5 * corners).abs().max().item<float>(), 0.2);
}

TEST_F(PpoTest, ActingLeavesTheNormalizerAsItIs) {
  v1::PolicySpec spec = MakeTanhSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 1, 1, {16});
  spec.set_normalize_observation(true);
  const auto ppo = std::move(*Ppo::Create(BanditConfig(), spec, 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 7);
  ppo->Update(BanditSet(ppo->policy(), generator), 0);
  std::map<std::string, at::Tensor> before;
  for (const auto& [name, tensor] : StateMap(*ppo)) before[name] = tensor.clone();
  ASSERT_EQ(before.count("observation_normalizer.mean"), 1u);
  for (const bool deterministic : {true, false}) {
    ppo->policy().Act(at::full({100, 1}, 50.0), deterministic, generator);
  }
  for (const auto& [name, tensor] : StateMap(*ppo)) {
    if (name.find("observation_") != 0) continue;
    EXPECT_TRUE(at::equal(tensor, before[name])) << name;
  }
}

PpoConfig KlAdaptiveConfig(double desired_kl) {
  PpoConfig config = BanditConfig();
  config.learning_rate_schedule = "kl_adaptive";
  config.minibatch_size = 256;
  config.desired_kl = desired_kl;
  return config;
}

// Four epochs of one minibatch each; the first has no divergence except from rounding.
double RateAfterOneSet(v1::PolicySpec::Head head, double desired_kl) {
  const auto ppo = std::move(
      *Ppo::Create(KlAdaptiveConfig(desired_kl), MakeTanhSpec(head, 1, 2, {16}), 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 7);
  ppo->Update(BanditSet(ppo->policy(), generator), 0);
  return ppo->TakeScalars()["train/learning_rate"];
}

TEST_F(PpoTest, KlAdaptiveRateFallsWhereThePolicyMovesTooFarAndRisesWhereTooLittle) {
  const auto head = v1::PolicySpec::HEAD_CATEGORICAL;
  const double rate = BanditConfig().learning_rate;
  EXPECT_LT(RateAfterOneSet(head, 1e-7), rate);
  EXPECT_GE(RateAfterOneSet(head, 1e-7), rate / std::pow(1.5, 3) * 0.999);
  EXPECT_GT(RateAfterOneSet(head, 100), rate * std::pow(1.5, 2) * 0.999);
}

// Mean over `set` of KL(before || after), for one Gaussian action.
double GaussianKl(const TrajectorySet& set, const PolicyNetwork& before,
                  const PolicyNetwork& after) {
  const at::Tensor observation = set.observation.narrow(0, 0, set.reward.size(0)).reshape({-1, 1});
  const auto mean = [&](const PolicyNetwork& policy) {
    return policy.Act(observation, true, std::nullopt).action.to(at::kDouble);
  };
  const auto std = [](const PolicyNetwork& policy) {
    return std::exp(policy.flat_parameters()[-1].item<double>());
  };
  const double ratio = std(before) / std(after);
  const at::Tensor square = ((mean(before) - mean(after)) / std(after)).square();
  return (0.5 * (square + ratio * ratio - 1) - std::log(ratio)).mean().item<double>();
}

// The same for one choice of two, from the log-probabilities of the sampled actions.
double CategoricalKl(const TrajectorySet& set, const PolicyNetwork& before,
                     const PolicyNetwork& after) {
  const at::Tensor observation = set.observation.narrow(0, 0, set.reward.size(0)).reshape({-1, 1});
  at::Generator generator = MakeGenerator(c10::kCPU, 9);
  const auto log_prob = [&](const PolicyNetwork& policy, double corner, double choice) {
    const auto output = policy.Act(observation, false, generator);
    const at::Tensor chosen = (observation == corner).logical_and(output.action == choice);
    return output.log_prob.flatten()
        .masked_select(chosen.flatten())
        .to(at::kDouble)
        .mean()
        .item<double>();
  };
  double kl = 0;
  for (const double corner : {-1., 1.}) {
    const double share = (observation == corner).to(at::kDouble).mean().item<double>();
    for (const double choice : {0., 1.}) {
      const double old_log_prob = log_prob(before, corner, choice);
      kl += share * std::exp(old_log_prob) * (old_log_prob - log_prob(after, corner, choice));
    }
  }
  return kl;
}

TEST_F(PpoTest, KlAdaptiveRateFallsExactlyWhereTheDivergenceIsOverTwiceTheDesired) {
  for (const auto head :
       {v1::PolicySpec::HEAD_CATEGORICAL, v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN}) {
    const bool is_box = head == v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN;
    const v1::PolicySpec spec = MakeTanhSpec(head, 1, is_box ? 1 : 2, {16});
    PpoConfig config = KlAdaptiveConfig(1);
    const auto before = std::move(*Ppo::Create(config, spec, 1, c10::kCPU));
    at::Generator generator = MakeGenerator(c10::kCPU, 7);
    const TrajectorySet set = BanditSet(before->policy(), generator);
    const auto updated = [&](int64_t epochs, double desired_kl) {
      config.epochs = epochs;
      config.desired_kl = desired_kl;
      auto ppo = std::move(*Ppo::Create(config, spec, 1, c10::kCPU));
      ppo->Update(set, 0);
      return ppo;
    };
    const auto after = updated(1, 1);
    const double kl = is_box ? GaussianKl(set, before->policy(), after->policy())
                             : CategoricalKl(set, before->policy(), after->policy());
    ASSERT_GT(kl, 1e-6);
    const double rate = after->TakeScalars()["train/learning_rate"];
    const double over = updated(2, kl / 2 * 0.97)->TakeScalars()["train/learning_rate"];
    const double under = updated(2, kl / 2 * 1.03)->TakeScalars()["train/learning_rate"];
    EXPECT_NEAR(over, rate / 1.5, 1e-6) << kl;
    EXPECT_NEAR(under, rate, 1e-6) << kl;
  }
}

TEST_F(PpoTest, KlAdaptiveRateIsPartOfTheState) {
  const v1::PolicySpec spec = MakeTanhSpec(v1::PolicySpec::HEAD_CATEGORICAL, 1, 2, {16});
  const auto ppo = std::move(*Ppo::Create(KlAdaptiveConfig(100), spec, 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 7);
  ppo->Update(BanditSet(ppo->policy(), generator), 0);
  const auto resumed = std::move(*Ppo::Create(KlAdaptiveConfig(100), spec, 2, c10::kCPU));
  ASSERT_TRUE(resumed->LoadState(StateMap(*ppo)).ok());
  EXPECT_EQ(StateMap(*resumed)["learning_rate"].item<float>(),
            static_cast<float>(ppo->TakeScalars()["train/learning_rate"]));
}

TEST_F(PpoTest, KlAdaptiveRateChangesByTheFactorOfTheConfiguration) {
  PpoConfig config = KlAdaptiveConfig(100);
  config.epochs = 3;  // The first minibatch may have no divergence at all.
  config.kl_adaptive_factor = 1.2;
  const v1::PolicySpec spec = MakeTanhSpec(v1::PolicySpec::HEAD_CATEGORICAL, 1, 2, {16});
  const auto ppo = std::move(*Ppo::Create(config, spec, 1, c10::kCPU));
  ppo->Update(BanditSet(ppo->policy(), MakeGenerator(c10::kCPU, 7)), 0);
  const double rises =
      std::log(ppo->TakeScalars()["train/learning_rate"] / config.learning_rate) / std::log(1.2);
  EXPECT_NEAR(rises, std::round(rises), 1e-4);
  EXPECT_GE(rises, 1.9);
}

TEST_F(PpoTest, TheDeviationStaysAtItsLeastAndLeavesItWhereThatPays) {
  PpoConfig config = BanditConfig();
  config.std_min = 0.9;
  config.minibatch_size = 256;
  const auto ppo = std::move(*Ppo::Create(
      config, MakeTanhSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 1, 1, {16}), 1, c10::kCPU));
  const auto std = [&] { return std::exp(ppo->policy().flat_parameters()[-1].item<double>()); };
  at::Generator generator = MakeGenerator(c10::kCPU, 7);
  for (int i = 0; i < 40; ++i) {
    ppo->Update(BanditSet(ppo->policy(), generator), 0);
    ASSERT_GE(std(), 0.9 - 1e-6);
  }
  EXPECT_NEAR(std(), 0.9, 1e-6);
  TrajectorySet set = BanditSet(ppo->policy(), generator);
  set.reward = -set.reward;  // Now far from the corners is best.
  ppo->Update(set, 0);
  EXPECT_GT(std(), 0.9 + 1e-4);
}

// Observation and action of the bandit change their signs.
MirrorSpec BanditMirror() { return {{{0}, {-1}}, {{0}, {-1}}}; }

// One layer of two tanh units that are each other's mirror image: pi(-x) = -pi(x).
// Parameters: weight [2, 1], bias [2], weight [1, 2], bias [1], log_std [1].
at::Tensor MirroredPolicy() { return at::tensor({0.7f, -0.7f, 0.2f, 0.2f, 0.5f, -0.5f, 0.f, 0.f}); }

// How far the policy is from pi(-x) = -pi(x) after some sets of one corner only.
double AsymmetryAfterTraining(const std::string& symmetry) {
  PpoConfig config = BanditConfig();
  config.symmetry = symmetry;
  v1::PolicySpec spec = MakeTanhSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 1, 1, {2});
  spec.set_normalize_observation(true);
  const auto ppo = std::move(*Ppo::Create(config, spec, 1, c10::kCPU, {}, BanditMirror()));
  ppo->policy().flat_parameters().copy_(MirroredPolicy());
  const at::Tensor before = ppo->policy().flat_parameters().clone();
  at::Generator generator = MakeGenerator(c10::kCPU, 7);
  for (int i = 0; i < 5; ++i) {
    TrajectorySet set = BanditSet(ppo->policy(), generator);
    set.observation = set.observation.abs() * (at::rand(set.observation.sizes(), generator) + 0.5);
    ppo->Update(set, 0);
  }
  EXPECT_GT((ppo->policy().flat_parameters() - before).abs().max().item<double>(), 0.01);
  const at::Tensor x = at::tensor({-1.5f, -1.f, 0.5f, 1.f}).unsqueeze(1);
  const auto act = [&](const at::Tensor& of) {
    return ppo->policy().Act(of, true, std::nullopt).action;
  };
  return (act(-x) + act(x)).abs().max().item<double>();
}

// Rounding, which depends on the CPU, is all that is left of a gradient that should be 0, and Adam
// makes steps of it.
TEST_F(PpoTest, APolicyThatIsItsOwnMirrorImageStaysSoWithAugmentOnly) {
  EXPECT_LT(AsymmetryAfterTraining("augment"), 2e-3);
  EXPECT_GT(AsymmetryAfterTraining("none"), 0.02);
}

TEST_F(PpoTest, AugmentLearnsOnBothSidesWhatOneSideHasShown) {
  PpoConfig config = BanditConfig();
  config.initial_log_std = -0.5;
  config.symmetry = "augment";
  const auto ppo = std::move(
      *Ppo::Create(config, MakeTanhSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 1, 1, {16}), 1,
                   c10::kCPU, {}, BanditMirror()));
  at::Generator generator = MakeGenerator(c10::kCPU, 7);
  for (int i = 0; i < 60; ++i) {
    TrajectorySet set = BanditSet(ppo->policy(), generator);
    set.valid = (set.observation.narrow(0, 0, 32).squeeze(2) > 0).to(at::kFloat);
    ppo->Update(set, 0);
  }
  const at::Tensor unseen = at::tensor({-1.f}).unsqueeze(1);
  EXPECT_NEAR(ppo->policy().Act(unseen, true, std::nullopt).action.item<float>(), -0.5, 0.15);
}

TEST_F(PpoTest, AugmentNeedsAMirror) {
  PpoConfig config = BanditConfig();
  config.symmetry = "augment";
  const auto made = Ppo::Create(
      config, MakeTanhSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 1, 1, {16}), 1, c10::kCPU);
  EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PpoTest, VoidStepsAreNotLearnedFrom) {
  const v1::PolicySpec spec = MakeTanhSpec(v1::PolicySpec::HEAD_CATEGORICAL, 1, 2, {16});
  PpoConfig config = BanditConfig();
  config.minibatch_size = 256;
  config.epochs = 1;
  auto train = [&](double void_reward) {
    const auto ppo = std::move(*Ppo::Create(config, spec, 1, c10::kCPU));
    TrajectorySet set = BanditSet(ppo->policy(), MakeGenerator(c10::kCPU, 7));
    set.valid.narrow(1, 3, 2).zero_();
    set.reward.narrow(1, 3, 2).fill_(void_reward);
    set.behaviour_log_prob.narrow(1, 3, 2).fill_(-void_reward);
    ppo->Update(set, 0);
    return ppo->policy().flat_parameters();
  };
  EXPECT_TRUE(at::equal(train(0), train(5)));
}

TEST_F(PpoTest, LinearScheduleEndsAtZero) {
  PpoConfig config = BanditConfig();
  config.learning_rate_schedule = "linear";
  const auto ppo = std::move(*Ppo::Create(
      config, MakeTanhSpec(v1::PolicySpec::HEAD_CATEGORICAL, 1, 2, {16}), 1, c10::kCPU));
  at::Generator generator = MakeGenerator(c10::kCPU, 7);
  ppo->Update(BanditSet(ppo->policy(), generator), 0.75);
  EXPECT_NEAR(ppo->TakeScalars()["train/learning_rate"], 0.25 * 3e-3, 1e-9);
  const at::Tensor before = ppo->policy().flat_parameters().clone();
  ppo->Update(BanditSet(ppo->policy(), generator), 1);
  EXPECT_TRUE(at::equal(ppo->policy().flat_parameters(), before));
}

TEST_F(PpoTest, RestoredStateContinuesBitIdentically) {
  v1::PolicySpec spec = MakeTanhSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 1, 1, {16});
  spec.set_normalize_observation(true);
  auto train = [&](int restart_at) {
    auto ppo = std::move(*Ppo::Create(BanditConfig(), spec, 1, c10::kCPU));
    at::Generator generator = MakeGenerator(c10::kCPU, 7);
    for (int i = 0; i < 4; ++i) {
      if (i == restart_at) {
        const std::map<std::string, at::Tensor> state = StateMap(*ppo);
        auto resumed = std::move(*Ppo::Create(BanditConfig(), spec, 99, c10::kCPU));
        EXPECT_TRUE(resumed->LoadState(state).ok());
        ppo = std::move(resumed);
      }
      ppo->Update(BanditSet(ppo->policy(), generator), 0);
    }
    return StateMap(*ppo);
  };
  const auto straight = train(-1);
  const auto resumed = train(2);
  for (const auto& [name, tensor] : straight)
    EXPECT_TRUE(at::equal(tensor, resumed.at(name))) << name;
}

TEST_F(PpoTest, OtherHeadsAreRefused) {
  EXPECT_EQ(
      Ppo::Create(PpoConfig(), MakeTanhSpec(v1::PolicySpec::HEAD_TANH, 1, 1, {16}), 1, c10::kCPU)
          .status()
          .code(),
      absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace armature

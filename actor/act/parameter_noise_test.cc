#include "actor/act/parameter_noise.h"

#include <cmath>
#include <string>

#include "ATen/ATen.h"
#include "actor/act/policy_store.h"
#include "common/policy/generator.h"
#include "common/policy/policy_network.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr double kFactor = 1.1;
constexpr int64_t kSlots = 3;

v1::PolicySpec Spec() {
  v1::PolicySpec spec;
  spec.set_head(v1::PolicySpec::HEAD_TANH);
  spec.set_activation(v1::PolicySpec::ACTIVATION_RELU);
  for (const uint32_t size : {16, 16}) spec.add_hidden_sizes(size);
  spec.set_observation_size(3);
  spec.set_action_size(2);
  spec.set_layer_norm(true);
  spec.set_normalize_observation(true);
  spec.set_observation_clip(5);
  return spec;
}

v1::Exploration::ParameterNoise Settings() {
  v1::Exploration::ParameterNoise settings;
  settings.set_initial_std(0.1);
  settings.set_action_distance(0.2);
  settings.set_factor(kFactor);
  settings.set_adapt_steps(10);
  return settings;
}

std::unique_ptr<ParameterNoise> Make(const v1::Exploration::ParameterNoise& settings = Settings(),
                                     uint64_t seed = 1) {
  auto noise = ParameterNoise::Create(settings, Spec(), kSlots, c10::kCPU, seed);
  EXPECT_TRUE(noise.ok()) << noise.status();
  return *std::move(noise);
}

PolicySnapshot Policy(uint64_t version) {
  std::shared_ptr<PolicyNetwork> network = *PolicyNetwork::Create(Spec(), c10::kCPU);
  at::Generator generator = MakeGenerator(c10::kCPU, version);
  for (const auto& [name, tensor] : network->parameters()) tensor.normal_(0, 0.3, generator);
  return {version, network};
}

using Actions = std::vector<float>;

// For one slot: `steps` steps from random observations, and their distance from the policy's.
Actions Act(ParameterNoise* noise, const PolicySnapshot& policy, int64_t slot, int64_t steps) {
  Actions actions;
  for (int64_t step = 0; step < steps; ++step) {
    const at::Tensor row = at::randn({1, 3}, MakeGenerator(c10::kCPU, 1000 + step));
    const at::Tensor own = policy.network->Act(row, true, std::nullopt).action.contiguous();
    Actions action(own.const_data_ptr<float>(), own.const_data_ptr<float>() + 2);
    noise->Perturb(policy, slot, {row.const_data_ptr<float>(), 3}, absl::MakeSpan(action));
    actions.insert(actions.end(), action.begin(), action.end());
  }
  return actions;
}

TEST(ParameterNoiseTest, ActionsAreFunctionsOfTheObservationThroughAnEpisodeAndOthersInTheNext) {
  const auto noise = Make();
  const PolicySnapshot policy = Policy(1);
  const Actions first = Act(noise.get(), policy, 0, 5);
  EXPECT_EQ(first, Act(noise.get(), policy, 0, 5));
  noise->BeginEpisode(0);
  EXPECT_NE(first, Act(noise.get(), policy, 0, 5));
}

TEST(ParameterNoiseTest, SlotsHaveMovesOfTheirOwnThatOthersDoNotChange) {
  const PolicySnapshot policy = Policy(1);
  const auto alone = Make();
  const Actions expected = Act(alone.get(), policy, 1, 40);
  const auto noise = Make();
  EXPECT_NE(Act(noise.get(), policy, 0, 40), expected);
  noise->BeginEpisode(0);
  EXPECT_EQ(Act(noise.get(), policy, 1, 40), expected);
}

TEST(ParameterNoiseTest, ReseedBeginsAnewAsIfJustCreated) {
  const PolicySnapshot policy = Policy(1);
  const auto noise = Make(Settings(), 7);
  Act(noise.get(), policy, 0, 25);
  noise->Reseed(1);
  EXPECT_EQ(Act(noise.get(), policy, 0, 25), Act(Make().get(), policy, 0, 25));
  noise->Reseed(2);
  EXPECT_NE(Act(noise.get(), policy, 0, 25), Act(Make().get(), policy, 0, 25));
}

TEST(ParameterNoiseTest, DeviationFollowsTheDistanceOfActionsByTheFactor) {
  v1::Exploration::ParameterNoise settings = Settings();
  settings.set_action_distance(1e-6);
  const auto shrinking = Make(settings);
  EXPECT_TRUE(std::isnan(shrinking->distance_mean()));
  Act(shrinking.get(), Policy(1), 0, 9);
  EXPECT_DOUBLE_EQ(shrinking->std_mean(), 0.1);
  Act(shrinking.get(), Policy(1), 0, 1);
  EXPECT_NEAR(shrinking->std_mean(), (0.1 / kFactor + 0.1 + 0.1) / kSlots, 1e-12);
  EXPECT_GT(shrinking->distance_mean(), 1e-3);
  settings.set_action_distance(2);
  const auto growing = Make(settings);
  Act(growing.get(), Policy(1), 0, 20);
  EXPECT_NEAR(growing->std_mean(), (0.1 * kFactor * kFactor + 0.1 + 0.1) / kSlots, 1e-12);
}

TEST(ParameterNoiseTest, DistanceOfActionsSettlesAtWhatIsAskedFor) {
  for (const double distance : {0.05, 0.4}) {
    v1::Exploration::ParameterNoise settings = Settings();
    settings.set_action_distance(distance);
    const auto noise = Make(settings);
    double sum = 0;
    for (int episode = 0; episode < 200; ++episode) {
      for (int64_t slot = 0; slot < kSlots; ++slot) {
        noise->BeginEpisode(slot);
        Act(noise.get(), Policy(1), slot, 10);
      }
      if (episode >= 100) sum += noise->distance_mean();
    }
    EXPECT_NEAR(sum / 100, distance, 0.3 * distance);
  }
}

TEST(ParameterNoiseTest, ANewPolicyIsMovedBySameNoise) {
  // The same weights in a new network act as before; other weights do not.
  const auto noise = Make();
  const PolicySnapshot policy = Policy(1);
  const Actions before = Act(noise.get(), policy, 0, 4);
  EXPECT_EQ(Act(noise.get(), Policy(1), 0, 4), before);
  EXPECT_NE(Act(noise.get(), Policy(2), 0, 1), Actions(before.begin(), before.begin() + 2));
}

TEST(ParameterNoiseTest, WhatItCannotDoIsRefusedByName) {
  const auto message = [](auto&& damage) {
    v1::Exploration::ParameterNoise settings = Settings();
    v1::PolicySpec spec = Spec();
    damage(settings, spec);
    const auto noise = ParameterNoise::Create(settings, spec, 1, c10::kCPU, 1);
    EXPECT_EQ(noise.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(noise.status().message());
  };
  EXPECT_EQ(message([](auto& s, auto&) { s.set_initial_std(0); }),
            "exploration.parameter_noise.initial_std is 0, not over 0");
  EXPECT_EQ(message([](auto& s, auto&) { s.set_action_distance(NAN); }),
            "exploration.parameter_noise.action_distance is nan, not over 0");
  EXPECT_EQ(message([](auto& s, auto&) { s.set_factor(1); }),
            "exploration.parameter_noise.factor is 1, not over 1");
  EXPECT_EQ(message([](auto& s, auto&) { s.set_adapt_steps(0); }),
            "exploration.parameter_noise.adapt_steps is 0, not over 0");
  EXPECT_EQ(message([](auto&, auto& p) { p.set_layer_norm(false); }),
            "exploration.parameter_noise needs a policy of HEAD_TANH with layer norm, not "
            "HEAD_TANH without");
  EXPECT_EQ(message([](auto&, auto& p) { p.set_head(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN); }),
            "exploration.parameter_noise needs a policy of HEAD_TANH with layer norm, not "
            "HEAD_DIAGONAL_GAUSSIAN");
}

}  // namespace
}  // namespace armature

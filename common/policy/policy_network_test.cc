#include "common/policy/policy_network.h"

#include <cmath>
#include <limits>
#include <map>

#include "ATen/ATen.h"
#include "ATen/CPUGeneratorImpl.h"
#include "common/policy/categorical.h"
#include "common/policy/distributions.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

v1::PolicySpec MakeSpec(v1::PolicySpec::Head head) {
  v1::PolicySpec spec;
  spec.set_head(head);
  spec.add_hidden_sizes(8);
  spec.add_hidden_sizes(6);
  spec.set_activation(v1::PolicySpec::ACTIVATION_TANH);
  spec.set_observation_size(5);
  spec.set_action_size(3);
  spec.set_normalize_observation(true);
  spec.set_observation_clip(2);
  return spec;
}

// A network with random weights and a normaliser that has an effect.
std::unique_ptr<PolicyNetwork> MakeNetwork(const v1::PolicySpec& spec) {
  auto network = PolicyNetwork::Create(spec, c10::kCPU);
  EXPECT_TRUE(network.ok()) << network.status();
  at::Generator generator = at::detail::createCPUGenerator(1);
  NamedTensors tensors;
  for (const auto& [name, tensor] : (*network)->tensors()) {
    at::Tensor values = at::randn(tensor.sizes(), generator);
    if (name == "observation_normalizer.std") values = values.abs() + 0.5;
    tensors.emplace_back(name, values);
  }
  EXPECT_TRUE((*network)->Load(tensors).ok());
  return std::move(*network);
}

TEST(PolicyNetworkTest, ParametersAreNamedInWireOrderAndViewsOfOneBuffer) {
  const auto network = MakeNetwork(MakeSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN));
  const NamedTensors tensors = network->tensors();
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"actor.0.weight", "actor.0.bias", "actor.1.weight",
                                             "actor.1.bias", "actor.2.weight", "actor.2.bias",
                                             "actor.log_std", "observation_normalizer.mean",
                                             "observation_normalizer.std"}));
  std::vector<at::Tensor> parts;
  for (const auto& [name, tensor] : network->parameters()) parts.push_back(tensor.reshape({-1}));
  EXPECT_TRUE(at::equal(at::cat(parts), network->flat_parameters()));
  network->flat_parameters().zero_();
  EXPECT_EQ(tensors[0].second.abs().sum().item<float>(), 0);
}

TEST(PolicyNetworkTest, LayerNormIsOfTheHiddenLayersBeforeTheirActivation) {
  v1::PolicySpec spec = MakeSpec(v1::PolicySpec::HEAD_TANH);
  spec.set_layer_norm(true);
  const auto network = MakeNetwork(spec);
  const NamedTensors tensors = network->parameters();
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"actor.0.weight", "actor.0.bias", "actor.0.norm_gain",
                                             "actor.0.norm_bias", "actor.1.weight", "actor.1.bias",
                                             "actor.1.norm_gain", "actor.1.norm_bias",
                                             "actor.2.weight", "actor.2.bias"}));
  at::Tensor x = at::randn({7, 5}, at::detail::createCPUGenerator(2));
  const at::Tensor head = network->Head(x);
  for (const size_t first : {0, 4}) {
    x = at::linear(x, tensors[first].second, tensors[first + 1].second);
    const at::Tensor deviation = (x.var({1}, /*unbiased=*/false, /*keepdim=*/true) + 1e-5).sqrt();
    x = (x - x.mean({1}, /*keepdim=*/true)) / deviation;
    x = (x * tensors[first + 2].second + tensors[first + 3].second).tanh();
  }
  EXPECT_TRUE(at::allclose(head, at::linear(x, tensors[8].second, tensors[9].second), 1e-4, 1e-5));
}

TEST(PolicyNetworkTest, SquashedGaussianHeadIsTwiceAsWideAsTheAction) {
  const auto network = MakeNetwork(MakeSpec(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN));
  EXPECT_EQ(network->Head(at::zeros({4, 5})).sizes(), (at::IntArrayRef{4, 6}));
}

TEST(PolicyNetworkTest, NormalizeSubtractsDividesAndClips) {
  const auto network = MakeNetwork(MakeSpec(v1::PolicySpec::HEAD_TANH));
  const NamedTensors tensors = network->tensors();
  std::map<std::string, at::Tensor> by_name(tensors.begin(), tensors.end());
  const at::Tensor mean = by_name["observation_normalizer.mean"];
  const at::Tensor std = by_name["observation_normalizer.std"];
  EXPECT_TRUE(at::allclose(network->Normalize(mean + 1.5 * std), at::full({5}, 1.5)));
  EXPECT_TRUE(at::allclose(network->Normalize(mean - 7 * std), at::full({5}, -2.0)));
}

TEST(PolicyNetworkTest, DeterministicActionIsTheModeWhateverTheGenerator) {
  const at::Tensor observation = at::randn({7, 5}, at::detail::createCPUGenerator(2));
  for (int head = 1; head <= 4; ++head) {
    const auto network = MakeNetwork(MakeSpec(static_cast<v1::PolicySpec::Head>(head)));
    at::Tensor mode = network->Head(network->Normalize(observation));
    if (head == v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN) mode = at::tanh(mode.narrow(1, 0, 3));
    if (head == v1::PolicySpec::HEAD_TANH) mode = at::tanh(mode);
    if (head == v1::PolicySpec::HEAD_CATEGORICAL) mode = mode.argmax(1, true).to(at::kFloat);
    const auto output = network->Act(observation, true, std::nullopt);
    EXPECT_TRUE(at::equal(output.action, mode)) << head;
    EXPECT_EQ(output.log_prob.sizes(), (at::IntArrayRef{7}));
  }
}

TEST(PolicyNetworkTest, SameGeneratorStateGivesSameDraw) {
  const at::Tensor observation = at::randn({7, 5}, at::detail::createCPUGenerator(2));
  for (int head = 1; head <= 3; ++head) {
    const auto network = MakeNetwork(MakeSpec(static_cast<v1::PolicySpec::Head>(head)));
    at::Generator generator = at::detail::createCPUGenerator(3);
    const auto first = network->Act(observation, false, generator);
    const auto second = network->Act(observation, false, generator);
    const auto again = network->Act(observation, false, at::detail::createCPUGenerator(3));
    EXPECT_TRUE(at::equal(first.action, again.action)) << head;
    EXPECT_TRUE(at::equal(first.log_prob, again.log_prob)) << head;
    EXPECT_FALSE(at::equal(first.action, second.action)) << head;
  }
}

TEST(PolicyNetworkTest, CategoricalDrawsFollowTheSoftmax) {
  v1::PolicySpec spec = MakeSpec(v1::PolicySpec::HEAD_CATEGORICAL);
  const auto network = MakeNetwork(spec);
  constexpr int64_t kDraws = 20000;
  const at::Tensor observation = at::ones({1, 5}).expand({kDraws, 5});
  const auto output = network->Act(observation, false, at::detail::createCPUGenerator(4));
  const at::Tensor share =
      at::bincount(output.action.squeeze(1).to(at::kLong), {}, 3).to(at::kFloat) / kDraws;
  const at::Tensor probability =
      at::softmax(network->Head(network->Normalize(observation.narrow(0, 0, 1))), -1)[0];
  EXPECT_LT((share - probability).abs().max().item<float>(), 0.015);
}

TEST(PolicyNetworkTest, LoadRefusesWhatDoesNotFitAndChangesNothing) {
  const auto network = MakeNetwork(MakeSpec(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN));
  const at::Tensor before = network->flat_parameters().clone();
  auto refusal = [&](auto&& damage) {
    NamedTensors tensors;
    for (const auto& [name, tensor] : network->tensors()) tensors.emplace_back(name, tensor + 1);
    damage(tensors);
    const absl::Status status = network->Load(tensors);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(at::equal(network->flat_parameters(), before));
    return std::string(status.message());
  };
  EXPECT_EQ(refusal([](NamedTensors& t) {
              t[2].second = at::zeros({6, 9});
            }),
            "actor.1.weight: shape is [6,9], expected [6,8]");
  EXPECT_EQ(refusal([](NamedTensors& t) { t[2].second = t[2].second.to(at::kDouble); }),
            "actor.1.weight: not a float32 tensor");
  EXPECT_EQ(
      refusal([](NamedTensors& t) { t[5].second[1] = std::numeric_limits<float>::quiet_NaN(); }),
      "actor.2.bias: a value is not finite");
  EXPECT_EQ(refusal([](NamedTensors& t) { t[8].second[0] = 0; }),
            "observation_normalizer.std: a value is not positive");
  EXPECT_EQ(refusal([](NamedTensors& t) { t.pop_back(); }), "observation_normalizer.std: missing");
  EXPECT_EQ(refusal([](NamedTensors& t) { t.emplace_back("surprise", at::zeros({1})); }),
            "surprise: this policy has no such tensor");
  EXPECT_EQ(refusal([](NamedTensors& t) { t.push_back(t[0]); }),
            "policy: two tensors have the same name");
}

TEST(PolicyNetworkTest, CreateRefusesBadSpecifications) {
  auto message = [](auto&& damage) {
    v1::PolicySpec spec = MakeSpec(v1::PolicySpec::HEAD_CATEGORICAL);
    damage(spec);
    const auto network = PolicyNetwork::Create(spec, c10::kCPU);
    EXPECT_EQ(network.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(network.status().message());
  };
  EXPECT_NE(message([](auto& s) { s.clear_head(); }).find("head"), std::string::npos);
  EXPECT_NE(message([](auto& s) { s.clear_activation(); }).find("activation"), std::string::npos);
  EXPECT_NE(message([](auto& s) { s.set_action_size(1); }).find("action_size"), std::string::npos);
  EXPECT_NE(message([](auto& s) { s.set_observation_size(0); }).find("observation_size"),
            std::string::npos);
  EXPECT_NE(message([](auto& s) { s.set_hidden_sizes(1, 0); }).find("layer 2"), std::string::npos);
  EXPECT_NE(message([](auto& s) { s.set_observation_clip(0); }).find("observation_clip"),
            std::string::npos);
  EXPECT_NE(message([](auto& s) { s.set_hidden_sizes(0, 4000000000u); }).find("parameters"),
            std::string::npos);
}

TEST(DistributionsTest, SquashedLogProbIsTheDensityOfTanhOfAGaussian) {
  // The density of a = tanh(u) integrates to 1, and the log-prob agrees with the textbook form
  // where that form is still accurate.
  const at::Tensor noise = at::linspace(-6, 6, 20001).to(at::kDouble).unsqueeze(1);
  const at::Tensor log_std = at::full({20001, 1}, -0.3, at::kDouble);
  const at::Tensor u = 0.4 + log_std.exp() * noise;
  const at::Tensor log_prob = SquashedGaussianLogProb(noise, log_std, u);
  const at::Tensor action = at::tanh(u).squeeze(1);
  EXPECT_NEAR(at::trapezoid(log_prob.exp(), action).item<double>(), 1.0, 1e-6);
  const at::Tensor textbook = -0.5 * noise.square().squeeze(1) + 0.3 - 0.5 * std::log(2 * M_PI) -
                              at::log(1 - action.square());
  EXPECT_TRUE(at::allclose(log_prob, textbook, 1e-9, 1e-9));
}

TEST(DistributionsTest, SquashedLogProbIsFiniteWhereTanhSaturates) {
  const at::Tensor u = at::tensor({-60.f, -20.f, 20.f, 60.f}).unsqueeze(1);
  const at::Tensor zeros = at::zeros_like(u);
  const at::Tensor log_prob = SquashedGaussianLogProb(zeros, zeros, u);
  // -log(1 - tanh(u)^2) tends to 2 |u| - log 4.
  const at::Tensor expected = 2 * u.squeeze(1).abs() - std::log(4.0) - 0.5 * std::log(2 * M_PI);
  EXPECT_TRUE(at::allclose(log_prob, expected));
}

TEST(DistributionsTest, DiagonalAndCategoricalMatchTheirFormulas) {
  const at::Tensor log_prob = DiagonalGaussianLogProb(
      at::tensor({1.f, -2.f}), at::tensor({0.5f, 0.f}), at::tensor({0.f, std::log(2.f)}));
  EXPECT_NEAR(log_prob.item<float>(), -0.125 - 0.5 - std::log(2.0) - std::log(2 * M_PI), 1e-6);
  const at::Tensor logits = at::log(at::tensor({0.2f, 0.5f, 0.3f})).expand({2, 3}) + 100;
  v1::PolicySpec spec;
  spec.set_action_size(3);
  const Categorical categorical(spec, c10::kCPU);
  const at::Tensor choice =
      categorical.LogProb(at::tensor({1.f, 2.f}).unsqueeze(1), categorical.LogProbs(logits));
  EXPECT_TRUE(at::allclose(choice.exp(), at::tensor({0.5f, 0.3f}), 1e-4));
}

TEST(CategoricalTest, ComponentsAreIndependent) {
  v1::PolicySpec spec;
  spec.set_action_size(5);
  spec.add_choices(3);
  spec.add_choices(2);
  const Categorical categorical(spec, c10::kCPU);
  ASSERT_EQ(categorical.components(), 2);
  // Each component's logits equal its log-probabilities plus a constant.
  const at::Tensor logits =
      at::log(at::tensor({0.2f, 0.5f, 0.3f, 0.9f, 0.1f})) + at::tensor({7.f, 7.f, 7.f, -3.f, -3.f});
  const at::Tensor rows = logits.expand({2, 5});
  const at::Tensor action = at::tensor({1.f, 0.f, 2.f, 1.f}).view({2, 2});
  const at::Tensor log_probs = categorical.LogProbs(rows);
  EXPECT_TRUE(at::allclose(categorical.LogProb(action, log_probs).exp(),
                           at::tensor({0.5f * 0.9f, 0.3f * 0.1f}), 1e-4));
  EXPECT_TRUE(
      at::equal(categorical.OneHot(action),
                at::tensor({0.f, 1.f, 0.f, 1.f, 0.f, 0.f, 0.f, 1.f, 0.f, 1.f}).view({2, 5})));
  EXPECT_TRUE(at::allclose(categorical.ComponentSums(log_probs.exp()), at::ones({2, 5})));
  EXPECT_TRUE(at::equal(categorical.Mode(rows), at::tensor({1.f, 0.f}).expand({2, 2})));
  const at::Tensor draws = at::tensor({0.1f, 0.95f, 0.69f, 0.f}).view({2, 2});
  EXPECT_TRUE(
      at::equal(categorical.Draw(rows, draws), at::tensor({0.f, 1.f, 1.f, 0.f}).view({2, 2})));
}

TEST(CategoricalTest, ChoicesThatDoNotMakeUpTheHeadAreRefused) {
  v1::PolicySpec spec = MakeSpec(v1::PolicySpec::HEAD_CATEGORICAL);
  spec.set_action_size(5);
  for (const int choices : {3, 2}) spec.add_choices(choices);
  EXPECT_TRUE(PolicyNetwork::Create(spec, c10::kCPU).ok());
  spec.set_choices(1, 3);
  EXPECT_NE(PolicyNetwork::Create(spec, c10::kCPU).status().message().find("choices are [3,3]"),
            absl::string_view::npos);
  spec.set_choices(1, 2);
  spec.set_head(v1::PolicySpec::HEAD_TANH);
  EXPECT_FALSE(PolicyNetwork::Create(spec, c10::kCPU).ok());
}

}  // namespace
}  // namespace armature

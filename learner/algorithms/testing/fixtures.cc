#include "learner/algorithms/testing/fixtures.h"

#include <optional>

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "learner/algorithms/testing/golden.h"

namespace armature {

v1::PolicySpec MakeSpec(v1::PolicySpec::Head head, int64_t observation_size, int64_t action_size,
                        const std::vector<int64_t>& hidden_sizes) {
  v1::PolicySpec spec;
  spec.set_head(head);
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
  sample.discount = at::full({batch_size}, 0.99);
  sample.weight = 1 - at::rand({batch_size}, generator);
  return sample;
}

TransitionSample PointSample(at::Generator generator) {
  TransitionSample sample;
  sample.observation = at::rand({64, 1}, generator) * 2 - 1;
  sample.action = at::rand({64, 1}, generator) * 2 - 1;
  sample.next_observation = sample.observation + 0.2 * sample.action;
  sample.reward = -sample.next_observation.abs().squeeze(1);
  sample.terminated = at::zeros({64});
  sample.discount = at::full({64}, 0.9);
  sample.weight = at::ones({64});
  return sample;
}

double PointDistance(const PolicyNetwork& policy) {
  at::Tensor x = at::linspace(-1, 1, 41).unsqueeze(1);
  for (int i = 0; i < 10; ++i) x = x + 0.2 * policy.Act(x, true, std::nullopt).action;
  return x.abs().max().item<double>();
}

v1::PolicySpec GoldenSpec(const nlohmann::json& golden, v1::PolicySpec::Head head) {
  v1::PolicySpec spec = MakeSpec(head, 3, 2, golden["hidden"].get<std::vector<int64_t>>());
  spec.set_activation(GoldenActivation(golden["activation"]));
  spec.set_layer_norm(golden["layer_norm"]);
  spec.set_normalize_observation(golden["normalize"]);
  spec.set_observation_clip(golden["clip"]);
  return spec;
}

TransitionSample GoldenSample(const nlohmann::json& update) {
  TransitionSample sample;
  sample.observation = GoldenTensor(update["observation"]);
  sample.action = GoldenTensor(update["action"]);
  sample.reward = GoldenTensor(update["reward"]);
  sample.next_observation = GoldenTensor(update["next_observation"]);
  sample.terminated = GoldenTensor(update["terminated"]);
  sample.discount = GoldenTensor(update["discount"]);
  sample.weight = GoldenTensor(update["weight"]);
  return sample;
}

void SetGoldenState(const nlohmann::json& golden, const Algorithm& algorithm) {
  std::map<std::string, at::Tensor> state = StateMap(algorithm);
  algorithm.policy().flat_parameters().copy_(GoldenTensor(golden["actor"]));
  if (const auto target = state.find("target_policy"); target != state.end()) {
    target->second.copy_(GoldenTensor(golden["actor"]));
  }
  state.at("critics").copy_(GoldenTensor(golden["critics"]));
  state.at("target_critics").copy_(GoldenTensor(golden["critics"]));
  if (golden["normalize"]) {
    state.at("observation_normalizer.mean").copy_(GoldenTensor(golden["mean"]));
    state.at("observation_normalizer.std").copy_(GoldenTensor(golden["std"]));
  }
}

}  // namespace armature

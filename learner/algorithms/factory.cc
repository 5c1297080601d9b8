#include "learner/algorithms/factory.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/algorithms/ppo.h"
#include "learner/algorithms/sac.h"

namespace armature {
namespace {

// NetworkConfig.Visit admits these words only.
v1::PolicySpec::Activation ParseActivation(const std::string& name) {
  if (name == "tanh") return v1::PolicySpec::ACTIVATION_TANH;
  if (name == "elu") return v1::PolicySpec::ACTIVATION_ELU;
  if (name == "leaky_relu") return v1::PolicySpec::ACTIVATION_LEAKY_RELU;
  return v1::PolicySpec::ACTIVATION_RELU;
}

absl::Status WrongKind(const AlgorithmConfig& config, absl::string_view kind) {
  return absl::InvalidArgumentError(
      absl::StrCat("algorithm.name=", config.name, " is not an ", kind, " algorithm"));
}

}  // namespace

absl::StatusOr<v1::PolicySpec> MakePolicySpec(const AlgorithmConfig& config, const EnvSpec& env) {
  if (config.name == "sac" && env.action.is_discrete()) {
    return absl::InvalidArgumentError(
        absl::StrCat("algorithm.name=sac needs a Box action space, but ", env.id, " has ",
                     env.action.num_choices, " discrete actions; use algorithm.name=ppo"));
  }
  v1::PolicySpec spec;
  if (config.name == "sac") {
    spec.set_head(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN);
  } else if (env.action.is_discrete()) {
    spec.set_head(v1::PolicySpec::HEAD_CATEGORICAL);
  } else {
    spec.set_head(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN);
  }
  for (int64_t units : config.network.hidden_sizes) spec.add_hidden_sizes(units);
  spec.set_activation(ParseActivation(config.network.activation));
  spec.set_observation_size(env.observation_size());
  spec.set_action_size(env.action.policy_size());
  spec.set_normalize_observation(config.network.normalize_observation);
  spec.set_observation_clip(config.network.observation_clip);
  return spec;
}

absl::StatusOr<std::unique_ptr<OffPolicyAlgorithm>> MakeOffPolicyAlgorithm(
    const AlgorithmConfig& config, const EnvSpec& env, uint64_t seed, c10::Device device) {
  if (config.on_policy()) return WrongKind(config, "off-policy");
  absl::StatusOr<v1::PolicySpec> spec = MakePolicySpec(config, env);
  if (!spec.ok()) return spec.status();
  return Sac::Create(config.sac, *spec, seed, device);
}

absl::StatusOr<std::unique_ptr<OnPolicyAlgorithm>> MakeOnPolicyAlgorithm(
    const AlgorithmConfig& config, const EnvSpec& env, uint64_t seed, c10::Device device) {
  if (!config.on_policy()) return WrongKind(config, "on-policy");
  absl::StatusOr<v1::PolicySpec> spec = MakePolicySpec(config, env);
  if (!spec.ok()) return spec.status();
  return Ppo::Create(config.ppo, *spec, seed, device);
}

}  // namespace armature

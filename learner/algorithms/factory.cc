#include "learner/algorithms/factory.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/spec/goal_columns.h"
#include "learner/algorithms/ddpg.h"
#include "learner/algorithms/ppo.h"
#include "learner/algorithms/sac.h"
#include "learner/algorithms/td3.h"
#include "learner/algorithms/tqc.h"
#include "learner/algorithms/trained_policy.h"
#include "learner/nn/mlp.h"
#include "learner/nn/network_options.h"

namespace armature {
namespace {

// NetworkConfig.Visit allows only these words.
v1::PolicySpec::Activation ParseActivation(const std::string& name) {
  if (name == "tanh") return v1::PolicySpec::ACTIVATION_TANH;
  if (name == "elu") return v1::PolicySpec::ACTIVATION_ELU;
  if (name == "leaky_relu") return v1::PolicySpec::ACTIVATION_LEAKY_RELU;
  return v1::PolicySpec::ACTIVATION_RELU;
}

// From the config; if absent, the default.
std::optional<Initialization> ParseInitialization(const AlgorithmConfig& config) {
  const NetworkConfig& network = config.network;
  if (network.initialization == "default") return std::nullopt;
  Initialization initialization;
  initialization.kind = network.initialization == "orthogonal" ? Initialization::Kind::kOrthogonal
                        : network.initialization == "xavier_uniform"
                            ? Initialization::Kind::kXavierUniform
                            : Initialization::Kind::kKaimingUniform;
  initialization.hidden_gain = network.hidden_gain > 0 ? network.hidden_gain : kHiddenGain;
  const double output_gain = config.on_policy() ? kPolicyOutputGain : 1;
  initialization.output_gain =
      network.policy_output_gain > 0 ? network.policy_output_gain : output_gain;
  return initialization;
}

NetworkOptions MakeNetworkOptions(const AlgorithmConfig& config, const EnvSpec& env) {
  return {config.network.critic_hidden_sizes, config.network.critic_layer_norm,
          FindGoalColumns(env), ParseInitialization(config)};
}

bool IsDeterministic(const AlgorithmConfig& config) {
  return config.name == "td3" || config.name == "ddpg";
}

v1::PolicySpec::Head Head(const AlgorithmConfig& config, const ActionSpec& action) {
  if (IsDeterministic(config)) return v1::PolicySpec::HEAD_TANH;
  if (!config.on_policy()) return v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN;
  return action.is_discrete() ? v1::PolicySpec::HEAD_CATEGORICAL
                              : v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN;
}

absl::Status WrongKind(const AlgorithmConfig& config, absl::string_view kind) {
  return absl::InvalidArgumentError(
      absl::StrCat("algorithm.name=", config.name, " is not an ", kind, " algorithm"));
}

// 8-bit with three extents or more: height, width, channels, and frames if several are stacked.
bool IsPicture(const FieldSpec& field) {
  return field.dtype == v1::DTYPE_UINT8 && field.shape.size() >= 3;
}

// Dense layers on raw pixels learn nothing of use, and need millions of weights for it.
absl::Status CheckNoPictures(const EnvSpec& env) {
  for (const FieldSpec& field : env.observation) {
    if (!IsPicture(field)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        env.id, " observes the picture '", field.name, "' (uint8 [",
        absl::StrJoin(field.shape, ","),
        "]), but this policy is dense layers without an encoder for pictures: train on an "
        "environment without it, e.g. without 'camera' in environment.config.wrappers"));
  }
  return absl::OkStatus();
}

absl::Status CheckSymmetry(const AlgorithmConfig& config, const EnvSpec& env) {
  if (!config.on_policy() || config.ppo.symmetry == "none" || env.mirror.has_value()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("algorithm.ppo.symmetry=", config.ppo.symmetry, ", but ", env.id,
                   " declares no mirror image of its observations and actions; set "
                   "algorithm.ppo.symmetry=none"));
}

absl::Status CheckLearnFrom(const AlgorithmConfig& config, const EnvSpec& env) {
  if (!config.learns_from_executed() || env.reports_executed_action) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "algorithm.learn_from=executed, but ", env.id,
      " does not say which actions it executes (reports_executed_action of its spec); set "
      "algorithm.learn_from=proposed"));
}

}  // namespace

absl::StatusOr<v1::PolicySpec> MakePolicySpec(const AlgorithmConfig& config, const EnvSpec& env) {
  if (!config.on_policy() && env.action.is_discrete()) {
    return absl::InvalidArgumentError(
        absl::StrCat("algorithm.name=", config.name, " needs a Box action space, but ", env.id,
                     " takes ", env.action.ToString(), "; use algorithm.name=ppo"));
  }
  if (absl::Status status = CheckNoPictures(env); !status.ok()) return status;
  if (absl::Status status = CheckSymmetry(config, env); !status.ok()) return status;
  if (absl::Status status = CheckLearnFrom(config, env); !status.ok()) return status;
  v1::PolicySpec spec;
  spec.set_head(Head(config, env.action));
  for (int64_t units : config.network.hidden_sizes) spec.add_hidden_sizes(units);
  spec.set_activation(ParseActivation(config.network.activation));
  spec.set_layer_norm(config.network.layer_norm);
  spec.set_observation_size(env.observation_size());
  spec.set_action_size(env.action.policy_size());
  if (env.action.choices.size() > 1) {
    spec.mutable_choices()->Add(env.action.choices.begin(), env.action.choices.end());
  }
  spec.set_normalize_observation(config.network.normalize_observation);
  spec.set_observation_clip(config.network.observation_clip);
  return spec;
}

v1::Exploration MakeExploration(const AlgorithmConfig& config) {
  v1::Exploration exploration;
  if (config.on_policy()) return exploration;
  const ExplorationConfig& from = config.exploration;
  if (config.off_policy().random_env_steps > 0) exploration.set_random_until_version(1);
  exploration.set_random_action_probability(from.random_action_probability);
  if (IsDeterministic(config) && from.noise == "normal") {
    exploration.set_normal_noise_std(from.noise_std);
  } else if (IsDeterministic(config) && from.noise == "ornstein_uhlenbeck") {
    v1::Exploration::OrnsteinUhlenbeck* noise = exploration.mutable_ornstein_uhlenbeck();
    noise->set_sigma(from.noise_std);
    noise->set_theta(from.ornstein_uhlenbeck_theta);
    noise->set_dt(from.ornstein_uhlenbeck_dt);
  } else if (IsDeterministic(config) && from.noise == "parameter") {
    v1::Exploration::ParameterNoise* noise = exploration.mutable_parameter_noise();
    noise->set_initial_std(from.parameter_noise_std);
    noise->set_action_distance(from.noise_std);
    noise->set_factor(from.parameter_noise_factor);
    noise->set_adapt_steps(static_cast<uint32_t>(from.parameter_noise_steps));
  }
  return exploration;
}

v1::StoredAction StoredActionOf(const AlgorithmConfig& config) {
  return config.learns_from_executed() ? v1::STORED_ACTION_EXECUTED : v1::STORED_ACTION_PROPOSED;
}

absl::StatusOr<std::unique_ptr<OffPolicyAlgorithm>> MakeOffPolicyAlgorithm(
    const AlgorithmConfig& config, const EnvSpec& env, uint64_t seed, c10::Device device) {
  if (config.on_policy()) return WrongKind(config, "off-policy");
  absl::StatusOr<v1::PolicySpec> spec = MakePolicySpec(config, env);
  if (!spec.ok()) return spec.status();
  const NetworkOptions network = MakeNetworkOptions(config, env);
  const DemonstrationsConfig& cloning = config.demonstrations;
  if (config.name == "tqc") return Tqc::Create(config.tqc, *spec, seed, device, network, cloning);
  if (config.name == "td3") return Td3::Create(config.td3, *spec, seed, device, network, cloning);
  if (config.name == "ddpg") {
    return Ddpg::Create(config.ddpg, *spec, seed, device, network, cloning);
  }
  return Sac::Create(config.sac, *spec, seed, device, network, cloning);
}

absl::StatusOr<std::unique_ptr<OnPolicyAlgorithm>> MakeOnPolicyAlgorithm(
    const AlgorithmConfig& config, const EnvSpec& env, uint64_t seed, c10::Device device) {
  if (!config.on_policy()) return WrongKind(config, "on-policy");
  absl::StatusOr<v1::PolicySpec> spec = MakePolicySpec(config, env);
  if (!spec.ok()) return spec.status();
  return Ppo::Create(config.ppo, *spec, seed, device, MakeNetworkOptions(config, env), env.mirror);
}

}  // namespace armature

#include "common/policy/policy_network.h"

#include <cmath>
#include <cstdint>
#include <map>

#include "ATen/ATen.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "c10/core/GradMode.h"
#include "common/policy/categorical.h"
#include "common/policy/distributions.h"

namespace armature {
namespace {

// Larger specifications (1 GiB of weights) are treated as errors.
constexpr int64_t kParametersMax = int64_t{1} << 28;

int64_t HeadSize(const v1::PolicySpec& spec) {
  const int64_t action_size = spec.action_size();
  return spec.head() == v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN ? 2 * action_size : action_size;
}

std::vector<int64_t> LayerSizes(const v1::PolicySpec& spec) {
  std::vector<int64_t> sizes = {spec.observation_size()};
  sizes.insert(sizes.end(), spec.hidden_sizes().begin(), spec.hidden_sizes().end());
  sizes.push_back(HeadSize(spec));
  return sizes;
}

bool HasLogStd(const v1::PolicySpec& spec) {
  return spec.head() == v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN;
}

bool IsNormalized(const v1::PolicySpec& spec, size_t layer) {
  return spec.layer_norm() && layer < static_cast<size_t>(spec.hidden_sizes_size());
}

// Parameters of the layer from sizes[i] to sizes[i + 1] units.
__int128 LayerParameters(const v1::PolicySpec& spec, const std::vector<int64_t>& sizes, size_t i) {
  return __int128{sizes[i] + (IsNormalized(spec, i) ? 3 : 1)} * sizes[i + 1];
}

absl::Status CheckChoices(const v1::PolicySpec& spec) {
  if (spec.choices().empty()) return absl::OkStatus();
  const bool categorical = spec.head() == v1::PolicySpec::HEAD_CATEGORICAL;
  int64_t sum = 0;
  bool empty = false;
  for (int64_t choices : spec.choices()) {
    sum += choices;
    empty = empty || choices < 1;
  }
  if (categorical && !empty && sum == spec.action_size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "PolicySpec.choices are [", absl::StrJoin(spec.choices(), ","), "] with head ",
      v1::PolicySpec::Head_Name(spec.head()), " and action_size ", spec.action_size()));
}

absl::Status CheckSpec(const v1::PolicySpec& spec) {
  if (spec.head() == v1::PolicySpec::HEAD_UNSPECIFIED ||
      !v1::PolicySpec::Head_IsValid(spec.head())) {
    return absl::InvalidArgumentError(absl::StrCat("PolicySpec.head is ", spec.head()));
  }
  if (spec.activation() == v1::PolicySpec::ACTIVATION_UNSPECIFIED ||
      !v1::PolicySpec::Activation_IsValid(spec.activation())) {
    return absl::InvalidArgumentError(absl::StrCat("PolicySpec.activation is ", spec.activation()));
  }
  const uint32_t action_size_min = spec.head() == v1::PolicySpec::HEAD_CATEGORICAL ? 2 : 1;
  if (spec.action_size() < action_size_min) {
    return absl::InvalidArgumentError(absl::StrCat("PolicySpec.action_size is ", spec.action_size(),
                                                   ", less than ", action_size_min));
  }
  if (spec.normalize_observation() &&
      !(spec.observation_clip() > 0 && std::isfinite(spec.observation_clip()))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "PolicySpec.observation_clip is ", spec.observation_clip(), ", not a positive number"));
  }
  if (absl::Status status = CheckChoices(spec); !status.ok()) return status;
  const std::vector<int64_t> sizes = LayerSizes(spec);
  __int128 parameters = spec.action_size();
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 1) {
      return absl::InvalidArgumentError(absl::StrCat("PolicySpec: layer ", i,
                                                     " has no units (observation_size ",
                                                     spec.observation_size(), ")"));
    }
    if (i > 0) parameters += LayerParameters(spec, sizes, i - 1);
  }
  if (parameters > kParametersMax) {
    return absl::InvalidArgumentError(absl::StrCat("PolicySpec: layers ", absl::StrJoin(sizes, "x"),
                                                   " have more than ", kParametersMax,
                                                   " parameters"));
  }
  return absl::OkStatus();
}

std::string ShapeString(const at::Tensor& tensor) {
  return absl::StrCat("[", absl::StrJoin(tensor.sizes(), ","), "]");
}

absl::Status CheckFits(const std::string& name, const at::Tensor& expected,
                       const at::Tensor& actual) {
  if (!actual.defined() || actual.scalar_type() != at::kFloat) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": not a float32 tensor"));
  }
  if (actual.sizes() != expected.sizes()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": shape is ", ShapeString(actual),
                                                   ", expected ", ShapeString(expected)));
  }
  if (!at::isfinite(actual).all().item<bool>()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": a value is not finite"));
  }
  if (name == "observation_normalizer.std" && !(actual > 0).all().item<bool>()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": a value is not positive"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<PolicyNetwork>> PolicyNetwork::Create(const v1::PolicySpec& spec,
                                                                     c10::Device device) {
  if (absl::Status status = CheckSpec(spec); !status.ok()) return status;
  return absl::WrapUnique(new PolicyNetwork(spec, device));
}

PolicyNetwork::PolicyNetwork(const v1::PolicySpec& spec, c10::Device device)
    : spec_(spec), device_(device) {
  const std::vector<int64_t> sizes = LayerSizes(spec);
  int64_t count = HasLogStd(spec) ? spec.action_size() : 0;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    count += static_cast<int64_t>(LayerParameters(spec, sizes, i));
  }
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  flat_parameters_ = at::zeros({count}, options);
  int64_t offset = 0;
  auto take = [&](at::IntArrayRef shape) {
    const int64_t numel = c10::multiply_integers(shape);
    at::Tensor view = flat_parameters_.narrow(0, offset, numel).view(shape);
    offset += numel;
    return view;
  };
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    Layer layer;
    layer.weight = take({sizes[i + 1], sizes[i]});
    layer.bias = take({sizes[i + 1]});
    if (IsNormalized(spec, i)) {
      layer.norm_gain = take({sizes[i + 1]});
      layer.norm_bias = take({sizes[i + 1]});
    }
    layers_.push_back(std::move(layer));
  }
  if (HasLogStd(spec)) log_std_ = take({spec.action_size()});
  if (spec.head() == v1::PolicySpec::HEAD_CATEGORICAL)
    categorical_ = std::make_unique<const Categorical>(spec, device);
  if (spec.normalize_observation()) {
    normalizer_mean_ = at::zeros({spec.observation_size()}, options);
    normalizer_std_ = at::ones({spec.observation_size()}, options);
  }
}

PolicyNetwork::~PolicyNetwork() = default;

at::Tensor PolicyNetwork::Normalize(const at::Tensor& observation) const {
  if (!spec_.normalize_observation()) return observation;
  return ((observation - normalizer_mean_) / normalizer_std_)
      .clamp_(-spec_.observation_clip(), spec_.observation_clip());
}

at::Tensor PolicyNetwork::Head(const at::Tensor& normalized_observation) const {
  at::Tensor x = normalized_observation;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    x = at::linear(x, layer.weight, layer.bias);
    if (i + 1 == layers_.size()) break;
    if (layer.norm_gain.defined()) {
      x = at::layer_norm(x, layer.norm_gain.sizes(), layer.norm_gain, layer.norm_bias,
                         kLayerNormEpsilon);
    }
    switch (spec_.activation()) {
      case v1::PolicySpec::ACTIVATION_TANH:
        x = at::tanh(x);
        break;
      case v1::PolicySpec::ACTIVATION_ELU:
        x = at::elu(x);
        break;
      case v1::PolicySpec::ACTIVATION_LEAKY_RELU:
        x = at::leaky_relu(x);
        break;
      default:
        x = at::relu(x);
        break;
    }
  }
  return x;
}

int64_t PolicyNetwork::draws_per_row() const {
  switch (spec_.head()) {
    case v1::PolicySpec::HEAD_CATEGORICAL:
      return categorical_->components();
    case v1::PolicySpec::HEAD_TANH:
      return 0;
    default:
      return spec_.action_size();
  }
}

PolicyNetwork::Output PolicyNetwork::Act(const at::Tensor& observation, bool deterministic,
                                         std::optional<at::Generator> generator) const {
  if (deterministic) return ActByDraws(observation, at::Tensor());
  const std::vector<int64_t> shape = {observation.size(0), draws_per_row()};
  return ActByDraws(observation, spec_.head() == v1::PolicySpec::HEAD_CATEGORICAL
                                     ? at::rand(shape, generator, observation.options())
                                     : at::randn(shape, generator, observation.options()));
}

PolicyNetwork::Output PolicyNetwork::ActByDraws(const at::Tensor& observation,
                                                const at::Tensor& draws) const {
  const c10::NoGradGuard no_grad;
  return FromHead(Head(Normalize(observation)), draws);
}

PolicyNetwork::Output PolicyNetwork::FromHead(const at::Tensor& head,
                                              const at::Tensor& draws) const {
  // With zeros, the sampling formulas give the mode.
  auto noise_like = [&](const at::Tensor& mean) {
    return draws.defined() ? draws : at::zeros_like(mean);
  };
  switch (spec_.head()) {
    case v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN: {
      const std::vector<at::Tensor> halves = head.chunk(2, -1);
      const at::Tensor log_std = halves[1].clamp(kSquashedLogStdMin, kSquashedLogStdMax);
      const at::Tensor noise = noise_like(log_std);
      const at::Tensor u = halves[0] + log_std.exp() * noise;
      return {at::tanh(u), SquashedGaussianLogProb(noise, log_std, u)};
    }
    case v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN: {
      const at::Tensor action = head + log_std_.exp() * noise_like(head);
      return {action, DiagonalGaussianLogProb(action, head, log_std_)};
    }
    case v1::PolicySpec::HEAD_CATEGORICAL: {
      const at::Tensor action =
          draws.defined() ? categorical_->Draw(head, draws) : categorical_->Mode(head);
      return {action, categorical_->LogProb(action, categorical_->LogProbs(head))};
    }
    default:  // HEAD_TANH; Create has refused all others.
      return {at::tanh(head), at::zeros({head.size(0)}, head.options())};
  }
}

NamedTensors PolicyNetwork::parameters() const {
  NamedTensors parameters;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const std::string prefix = absl::StrCat("actor.", i, ".");
    parameters.emplace_back(prefix + "weight", layer.weight);
    parameters.emplace_back(prefix + "bias", layer.bias);
    if (!layer.norm_gain.defined()) continue;
    parameters.emplace_back(prefix + "norm_gain", layer.norm_gain);
    parameters.emplace_back(prefix + "norm_bias", layer.norm_bias);
  }
  if (log_std_.defined()) parameters.emplace_back("actor.log_std", log_std_);
  return parameters;
}

NamedTensors PolicyNetwork::tensors() const {
  NamedTensors tensors = parameters();
  if (spec_.normalize_observation()) {
    tensors.emplace_back("observation_normalizer.mean", normalizer_mean_);
    tensors.emplace_back("observation_normalizer.std", normalizer_std_);
  }
  return tensors;
}

absl::Status PolicyNetwork::Load(const NamedTensors& tensors) {
  const NamedTensors own = this->tensors();
  std::map<std::string, at::Tensor> given(tensors.begin(), tensors.end());
  if (given.size() != tensors.size()) {
    return absl::InvalidArgumentError("policy: two tensors have the same name");
  }
  for (const auto& [name, tensor] : own) {
    const auto it = given.find(name);
    if (it == given.end()) return absl::InvalidArgumentError(absl::StrCat(name, ": missing"));
    if (absl::Status status = CheckFits(name, tensor, it->second); !status.ok()) return status;
  }
  if (given.size() > own.size()) {
    for (const auto& [name, tensor] : own) given.erase(name);
    return absl::InvalidArgumentError(
        absl::StrCat(given.begin()->first, ": this policy has no such tensor"));
  }
  const c10::NoGradGuard no_grad;
  for (const auto& [name, tensor] : own) tensor.copy_(given.at(name));
  return absl::OkStatus();
}

}  // namespace armature

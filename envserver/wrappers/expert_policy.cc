#include "envserver/wrappers/expert_policy.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/tensor_file_once.h"
#include "google/protobuf/util/json_util.h"

namespace armature {
namespace {

constexpr char kKind[] = "armature policy";
constexpr double kLayerNormEpsilon = 1e-5;  // docs/policy_file.md.
constexpr float kLeakySlope = 0.01f;

std::vector<float> Values(const SharedTensorFile& file, const std::string& name,
                          const std::vector<int64_t>& shape) {
  const StoredTensor& tensor = file.Find(name, "F32", shape);
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = ElementOf<float>(tensor, static_cast<int64_t>(i));
    if (std::isfinite(values[i])) continue;
    throw WrapperError(absl::StrCat(file.path, ": tensor ", name, " is not finite"));
  }
  return values;
}

template <typename Message>
void Parse(const SharedTensorFile& file, const std::string& key, Message* message) {
  if (google::protobuf::util::JsonStringToMessage(file.text(key), message).ok()) return;
  throw WrapperError(absl::StrCat(file.path, ": its '", key, "' is malformed"));
}

void CheckFits(const std::string& path, const EnvSpec& trained, const EnvSpec& spec) {
  const auto refuse = [&](const std::string& why) {
    throw WrapperError(
        absl::StrCat(path, ": the policy was trained in ", trained.id, ", whose ", why));
  };
  if (trained.action.is_discrete() || spec.action.is_discrete() ||
      trained.action.low != spec.action.low || trained.action.high != spec.action.high) {
    refuse(absl::StrCat("action is ", trained.action.ToString(), "; here it is ",
                        spec.action.ToString(), ", or its bounds differ"));
  }
  if (trained.observation.size() != spec.observation.size()) {
    refuse(absl::StrCat("observation has ", trained.observation.size(), " fields; here there are ",
                        spec.observation.size()));
  }
  for (size_t i = 0; i < spec.observation.size(); ++i) {
    const FieldSpec& a = trained.observation[i];
    const FieldSpec& b = spec.observation[i];
    if (a.name == b.name && a.shape == b.shape) continue;
    refuse(absl::StrCat("field ", i, " is '", a.name, "' with ", a.size(),
                        " elements; here it is '", b.name, "' with ", b.size()));
  }
}

}  // namespace

ExpertPolicy::ExpertPolicy(const std::string& path, const EnvSpec& spec)
    : fields_(spec.observation), action_(spec.action) {
  const auto file = ReadTensorFileOnce(path, kKind);
  v1::EnvSpec env;
  Parse(*file, "env", &env);
  Parse(*file, "policy", &policy_);
  const absl::StatusOr<EnvSpec> trained = EnvSpec::FromProto(env);
  if (!trained.ok()) {
    throw WrapperError(absl::StrCat(path, ": its 'env': ", trained.status().message()));
  }
  CheckFits(path, *trained, spec);
  const int64_t observed = spec.observation_size();
  const int64_t actions = spec.action.size();
  if (policy_.observation_size() != observed || policy_.action_size() != actions ||
      policy_.head() == v1::PolicySpec::HEAD_CATEGORICAL ||
      policy_.head() == v1::PolicySpec::HEAD_UNSPECIFIED) {
    throw WrapperError(absl::StrCat(path, ": its policy takes ", policy_.observation_size(),
                                    " values and gives ", policy_.action_size(), "; expected ",
                                    observed, " and ", actions, ", for a Box"));
  }
  int64_t in = observed;
  const int hidden = policy_.hidden_sizes_size();
  for (int i = 0; i <= hidden; ++i) {
    Layer layer;
    layer.in = in;
    const bool is_squashed = policy_.head() == v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN;
    layer.out = i < hidden ? policy_.hidden_sizes(i) : (is_squashed ? 2 : 1) * actions;
    const std::string name = absl::StrCat("actor.", i, ".");
    layer.weight = Values(*file, name + "weight", {layer.out, layer.in});
    layer.bias = Values(*file, name + "bias", {layer.out});
    if (i < hidden && policy_.layer_norm()) {
      layer.norm_gain = Values(*file, name + "norm_gain", {layer.out});
      layer.norm_bias = Values(*file, name + "norm_bias", {layer.out});
    }
    in = layer.out;
    layers_.push_back(std::move(layer));
  }
  if (policy_.normalize_observation()) {
    mean_ = Values(*file, "observation_normalizer.mean", {observed});
    std_ = Values(*file, "observation_normalizer.std", {observed});
  }
  size_t tensors = layers_.size() * 2 + (policy_.layer_norm() ? 2 * hidden : 0) +
                   (policy_.normalize_observation() ? 2 : 0);
  if (policy_.head() == v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN) {
    file->Find("actor.log_std", "F32", {actions});
    ++tensors;
  }
  if (file->parsed.tensors.size() != tensors) {
    throw WrapperError(absl::StrCat(path, ": it has ", file->parsed.tensors.size(),
                                    " tensors; its 'policy' has ", tensors));
  }
  size_t widest = observed;
  for (const Layer& layer : layers_) widest = std::max<size_t>(widest, layer.out);
  x_.resize(widest);
  y_.resize(widest);
}

void ExpertPolicy::Flatten(Observation& observation) {
  size_t next = 0;
  for (size_t i = 0; i < fields_.size(); ++i) {
    const auto copy = [&](auto elements) {
      for (const auto& element : elements) x_[next++] = static_cast<float>(element);
    };
    const auto index = static_cast<int64_t>(i);
    switch (fields_[i].dtype) {
      case v1::DTYPE_FLOAT64:
        copy(observation.Field<double>(index));
        break;
      case v1::DTYPE_INT32:
        copy(observation.Field<int32_t>(index));
        break;
      case v1::DTYPE_INT64:
        copy(observation.Field<int64_t>(index));
        break;
      case v1::DTYPE_UINT8:
        copy(observation.Field<uint8_t>(index));
        break;
      default:
        copy(observation.Field<float>(index));
        break;
    }
  }
  const auto clip = static_cast<float>(policy_.observation_clip());
  for (size_t i = 0; i < mean_.size(); ++i) {
    x_[i] = std::clamp((x_[i] - mean_[i]) / std_[i], -clip, clip);
  }
}

void ExpertPolicy::ApplyHidden(const Layer& layer, absl::Span<float> x) const {
  if (!layer.norm_gain.empty()) {
    double mean = 0, variance = 0;
    for (float value : x) mean += value;
    mean /= static_cast<double>(x.size());
    for (float value : x) variance += (value - mean) * (value - mean);
    variance /= static_cast<double>(x.size());
    const double scale = 1 / std::sqrt(variance + kLayerNormEpsilon);
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = static_cast<float>((x[i] - mean) * scale) * layer.norm_gain[i] + layer.norm_bias[i];
    }
  }
  for (float& value : x) {
    switch (policy_.activation()) {
      case v1::PolicySpec::ACTIVATION_TANH:
        value = std::tanh(value);
        break;
      case v1::PolicySpec::ACTIVATION_ELU:
        value = value > 0 ? value : std::expm1(value);
        break;
      case v1::PolicySpec::ACTIVATION_LEAKY_RELU:
        value = value > 0 ? value : kLeakySlope * value;
        break;
      default:
        value = std::max(value, 0.0f);
        break;
    }
  }
}

void ExpertPolicy::Act(Observation& observation, absl::Span<float> action) {
  Flatten(observation);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    for (int64_t row = 0; row < layer.out; ++row) {
      const float* weight = layer.weight.data() + row * layer.in;
      float sum = layer.bias[row];
      for (int64_t k = 0; k < layer.in; ++k) sum += weight[k] * x_[k];
      y_[row] = sum;
    }
    if (i + 1 < layers_.size()) ApplyHidden(layer, absl::MakeSpan(y_).subspan(0, layer.out));
    std::swap(x_, y_);
  }
  const bool is_gaussian = policy_.head() == v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN;
  for (size_t i = 0; i < action.size(); ++i) {
    const double u = is_gaussian ? std::clamp(x_[i], -1.0f, 1.0f) : std::tanh(x_[i]);
    const double low = action_.low[i], high = action_.high[i];
    action[i] = static_cast<float>(low + (u + 1) / 2 * (high - low));
  }
}

}  // namespace armature

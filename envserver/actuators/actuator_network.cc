#include "envserver/actuators/actuator_network.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "common/files/atomic_file.h"
#include "common/safetensors/safetensors.h"

namespace armature {
namespace {

constexpr char kKind[] = "armature actuator network";
constexpr char kFormatVersion[] = "1";
// Of weights and biases, in units of the scales. With the scales' limits they keep float32 finite.
constexpr double kWeightMax = 1e6;
constexpr float kScaleMin = 1e-6f;
constexpr double kScaleMax = 1e6;
constexpr double kIntervalMax = 1;  // s
constexpr double kTorqueMax = 1e6;  // N.m

std::string InWords(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// The fastest version that this CPU runs; all give the same bits.
EvaluateLayers FastestVersion() {
  return __builtin_cpu_supports("avx2") ? EvaluateLayersAvx2 : EvaluateLayersBaseline;
}

int Padded(int64_t units) { return static_cast<int>((units + kLanes - 1) / kLanes * kLanes); }

}  // namespace

// Turns a file into a network. Each method returns InvalidArgument for what the file has wrong.
class ActuatorNetworkReader {
 public:
  explicit ActuatorNetworkReader(const Safetensors& file) : file_(file) {
    for (const StoredTensor& tensor : file.tensors) tensors_[tensor.name] = &tensor;
  }

  absl::StatusOr<std::shared_ptr<const ActuatorNetwork>> Read() {
    using Part = absl::Status (ActuatorNetworkReader::*)();
    for (const Part part : {&ActuatorNetworkReader::ReadMetadata, &ActuatorNetworkReader::ReadSizes,
                            &ActuatorNetworkReader::ReadScales, &ActuatorNetworkReader::CheckNames,
                            &ActuatorNetworkReader::ReadLayers}) {
      if (absl::Status status = (this->*part)(); !status.ok()) return status;
    }
    return std::shared_ptr<const ActuatorNetwork>(std::move(network_));
  }

 private:
  absl::Status ReadMetadata() {
    const std::pair<const char*, const char*> fixed[] = {{"kind", kKind},
                                                         {"format_version", kFormatVersion}};
    for (const auto& [key, expected] : fixed) {
      absl::StatusOr<std::string> value = Text(key);
      if (!value.ok()) return value.status();
      if (*value != expected) {
        return absl::InvalidArgumentError(
            absl::StrCat("metadata ", key, " is '", *value, "', expected '", expected, "'"));
      }
    }
    const std::map<std::string, Activation> activations = {{"softsign", Activation::kSoftsign},
                                                           {"tanh", Activation::kTanh},
                                                           {"elu", Activation::kElu}};
    absl::StatusOr<std::string> activation = Text("activation");
    if (!activation.ok()) return activation.status();
    const auto found = activations.find(*activation);
    if (found == activations.end()) {
      return absl::InvalidArgumentError(absl::StrCat("metadata activation is '", *activation,
                                                     "', expected softsign, tanh or elu"));
    }
    network_->layers_.activation = found->second;
    absl::Status status =
        Number("history_interval_s", kIntervalMax, &network_->history_interval_s_);
    return status.ok() ? Number("torque_max", kTorqueMax, &network_->torque_max_) : status;
  }

  absl::StatusOr<std::string> Text(const std::string& key) const {
    const auto found = file_.metadata.find(key);
    if (found == file_.metadata.end()) {
      return absl::InvalidArgumentError(absl::StrCat("no metadata ", key));
    }
    return found->second;
  }

  absl::Status Number(const std::string& key, double max, double* number) const {
    absl::StatusOr<std::string> text = Text(key);
    if (!text.ok()) return text.status();
    if (!absl::SimpleAtod(*text, number) || !(*number > 0 && *number <= max)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "metadata ", key, " is '", *text, "', expected a number above 0, at most ", max));
    }
    return absl::OkStatus();
  }

  // sizes_: inputs, units of each hidden layer, 1.
  absl::Status ReadSizes() {
    const int64_t sizes_max[] = {kInputsMax, kUnitsMax};
    for (int i = 0; tensors_.count(absl::StrCat("layer.", i, ".weight")) > 0; ++i) {
      const StoredTensor& weight = *tensors_[absl::StrCat("layer.", i, ".weight")];
      if (i == kLayersMax) {
        return absl::InvalidArgumentError(
            absl::StrCat("tensor ", weight.name, ": at most ", kLayersMax, " layers"));
      }
      if (weight.shape.size() != 2) {
        return absl::InvalidArgumentError(absl::StrCat("tensor ", weight.name, " has shape ",
                                                       InWords(weight.shape),
                                                       ", expected [outputs, inputs]"));
      }
      if (i == 0) sizes_.push_back(weight.shape[1]);
      sizes_.push_back(weight.shape[0]);
      for (const int k : {0, 1}) {
        const int64_t size = weight.shape[1 - k];
        if (size < 1 || size > sizes_max[i > 0 || k > 0]) {
          return absl::InvalidArgumentError(absl::StrCat(
              "tensor ", weight.name, " has shape ", InWords(weight.shape), ": expected 1 to ",
              sizes_max[i > 0 || k > 0], k == 0 ? " inputs" : " outputs"));
        }
      }
    }
    if (sizes_.size() < 3) {
      return absl::InvalidArgumentError(absl::StrCat("no tensor layer.", sizes_.empty() ? 0 : 1,
                                                     ".weight: expected 2 layers or more"));
    }
    if (sizes_.back() != 1) {
      return absl::InvalidArgumentError(absl::StrCat("tensor layer.", sizes_.size() - 2,
                                                     ".weight has ", sizes_.back(),
                                                     " outputs, expected 1 of the last layer"));
    }
    if (sizes_.front() % 2 != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor layer.0.weight has ", sizes_.front(),
          " inputs, expected an even number: position errors, then as many velocities"));
    }
    network_->layers_.num_hidden = static_cast<int>(sizes_.size()) - 2;
    return absl::OkStatus();
  }

  absl::Status ReadScales() {
    absl::StatusOr<std::vector<float>> input = Values("input.scale", {sizes_.front()}, kScaleMax);
    if (!input.ok()) return input.status();
    absl::StatusOr<std::vector<float>> output = Values("output.scale", {1}, kScaleMax);
    if (!output.ok()) return output.status();
    for (const float scale : *input) {
      if (!(scale >= kScaleMin)) return TooSmall("input.scale", scale);
    }
    if (!(output->front() >= kScaleMin)) return TooSmall("output.scale", output->front());
    input_scale_ = *std::move(input);
    output_scale_ = output->front();
    return absl::OkStatus();
  }

  static absl::Status TooSmall(absl::string_view name, float scale) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor ", name, " has ", scale, ", expected at least ", kScaleMin));
  }

  absl::Status CheckNames() {
    for (const auto& [name, tensor] : tensors_) {
      bool is_known = name == "input.scale" || name == "output.scale";
      for (size_t i = 0; i + 1 < sizes_.size(); ++i) {
        is_known = is_known || name == absl::StrCat("layer.", i, ".weight") ||
                   name == absl::StrCat("layer.", i, ".bias");
      }
      if (!is_known) return absl::InvalidArgumentError(absl::StrCat("unknown tensor ", name));
    }
    return absl::OkStatus();
  }

  // The values of a tensor that must have this shape, each finite and at most `max` in size.
  absl::StatusOr<std::vector<float>> Values(const std::string& name,
                                            const std::vector<int64_t>& shape, double max) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end())
      return absl::InvalidArgumentError(absl::StrCat("no tensor ", name));
    const StoredTensor& tensor = *found->second;
    if (tensor.dtype != "F32" || tensor.shape != shape) {
      return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " is ", tensor.dtype, " ",
                                                     InWords(tensor.shape), ", expected F32 ",
                                                     InWords(shape)));
    }
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    for (size_t i = 0; i < values.size(); ++i) {
      if (!(std::abs(values[i]) <= max)) {
        return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " has ", values[i],
                                                       " as element ", i,
                                                       ", expected finite and at most ", max));
      }
    }
    return values;
  }

  absl::Status ReadLayers() {
    const int last = network_->layers_.num_hidden;
    for (int i = 0; i <= last; ++i) {
      absl::StatusOr<std::vector<float>> weight =
          Values(absl::StrCat("layer.", i, ".weight"), {sizes_[i + 1], sizes_[i]}, kWeightMax);
      if (!weight.ok()) return weight.status();
      absl::StatusOr<std::vector<float>> bias =
          Values(absl::StrCat("layer.", i, ".bias"), {sizes_[i + 1]}, kWeightMax);
      if (!bias.ok()) return bias.status();
      if (i < last) {
        AddHidden(i, *weight, *bias);
      } else {
        AddOutput(*weight, bias->front());
      }
    }
    PointToNumbers();
    return absl::OkStatus();
  }

  // Inputs become rows, units are padded, and the input scale moves into the weights.
  void AddHidden(int i, const std::vector<float>& weight, const std::vector<float>& bias) {
    HiddenLayer& layer = network_->layers_.hidden[i];
    layer.inputs = static_cast<int>(sizes_[i]);
    layer.units = Padded(sizes_[i + 1]);
    std::vector<float>& numbers = network_->numbers_;
    for (int input = 0; input < layer.inputs; ++input) {
      const double scale = i == 0 ? input_scale_[input] : 1;
      for (int unit = 0; unit < layer.units; ++unit) {
        const bool is_padding = unit >= sizes_[i + 1];
        numbers.push_back(
            is_padding ? 0 : static_cast<float>(weight[unit * layer.inputs + input] / scale));
      }
    }
    numbers.insert(numbers.end(), bias.begin(), bias.end());
    numbers.resize(numbers.size() + layer.units - bias.size());
  }

  void AddOutput(const std::vector<float>& weight, float bias) {
    std::vector<float>& numbers = network_->numbers_;
    for (const float each : weight) numbers.push_back(each * output_scale_);
    numbers.resize(numbers.size() + Padded(weight.size()) - weight.size());
    network_->layers_.output_bias = bias * output_scale_;
  }

  void PointToNumbers() {
    const float* numbers = network_->numbers_.data();
    for (int i = 0; i < network_->layers_.num_hidden; ++i) {
      HiddenLayer& layer = network_->layers_.hidden[i];
      layer.weight = numbers;
      layer.bias = numbers + layer.inputs * layer.units;
      numbers = layer.bias + layer.units;
    }
    network_->layers_.output_weight = numbers;
  }

  const Safetensors& file_;
  std::map<std::string, const StoredTensor*> tensors_;
  std::vector<int64_t> sizes_;
  std::vector<float> input_scale_;
  float output_scale_ = 1;
  std::shared_ptr<ActuatorNetwork> network_{new ActuatorNetwork};
};

absl::StatusOr<std::shared_ptr<const ActuatorNetwork>> ActuatorNetwork::Parse(
    absl::string_view content) {
  const absl::StatusOr<Safetensors> file = ParseSafetensors(content);
  if (!file.ok()) return file.status();
  return ActuatorNetworkReader(*file).Read();
}

absl::StatusOr<std::shared_ptr<const ActuatorNetwork>> ActuatorNetwork::LoadOnce(
    const std::string& path) {
  struct Cache {
    absl::Mutex mutex;
    std::map<std::string, std::shared_ptr<const ActuatorNetwork>> networks ABSL_GUARDED_BY(mutex);
  };
  static Cache* cache = new Cache;  // Never freed: threads may use it until the process ends.
  absl::MutexLock lock(&cache->mutex);
  std::shared_ptr<const ActuatorNetwork>& kept = cache->networks[path];
  if (kept == nullptr) {
    const absl::StatusOr<std::string> content = ReadWholeFile(path);
    if (!content.ok()) return content.status();
    auto network = Parse(*content);
    if (!network.ok()) {
      return absl::Status(network.status().code(), absl::StrCat("actuator network ", path, ": ",
                                                                network.status().message()));
    }
    kept = *std::move(network);
  }
  return kept;
}

void ActuatorNetwork::Evaluate(absl::Span<const float> inputs, absl::Span<float> torque) const {
  static const EvaluateLayers evaluate = FastestVersion();
  evaluate(layers_, inputs.data(), static_cast<int>(torque.size()), torque.data());
}

}  // namespace armature

#include "envserver/actuators/testing/network_file.h"

#include <cmath>
#include <cstdlib>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/random/rng.h"
#include "common/safetensors/safetensors.h"

namespace armature {
namespace {

double Activate(const std::string& activation, double x) {
  if (activation == "softsign") return x / (1 + std::abs(x));
  if (activation == "tanh") return std::tanh(x);
  return x > 0 ? x : std::expm1(x);
}

}  // namespace

std::string NetworkFile::Content() const {
  std::vector<StoredTensor> stored;
  std::string content;
  for (const auto& [name, tensor] : tensors) {
    const absl::string_view bytes(reinterpret_cast<const char*>(tensor.values.data()),
                                  tensor.values.size() * sizeof(float));
    stored.push_back({name, "F32", tensor.shape, bytes});
    absl::StrAppend(&content, bytes);
  }
  const absl::StatusOr<std::string> head = SafetensorsHead(metadata, stored);
  if (!head.ok()) std::abort();
  return *head + content;
}

double NetworkFile::Torque(const std::vector<float>& inputs) const {
  std::vector<double> x;
  for (size_t i = 0; i < inputs.size(); ++i) {
    x.push_back(inputs[i] / static_cast<double>(tensors.at("input.scale").values[i]));
  }
  for (int layer = 0;; ++layer) {
    const Tensor& weight = tensors.at(absl::StrCat("layer.", layer, ".weight"));
    std::vector<double> y;
    for (int64_t unit = 0; unit < weight.shape[0]; ++unit) {
      double sum = tensors.at(absl::StrCat("layer.", layer, ".bias")).values[unit];
      for (size_t i = 0; i < x.size(); ++i) sum += weight.values[unit * x.size() + i] * x[i];
      y.push_back(sum);
    }
    if (tensors.count(absl::StrCat("layer.", layer + 1, ".weight")) == 0) {
      return y[0] * tensors.at("output.scale").values[0];
    }
    for (double& each : y) each = Activate(metadata.at("activation"), each);
    x = std::move(y);
  }
}

NetworkFile RandomNetworkFile(const std::vector<int>& sizes, const std::string& activation) {
  NetworkFile file;
  file.metadata = {{"kind", "armature actuator network"},
                   {"format_version", "1"},
                   {"activation", activation},
                   {"history_interval_s", "0.01"},
                   {"torque_max", "40"}};
  Rng rng({7});
  const auto add = [&](const std::string& name, const std::vector<int64_t>& shape, double low,
                       double high) {
    int64_t size = 1;
    for (const int64_t extent : shape) size *= extent;
    NetworkFile::Tensor& tensor = file.tensors[name];
    tensor.shape = shape;
    for (int64_t i = 0; i < size; ++i) {
      tensor.values.push_back(static_cast<float>(rng.Uniform(low, high)));
    }
  };
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int outputs = i + 1 < sizes.size() ? sizes[i + 1] : 1;
    const double size = 2 / std::sqrt(sizes[i]);
    add(absl::StrCat("layer.", i, ".weight"), {outputs, sizes[i]}, -size, size);
    add(absl::StrCat("layer.", i, ".bias"), {outputs}, -1, 1);
  }
  add("input.scale", {sizes[0]}, 0.5, 3);
  add("output.scale", {1}, 5, 20);
  return file;
}

}  // namespace armature

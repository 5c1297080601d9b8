#include "learner/nn/state.h"

#include <cmath>
#include <limits>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "c10/core/GradMode.h"
#include "common/random/rng.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string TypeString(const at::Tensor& tensor) {
  return absl::StrCat(c10::toString(tensor.scalar_type()), " [", absl::StrJoin(tensor.sizes(), ","),
                      "]");
}

}  // namespace

void Append(const NamedTensors& more, NamedTensors* state) {
  state->insert(state->end(), more.begin(), more.end());
}

absl::Status CopyState(const std::map<std::string, at::Tensor>& state, const NamedTensors& own) {
  for (const auto& [name, tensor] : own) {
    const auto it = state.find(name);
    if (it == state.end()) {
      return absl::InvalidArgumentError(absl::StrCat("state has no ", name));
    }
    if (it->second.sizes() != tensor.sizes() || it->second.scalar_type() != tensor.scalar_type()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "state: ", name, " is ", TypeString(it->second), ", expected ", TypeString(tensor)));
    }
  }
  const c10::NoGradGuard no_grad;
  for (const auto& [name, tensor] : own) tensor.copy_(state.at(name));
  return absl::OkStatus();
}

void AppendGenerator(const at::Generator& generator, NamedTensors* state) {
  state->emplace_back(kGenerator, generator.get_state());
}

void LoadGenerator(const std::map<std::string, at::Tensor>& state, int64_t learner_steps,
                   at::Generator* generator) {
  const auto it = state.find(kGenerator);
  if (it == state.end()) return;
  if (it->second.numel() == generator->get_state().numel()) {
    generator->set_state(it->second.cpu());
    return;
  }
  generator->set_current_seed(
      Rng({generator->current_seed(), static_cast<uint64_t>(learner_steps)}).Bits());
  spdlog::info(
      "the state was saved on another kind of learner.device: its random draws begin anew, from "
      "run.seed and gradient step {}",
      learner_steps);
}

std::string FindNonFinite(const NamedTensors& tensors) {
  const c10::NoGradGuard no_grad;
  std::vector<std::string> names;
  std::vector<at::Tensor> largest;  // By magnitude; NaN if an element is.
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.is_floating_point() || tensor.numel() == 0) continue;
    names.push_back(name);
    largest.push_back(at::linalg_vector_norm(tensor, kInfinity).to(at::kDouble));
  }
  if (names.empty()) return "";
  const at::Tensor values = at::stack(largest).cpu();
  for (size_t i = 0; i < names.size(); ++i) {
    const double value = values.const_data_ptr<double>()[i];
    if (!std::isfinite(value)) return absl::StrCat(names[i], " holds ", value);
  }
  return "";
}

}  // namespace armature

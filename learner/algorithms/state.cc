#include "learner/algorithms/state.h"

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "c10/core/GradMode.h"

namespace armature {
namespace {

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

}  // namespace armature

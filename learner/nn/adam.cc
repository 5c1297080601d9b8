#include "learner/nn/adam.h"

#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;

}  // namespace

Adam::Adam(std::vector<at::Tensor> parameters, std::vector<at::Tensor> gradients, double epsilon)
    : epsilon_(epsilon), parameters_(std::move(parameters)), gradients_(std::move(gradients)) {
  for (const at::Tensor& parameter : parameters_) {
    moment1_.push_back(at::zeros_like(parameter));
    moment2_.push_back(at::zeros_like(parameter));
    steps_.push_back(at::zeros({}, parameter.options()));
  }
}

void Adam::AverageGradients() {
  if (exchange_ != nullptr) exchange_->Average(gradients_);
}

void Adam::Step(double learning_rate) {
  for (at::Tensor& steps : steps_) steps.add_(1);
  at::_fused_adam_(parameters_, gradients_, moment1_, moment2_, /*max_exp_avg_sqs=*/{}, steps_,
                   learning_rate, kBeta1, kBeta2, /*weight_decay=*/0, epsilon_, /*amsgrad=*/false,
                   /*maximize=*/false);
}

void Adam::Step(const at::Tensor& learning_rate) {
  for (at::Tensor& steps : steps_) steps.add_(1);
  at::_fused_adam_(parameters_, gradients_, moment1_, moment2_, /*max_exp_avg_sqs=*/{}, steps_,
                   learning_rate, kBeta1, kBeta2, /*weight_decay=*/0, epsilon_, /*amsgrad=*/false,
                   /*maximize=*/false);
}

NamedTensors Adam::State(const std::string& prefix) const {
  NamedTensors state;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    state.emplace_back(absl::StrCat(prefix, ".", i, ".moment1"), moment1_[i]);
    state.emplace_back(absl::StrCat(prefix, ".", i, ".moment2"), moment2_[i]);
    state.emplace_back(absl::StrCat(prefix, ".", i, ".steps"), steps_[i]);
  }
  return state;
}

}  // namespace armature

#include "common/policy/categorical.h"

#include <numeric>

#include "ATen/ATen.h"

namespace armature {
namespace {

// Applies `of_component` to each component's columns and joins the results; a single component
// needs no copy.
template <typename Function>
at::Tensor ByComponent(const at::Tensor& columns, at::IntArrayRef choices, Function of_component) {
  if (choices.size() == 1) return of_component(columns, 0);
  std::vector<at::Tensor> parts;
  int64_t begin = 0;
  for (size_t i = 0; i < choices.size(); ++i) {
    parts.push_back(of_component(columns.narrow(-1, begin, choices[i]), i));
    begin += choices[i];
  }
  return at::cat(parts, -1);
}

}  // namespace

Categorical::Categorical(const v1::PolicySpec& spec, c10::Device device)
    : choices_(spec.choices().begin(), spec.choices().end()) {
  if (choices_.empty()) choices_ = {spec.action_size()};
  std::vector<int64_t> offsets;
  int64_t begin = 0;
  for (int64_t choices : choices_) {
    offsets.push_back(begin);
    begin += choices;
  }
  offset_ = at::tensor(offsets, at::kLong).to(device);
}

at::Tensor Categorical::LogProbs(const at::Tensor& logits) const {
  return ByComponent(logits, choices_, [](const at::Tensor& component, size_t) {
    return at::log_softmax(component, -1);
  });
}

at::Tensor Categorical::Columns(const at::Tensor& action) const {
  return action.to(at::kLong) + offset_;
}

at::Tensor Categorical::LogProb(const at::Tensor& action, const at::Tensor& log_probs) const {
  return log_probs.gather(-1, Columns(action)).sum(-1);
}

at::Tensor Categorical::OneHot(const at::Tensor& action) const {
  std::vector<int64_t> shape = action.sizes().vec();
  shape.back() = std::accumulate(choices_.begin(), choices_.end(), int64_t{0});
  return at::zeros(shape, action.options()).scatter_(-1, Columns(action), 1);
}

at::Tensor Categorical::ComponentSums(const at::Tensor& values) const {
  return ByComponent(values, choices_, [](const at::Tensor& component, size_t) {
    return component.sum(-1, /*keepdim=*/true).expand_as(component);
  });
}

at::Tensor Categorical::Mode(const at::Tensor& logits) const {
  return ByComponent(logits, choices_, [](const at::Tensor& component, size_t) {
    return component.argmax(-1, /*keepdim=*/true).to(at::kFloat);
  });
}

at::Tensor Categorical::Draw(const at::Tensor& logits, const at::Tensor& draws) const {
  return ByComponent(logits, choices_, [&](const at::Tensor& component, size_t i) {
    // Rounding may leave the last cumulative probability below 1.
    return (at::softmax(component, -1).cumsum(-1) <= draws.narrow(-1, i, 1))
        .sum(-1, /*keepdim=*/true)
        .clamp_max(component.size(-1) - 1)
        .to(at::kFloat);
  });
}

}  // namespace armature

#include "learner/algorithms/running_normalizer.h"

#include "ATen/ATen.h"
#include "c10/core/GradMode.h"

namespace armature {
namespace {

constexpr double kVarianceMin = 1e-8;  // A component that never moves stays finite.

}  // namespace

RunningNormalizer::RunningNormalizer(const PolicyNetwork& policy) {
  for (const auto& [name, tensor] : policy.tensors()) {
    if (name == "observation_normalizer.mean") published_mean_ = tensor;
    if (name == "observation_normalizer.std") published_std_ = tensor;
  }
  const auto options = published_mean_.options().dtype(at::kDouble);
  count_ = at::zeros({}, options);
  mean_ = at::zeros_like(published_mean_, options);
  m2_ = at::zeros_like(published_mean_, options);
}

void RunningNormalizer::Observe(const at::Tensor& observation) {
  if (observation.size(0) == 0) return;
  const c10::NoGradGuard no_grad;
  const double n = observation.size(0);
  const at::Tensor rows = observation.to(at::kDouble);
  const at::Tensor batch_mean = rows.mean(0);
  const at::Tensor batch_m2 = (rows - batch_mean).square_().sum(0);
  const at::Tensor delta = batch_mean - mean_;
  const at::Tensor weight = n / (count_ + n);
  m2_.add_(batch_m2 + delta.square() * count_ * weight);
  mean_.add_(delta * weight);
  count_.add_(n);
  Publish();
}

void RunningNormalizer::Republish() {
  const c10::NoGradGuard no_grad;
  if (count_.item<double>() > 0) Publish();
}

void RunningNormalizer::Publish() {
  published_mean_.copy_(mean_);
  published_std_.copy_((m2_ / count_ + kVarianceMin).sqrt_());
}

NamedTensors RunningNormalizer::State() const {
  return {{"observation_statistics.count", count_},
          {"observation_statistics.mean", mean_},
          {"observation_statistics.m2", m2_}};
}

}  // namespace armature

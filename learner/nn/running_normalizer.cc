#include "learner/nn/running_normalizer.h"

#include "ATen/ATen.h"
#include "c10/core/GradMode.h"

namespace armature {
namespace {

constexpr double kVarianceMin = 1e-8;  // Keeps a constant component finite.

}  // namespace

RunningNormalizer::RunningNormalizer(const PolicyNetwork& policy,
                                     const std::optional<GoalColumns>& goals)
    : goals_(goals) {
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
  const at::Tensor n = at::full({}, observation.size(0), count_.options());
  const at::Tensor rows = observation.to(at::kDouble);
  const at::Tensor batch_mean = rows.mean(0);
  const at::Tensor batch_m2 = (rows - batch_mean).square_().sum(0);
  PoolGoals(n, batch_mean, batch_m2);
  const at::Tensor delta = batch_mean - mean_;
  const at::Tensor weight = n / (count_ + n);
  m2_.add_(batch_m2 + delta.square() * count_ * weight);
  mean_.add_(delta * weight);
  count_.add_(n);
  Publish();
}

void RunningNormalizer::Republish() {
  const c10::NoGradGuard no_grad;
  if (count_.item<double>() == 0) return;
  PoolGoals(count_, mean_, m2_);
  Publish();
}

void RunningNormalizer::PoolGoals(const at::Tensor& n, const at::Tensor& mean,
                                  const at::Tensor& m2) const {
  if (!goals_) return;
  const auto goal = [&](const at::Tensor& columns, int64_t begin) {
    return columns.narrow(0, begin, goals_->size);
  };
  const int64_t achieved = goals_->achieved_begin;
  const int64_t desired = goals_->desired_begin;
  const at::Tensor distance = goal(mean, achieved) - goal(mean, desired);
  const at::Tensor goal_mean = (goal(mean, achieved) + goal(mean, desired)) / 2;
  const at::Tensor goal_m2 =
      (goal(m2, achieved) + goal(m2, desired)) / 2 + n * distance.square() / 4;
  for (const int64_t begin : {achieved, desired}) {
    goal(mean, begin).copy_(goal_mean);
    goal(m2, begin).copy_(goal_m2);
  }
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

#include "learner/nn/critics.h"

#include "ATen/ATen.h"

namespace armature {
namespace {

constexpr double kHuberDelta = 1;  // torch.nn.functional.smooth_l1_loss's default.

}  // namespace

CriticLoss ParseCriticLoss(const std::string& name) {
  return name == "huber" ? CriticLoss::kHuber : CriticLoss::kMse;
}

Critics::Critics(const PolicyNetwork& policy, int64_t members, CriticLoss loss,
                 const NetworkOptions& network)
    : loss_(loss), networks_(policy, members, /*outputs=*/1, network) {}

void Critics::Init(const Initialization& initialization, at::Generator generator) {
  networks_.Init(initialization, generator);
}

at::Tensor Critics::TargetMin(const at::Tensor& observation, const at::Tensor& action) {
  return networks_.ForwardTargets(observation, action).squeeze(2).amin(0);
}

at::Tensor Critics::TargetMin(const at::Tensor& observation, const at::Tensor& action,
                              absl::Span<const int64_t> members) {
  return networks_.ForwardTargets(observation, action, members).squeeze(2).amin(0);
}

at::Tensor Critics::Update(const at::Tensor& observation, const at::Tensor& action,
                           const at::Tensor& y, const at::Tensor& weight, double learning_rate) {
  error_ = networks_.Forward(observation, action) - y.unsqueeze(1);
  at::Tensor slope = error_;  // dl / de
  if (loss_ == CriticLoss::kHuber) slope = error_.clamp(-kHuberDelta, kHuberDelta);
  const at::Tensor weighted_slope = slope * (weight / y.size(0)).unsqueeze(1);
  // With s = clamp(e): s (e - s / 2) is e^2 / 2 within the bounds, |e| - 1/2 beyond.
  const at::Tensor loss = (weighted_slope * (error_ - slope / 2)).sum();
  networks_.Step(weighted_slope, learning_rate);
  return loss;
}

at::Tensor Critics::TemporalDifferences() const { return error_.abs().mean(0).squeeze(1); }

ActionValue Critics::MinValue(const at::Tensor& observation, const at::Tensor& action) {
  if (networks_.members() == 1) return FirstValue(observation, action);
  const at::Tensor& q = networks_.Forward(observation, action);  // [E, B, 1]
  const auto [least, member] = q.min(0, /*keepdim=*/true);
  const at::Tensor is_least = at::zeros_like(q).scatter_(0, member, 1);
  return {least.flatten(), networks_.ActionGradient(is_least).sum(0)};
}

ActionValue Critics::MeanValue(const at::Tensor& observation, const at::Tensor& action) {
  const at::Tensor& q = networks_.Forward(observation, action);  // [E, B, 1]
  const at::Tensor share = at::full_like(q, 1.0 / static_cast<double>(q.size(0)));
  return {q.squeeze(2).mean(0), networks_.ActionGradient(share).sum(0)};
}

ActionValue Critics::FirstValue(const at::Tensor& observation, const at::Tensor& action) {
  const at::Tensor& q = networks_.ForwardFirst(observation, action);  // [1, B, 1]
  if (!ones_.defined() || ones_.size(1) != q.size(1)) ones_ = at::ones_like(q);
  return {q.flatten(), networks_.FirstActionGradient(ones_)[0]};
}

at::Tensor Critics::Min(const at::Tensor& observation, const at::Tensor& action) {
  return networks_.ForwardApart(observation, action).squeeze(2).amin(0);
}

at::Tensor BootstrappedReturn(const TransitionSample& sample, const at::Tensor& next_value) {
  const at::Tensor discount = sample.discount * (1 - sample.terminated);
  if (next_value.dim() == 1) return at::addcmul(sample.reward, discount, next_value);
  return at::addcmul(sample.reward.unsqueeze(1), discount.unsqueeze(1), next_value);
}

}  // namespace armature

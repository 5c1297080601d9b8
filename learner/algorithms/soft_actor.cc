#include "learner/algorithms/soft_actor.h"

#include <cmath>

#include "ATen/ATen.h"
#include "common/policy/distributions.h"
#include "learner/nn/state.h"

namespace armature {
namespace {

MlpShape ActorShape(const v1::PolicySpec& spec) {
  return ShapeLike(spec, 1, spec.observation_size(), 2 * int64_t{spec.action_size()});
}

}  // namespace

SoftActor::SoftActor(const PolicyNetwork& policy, const TemperatureConfig& temperature)
    : temperature_(temperature),
      action_size_(policy.spec().action_size()),
      target_entropy_(temperature.target_entropy != 0 ? temperature.target_entropy
                                                      : -static_cast<double>(action_size_)),
      gradient_(at::zeros_like(policy.flat_parameters())),
      log_alpha_(at::full({1}, std::log(temperature.initial_temperature), gradient_.options())),
      log_alpha_gradient_(at::zeros_like(log_alpha_)),
      actor_(ActorShape(policy.spec()), policy.flat_parameters(), gradient_),
      adam_({policy.flat_parameters()}, {gradient_}, Adam::kDefaultEpsilon),
      log_alpha_adam_({log_alpha_}, {log_alpha_gradient_}, Adam::kDefaultEpsilon) {}

void SoftActor::Init(const Initialization& initialization, at::Generator generator) {
  actor_.Init(initialization, generator);
}

SoftActor::Draws SoftActor::Draw(const at::Tensor& observation, const at::Tensor& noise) {
  const int64_t rows = observation.size(0);
  if (rows != 2 * batch_size_) {
    batch_size_ = rows / 2;
    activations_ = actor_.MakeActivations(rows);
    current_activations_ = activations_.Rows(batch_size_, batch_size_);
  }
  const at::Tensor head = actor_.Forward(observation, &activations_)[0];
  const at::Tensor mean = head.narrow(1, 0, action_size_);
  const at::Tensor unclamped_log_std = head.narrow(1, action_size_, action_size_);
  const at::Tensor log_std = unclamped_log_std.clamp(kSquashedLogStdMin, kSquashedLogStdMax);
  const at::Tensor std = log_std.exp();
  const at::Tensor u = at::addcmul(mean, std, noise);
  const at::Tensor action = u.tanh();
  const at::Tensor log_prob = SquashedGaussianLogProb(noise, log_std, u);
  const auto rows_from = [&](int64_t first) {
    const auto part = [&](const at::Tensor& all) { return all.narrow(0, first, batch_size_); };
    return Actions{part(observation),       part(action), part(log_prob), part(mean),
                   part(unclamped_log_std), part(std),    part(noise)};
  };
  return {rows_from(0), rows_from(batch_size_)};
}

at::Tensor SoftActor::Temperature() const { return log_alpha_.exp().squeeze(0); }

at::Tensor SoftActor::Step(const Actions& actions, const ActionValue& value, double learning_rate,
                           const std::optional<Cloning>& cloning) {
  const at::Tensor alpha = Temperature();
  const at::Tensor& action = actions.action;
  // Gradients for B J_pi; divided by B at the end.
  const at::Tensor u_gradient =
      2 * alpha * action - value.gradient * (1 - action.square());  // [B, A]
  const at::Tensor& unclamped = actions.unclamped_log_std;
  const at::Tensor within =
      unclamped.ge(kSquashedLogStdMin).logical_and_(unclamped.le(kSquashedLogStdMax));
  const at::Tensor log_std_gradient = (u_gradient * actions.std * actions.noise - alpha) * within;
  at::Tensor head_gradient = at::cat({u_gradient, log_std_gradient}, 1) / batch_size_;
  at::Tensor loss = (alpha * actions.log_prob - value.value).mean();
  if (cloning) {
    // d J_c / d mean = (d J_c / da) (1 - a^2)
    const int64_t count = cloning->gradient.size(0);
    head_gradient.mul_(cloning->policy_weight);
    LastRows(head_gradient.narrow(1, 0, action_size_), count)
        .add_(cloning->gradient * (1 - LastMeanActions(actions, count).square()));
    loss = loss * cloning->policy_weight + cloning->loss;
  }
  actor_.Backward(actions.observation, head_gradient.unsqueeze(0), &current_activations_);
  adam_.AverageGradients();
  adam_.Step(learning_rate);
  return loss;
}

void SoftActor::StepTemperature(const Actions& actions, double learning_rate) {
  if (!temperature_.automatic_entropy) return;
  log_alpha_gradient_.copy_(-(actions.log_prob.mean() + target_entropy_));
  log_alpha_adam_.AverageGradients();
  log_alpha_adam_.Step(learning_rate);
}

void SoftActor::set_gradient_exchange(GradientExchange* exchange) {
  adam_.set_gradient_exchange(exchange);
  log_alpha_adam_.set_gradient_exchange(exchange);
}

NamedTensors SoftActor::State() const {
  NamedTensors state = adam_.State("policy_adam");
  state.emplace_back("log_alpha", log_alpha_);
  Append(log_alpha_adam_.State("log_alpha_adam"), &state);
  return state;
}

at::Tensor LastMeanActions(const SoftActor::Actions& actions, int64_t count) {
  return LastRows(actions.mean, count).tanh();
}

}  // namespace armature

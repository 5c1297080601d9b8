#include "learner/nn/critics.h"

#include "ATen/ATen.h"
#include "learner/nn/state.h"

namespace armature {
namespace {

constexpr double kHuberDelta = 1;  // torch.nn.functional.smooth_l1_loss's default.

MlpShape CriticsShape(const v1::PolicySpec& spec, int64_t members,
                      const std::vector<int64_t>& hidden_sizes) {
  return ShapeLike(spec, members, int64_t{spec.observation_size()} + spec.action_size(), 1,
                   hidden_sizes);
}

}  // namespace

CriticLoss ParseCriticLoss(const std::string& name) {
  return name == "huber" ? CriticLoss::kHuber : CriticLoss::kMse;
}

Critics::Critics(const PolicyNetwork& policy, int64_t members, CriticLoss loss,
                 const std::vector<int64_t>& hidden_sizes)
    : Critics(policy, CriticsShape(policy.spec(), members, hidden_sizes), loss) {}

Critics::Critics(const PolicyNetwork& policy, const MlpShape& shape, CriticLoss loss)
    : loss_(loss),
      observation_size_(policy.spec().observation_size()),
      action_size_(policy.spec().action_size()),
      members_(shape.members),
      parameters_(at::zeros({shape.parameter_count()}, policy.flat_parameters().options())),
      gradient_(at::zeros_like(parameters_)),
      target_parameters_(at::zeros_like(parameters_)),
      critics_(shape, parameters_, gradient_),
      first_(critics_.Member(0)),
      targets_(shape, target_parameters_, at::Tensor()),
      adam_({parameters_}, {gradient_}, Adam::kDefaultEpsilon) {}

void Critics::Init(const Initialization& initialization, at::Generator generator) {
  critics_.Init(initialization, generator);
  target_parameters_.copy_(parameters_);
}

void Critics::Resize(int64_t batch_size) {
  if (batch_size == batch_size_) return;
  batch_size_ = batch_size;
  const at::TensorOptions options = parameters_.options();
  activations_ = critics_.MakeActivations(batch_size);
  first_activations_ = activations_.Member(0);
  input_ = at::empty({batch_size, observation_size_ + action_size_}, options);
  action_gradient_ = at::empty({members_, batch_size, action_size_}, options);
  first_action_gradient_ = action_gradient_.narrow(0, 0, 1);
  ones_ = at::ones({1, batch_size, 1}, options);
}

at::Tensor Critics::TargetMin(const at::Tensor& observation, const at::Tensor& action) {
  Resize(observation.size(0));
  at::cat_out(input_, {observation, action}, 1);
  const at::Tensor& q = targets_.Forward(input_, &activations_);  // [E, B, 1]
  return q.squeeze(2).amin(0);
}

at::Tensor Critics::Update(const at::Tensor& observation, const at::Tensor& action,
                           const at::Tensor& y, const at::Tensor& weight, double learning_rate) {
  Resize(observation.size(0));
  at::cat_out(input_, {observation, action}, 1);
  error_ = critics_.Forward(input_, &activations_) - y.unsqueeze(1);
  at::Tensor slope = error_;  // dl / de
  if (loss_ == CriticLoss::kHuber) slope = error_.clamp(-kHuberDelta, kHuberDelta);
  const at::Tensor weighted_slope = slope * (weight / batch_size_).unsqueeze(1);
  // With s = clamp(e): s (e - s / 2) is e^2 / 2 within the bounds, |e| - 1/2 beyond.
  const at::Tensor loss = (weighted_slope * (error_ - slope / 2)).sum();
  critics_.Backward(input_, weighted_slope, &activations_);
  adam_.AverageGradients();
  adam_.Step(learning_rate);
  return loss;
}

at::Tensor Critics::TemporalDifferences() const { return error_.abs().mean(0).squeeze(1); }

Critics::ActionValue Critics::MinValue(const at::Tensor& observation, const at::Tensor& action) {
  if (members_ == 1) return FirstValue(observation, action);
  Resize(observation.size(0));
  at::cat_out(input_, {observation, action}, 1);
  const at::Tensor& q = critics_.Forward(input_, &activations_);  // [2, B, 1]
  const at::Tensor first_is_less = (q[0] <= q[1]).to(at::kFloat);
  critics_.BackwardToInput(at::stack({first_is_less, 1 - first_is_less}), &activations_,
                           observation_size_, &action_gradient_);
  return {at::minimum(q[0], q[1]).squeeze(1), action_gradient_.sum(0)};
}

Critics::ActionValue Critics::FirstValue(const at::Tensor& observation, const at::Tensor& action) {
  Resize(observation.size(0));
  at::cat_out(input_, {observation, action}, 1);
  const at::Tensor& q = first_.Forward(input_, &first_activations_);  // [1, B, 1]
  first_.BackwardToInput(ones_, &first_activations_, observation_size_, &first_action_gradient_);
  return {q.flatten(), first_action_gradient_[0]};
}

at::Tensor Critics::Min(const at::Tensor& observation, const at::Tensor& action) {
  if (action.size(0) != min_rows_) {
    min_rows_ = action.size(0);
    min_activations_ = critics_.MakeActivations(min_rows_);
  }
  return critics_.Forward(at::cat({observation, action}, 1), &min_activations_).squeeze(2).amin(0);
}

void Critics::UpdateTargets(double tau) { target_parameters_.lerp_(parameters_, tau); }

NamedTensors Critics::State() const {
  NamedTensors state = {{"critics", parameters_}, {"target_critics", target_parameters_}};
  Append(adam_.State("critic_adam"), &state);
  return state;
}

at::Tensor BootstrappedReturn(const TransitionSample& sample, const at::Tensor& next_value) {
  return at::addcmul(sample.reward, sample.discount * (1 - sample.terminated), next_value);
}

}  // namespace armature

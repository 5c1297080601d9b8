#include "learner/nn/critic_networks.h"

#include "ATen/ATen.h"
#include "learner/nn/state.h"

namespace armature {

CriticNetworks::CriticNetworks(const PolicyNetwork& policy, int64_t members, int64_t outputs,
                               const NetworkOptions& network)
    : CriticNetworks(policy, network.CriticShape(policy.spec(), members,
                                                 int64_t{policy.spec().observation_size()} +
                                                     policy.spec().action_size(),
                                                 outputs)) {}

CriticNetworks::CriticNetworks(const PolicyNetwork& policy, const MlpShape& shape)
    : observation_size_(policy.spec().observation_size()),
      action_size_(policy.spec().action_size()),
      members_(shape.members),
      parameters_(at::zeros({shape.parameter_count()}, policy.flat_parameters().options())),
      gradient_(at::zeros_like(parameters_)),
      target_parameters_(at::zeros_like(parameters_)),
      critics_(shape, parameters_, gradient_),
      first_(critics_.Member(0)),
      targets_(shape, target_parameters_, at::Tensor()),
      adam_({parameters_}, {gradient_}, Adam::kDefaultEpsilon) {}

void CriticNetworks::Init(const Initialization& initialization, at::Generator generator) {
  critics_.Init(initialization, generator);
  target_parameters_.copy_(parameters_);
}

void CriticNetworks::SetInput(const at::Tensor& observation, const at::Tensor& action) {
  const int64_t batch_size = observation.size(0);
  if (batch_size != batch_size_) {
    batch_size_ = batch_size;
    activations_ = critics_.MakeActivations(batch_size);
    first_activations_ = activations_.Member(0);
    input_ = at::empty({batch_size, observation_size_ + action_size_}, options());
    action_gradient_ = at::empty({members_, batch_size, action_size_}, options());
    first_action_gradient_ = action_gradient_.narrow(0, 0, 1);
  }
  at::cat_out(input_, {observation, action}, 1);
}

const at::Tensor& CriticNetworks::Forward(const at::Tensor& observation, const at::Tensor& action) {
  SetInput(observation, action);
  return critics_.Forward(input_, &activations_);
}

const at::Tensor& CriticNetworks::ForwardTargets(const at::Tensor& observation,
                                                 const at::Tensor& action) {
  SetInput(observation, action);
  return targets_.Forward(input_, &activations_);
}

at::Tensor CriticNetworks::ForwardTargets(const at::Tensor& observation, const at::Tensor& action,
                                          absl::Span<const int64_t> members) {
  SetInput(observation, action);
  std::vector<at::Tensor> outputs;
  for (const int64_t member : members) {
    Mlp::Activations activations = activations_.Member(member);
    outputs.push_back(targets_.Member(member).Forward(input_, &activations));
  }
  return at::cat(outputs);
}

const at::Tensor& CriticNetworks::ForwardFirst(const at::Tensor& observation,
                                               const at::Tensor& action) {
  SetInput(observation, action);
  return first_.Forward(input_, &first_activations_);
}

const at::Tensor& CriticNetworks::ForwardApart(const at::Tensor& observation,
                                               const at::Tensor& action) {
  if (action.size(0) != apart_rows_) {
    apart_rows_ = action.size(0);
    apart_activations_ = critics_.MakeActivations(apart_rows_);
  }
  return critics_.Forward(at::cat({observation, action}, 1), &apart_activations_);
}

void CriticNetworks::Step(const at::Tensor& output_gradient, double learning_rate) {
  critics_.Backward(input_, output_gradient, &activations_);
  adam_.AverageGradients();
  adam_.Step(learning_rate);
}

const at::Tensor& CriticNetworks::ActionGradient(const at::Tensor& output_gradient) {
  critics_.BackwardToInput(output_gradient, &activations_, observation_size_, &action_gradient_);
  return action_gradient_;
}

const at::Tensor& CriticNetworks::FirstActionGradient(const at::Tensor& output_gradient) {
  first_.BackwardToInput(output_gradient, &first_activations_, observation_size_,
                         &first_action_gradient_);
  return first_action_gradient_;
}

void CriticNetworks::UpdateTargets(double tau) { target_parameters_.lerp_(parameters_, tau); }

NamedTensors CriticNetworks::State() const {
  NamedTensors state = {{"critics", parameters_}, {"target_critics", target_parameters_}};
  Append(adam_.State("critic_adam"), &state);
  return state;
}

}  // namespace armature

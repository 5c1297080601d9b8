#include "learner/algorithms/deterministic_actor.h"

#include "ATen/ATen.h"
#include "learner/nn/state.h"

namespace armature {
namespace {

MlpShape ActorShape(const v1::PolicySpec& spec) {
  return ShapeLike(spec, 1, spec.observation_size(), spec.action_size());
}

}  // namespace

DeterministicActor::DeterministicActor(const PolicyNetwork& policy)
    : parameters_(policy.flat_parameters()),
      gradient_(at::zeros_like(parameters_)),
      target_parameters_(at::zeros_like(parameters_)),
      actor_(ActorShape(policy.spec()), parameters_, gradient_),
      target_(ActorShape(policy.spec()), target_parameters_, at::Tensor()),
      adam_({parameters_}, {gradient_}, Adam::kDefaultEpsilon) {}

void DeterministicActor::Init(const Initialization& initialization, at::Generator generator) {
  actor_.Init(initialization, generator);
  target_parameters_.copy_(parameters_);
}

at::Tensor DeterministicActor::Forward(const Mlp& network, const at::Tensor& observation) {
  if (observation.size(0) != batch_size_) {
    batch_size_ = observation.size(0);
    activations_ = actor_.MakeActivations(batch_size_);
  }
  return network.Forward(observation, &activations_)[0].tanh();
}

at::Tensor DeterministicActor::TargetAct(const at::Tensor& observation) {
  return Forward(target_, observation);
}

DeterministicActor::Actions DeterministicActor::Act(const at::Tensor& observation) {
  return {observation, Forward(actor_, observation)};
}

at::Tensor DeterministicActor::Step(const Actions& actions, const ActionValue& value,
                                    double action_l2, double learning_rate,
                                    const std::optional<Cloning>& cloning) {
  const at::Tensor& action = actions.action;
  at::Tensor action_gradient = -value.gradient;  // For B J_pi; [B, A]
  at::Tensor loss = -value.value.mean();
  if (action_l2 > 0) {
    action_gradient.add_(action, 2 * action_l2 / static_cast<double>(action.size(1)));
    loss.add_(action.square().mean(), action_l2);
  }
  action_gradient.div_(batch_size_);
  if (cloning) {
    action_gradient.mul_(cloning->policy_weight);
    LastRows(action_gradient, cloning->gradient.size(0)).add_(cloning->gradient);
    loss = loss * cloning->policy_weight + cloning->loss;
  }
  const at::Tensor head_gradient = action_gradient * (1 - action.square());
  actor_.Backward(actions.observation, head_gradient.unsqueeze(0), &activations_);
  adam_.AverageGradients();
  adam_.Step(learning_rate);
  return loss;
}

void DeterministicActor::UpdateTarget(double tau) { target_parameters_.lerp_(parameters_, tau); }

NamedTensors DeterministicActor::State() const {
  NamedTensors state = {{"target_policy", target_parameters_}};
  Append(adam_.State("policy_adam"), &state);
  return state;
}

}  // namespace armature

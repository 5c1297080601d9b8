// Trains a deterministic policy mu(s) = tanh(f(s)) with a slow target mu'. Each step raises the
// value of the policy's actions (Silver et al. 2014), with a penalty on large actions
// (Andrychowicz et al. 2017, arXiv:1707.01495):
//   J_pi        = mean -Q(s, mu(s)) + action_l2 mean mu(s)^2
//   d J_pi / df = (-dQ/da + 2 action_l2 mu(s) / A) (1 - mu(s)^2) / B
//   mu'        <- (1 - tau) mu' + tau mu, by parameter
// Means are over the batch. The mean of mu(s)^2 is also over the action's components, so the effect
// of action_l2 does not depend on the action size. The gradient is written by hand. Nothing waits
// for the device.
//
// Shapes: B batch, D observation size (normalised), A action size.
// Thread safety: none.
#ifndef ARMATURE_LEARNER_ALGORITHMS_DETERMINISTIC_ACTOR_H_
#define ARMATURE_LEARNER_ALGORITHMS_DETERMINISTIC_ACTOR_H_

#include <cstdint>
#include <optional>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "common/policy/policy_network.h"
#include "learner/algorithms/cloning.h"
#include "learner/nn/adam.h"
#include "learner/nn/critic_networks.h"
#include "learner/nn/mlp.h"

namespace armature {

class DeterministicActor {
 public:
  // Trains `policy` in place. It must have HEAD_TANH and outlive the actor.
  explicit DeterministicActor(const PolicyNetwork& policy);

  // Draws the policy's weights and copies them to the target.
  void Init(const Initialization& initialization, at::Generator generator);

  // mu'(s), [B, A].
  at::Tensor TargetAct(const at::Tensor& observation);
  // A forward pass, for Step's backward pass. Valid until the next Act or TargetAct.
  struct Actions {
    at::Tensor observation;  // [B, D]
    at::Tensor action;       // mu(s), [B, A]
  };
  Actions Act(const at::Tensor& observation);
  // Takes one Adam step on J_pi, or with `cloning` on J from cloning.h. `value` is the value of
  // `actions`. Returns the loss before the step, [].
  at::Tensor Step(const Actions& actions, const ActionValue& value, double action_l2,
                  double learning_rate, const std::optional<Cloning>& cloning = std::nullopt);

  void UpdateTarget(double tau);

  void set_gradient_exchange(GradientExchange* exchange) { adam_.set_gradient_exchange(exchange); }

  // The gradient of the last Step, flat, in the order of the parameters.
  const at::Tensor& gradient() const { return gradient_; }
  // "target_policy" and the optimiser's "policy_adam."; not the policy itself.
  NamedTensors State() const;

 private:
  at::Tensor Forward(const Mlp& network, const at::Tensor& observation);

  const at::Tensor parameters_;  // The policy's.
  at::Tensor gradient_;
  at::Tensor target_parameters_;
  Mlp actor_;
  Mlp target_;
  Adam adam_;

  int64_t batch_size_ = 0;
  Mlp::Activations activations_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_DETERMINISTIC_ACTOR_H_

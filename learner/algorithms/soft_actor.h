// Trains a squashed Gaussian policy pi(s) = tanh(u), u = mean + std noise, and its temperature
// alpha = exp(log_alpha) (Haarnoja et al. 2018, arXiv:1812.05905). Q is the value of the policy's
// actions, H the target entropy, and a~ ~ pi(s):
//   J_pi    = mean (alpha log pi(a~ | s) - Q(s, a~))
//   J_alpha = mean -log_alpha (log pi(a~ | s) + H)
// For the gradient of J_pi, with the noise fixed:
//   d log pi / du       = 2 a~   (from the squashing)
//   d log pi / dlog_std = -1     (from the Gaussian)
// With demonstrations, J from cloning.h replaces J_pi; a_i is the mean action, squashed. Gradients
// are written by hand. Nothing waits for the device.
//
// Shapes: B batch, D observation size (normalised), A action size.
// Thread safety: none.
#ifndef ARMATURE_LEARNER_ALGORITHMS_SOFT_ACTOR_H_
#define ARMATURE_LEARNER_ALGORITHMS_SOFT_ACTOR_H_

#include <cstdint>
#include <optional>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "common/policy/policy_network.h"
#include "common/run_config/algorithm_config.h"
#include "learner/algorithms/cloning.h"
#include "learner/nn/adam.h"
#include "learner/nn/critic_networks.h"
#include "learner/nn/mlp.h"

namespace armature {

class SoftActor {
 public:
  // Trains `policy` in place. It must have HEAD_SQUASHED_GAUSSIAN and outlive the actor.
  SoftActor(const PolicyNetwork& policy, const TemperatureConfig& temperature);

  // Draws the policy's weights.
  void Init(const Initialization& initialization, at::Generator generator);

  // Actions drawn for B states, with what they were drawn from.
  struct Actions {
    at::Tensor observation;        // [B, D]
    at::Tensor action;             // [B, A]
    at::Tensor log_prob;           // log pi(action | s), [B]
    at::Tensor mean;               // Of u, [B, A]
    at::Tensor unclamped_log_std;  // Of u, before its bounds; [B, A]
    at::Tensor std;                // Of u, [B, A]
    at::Tensor noise;              // [B, A]
  };
  // a' ~ pi(s') and a~ ~ pi(s), from one forward pass. Valid until the next Draw.
  struct Draws {
    Actions next;
    Actions current;
  };
  // `observation` is [2 B, D] and `noise` [2 B, A], the rows for s' first.
  Draws Draw(const at::Tensor& observation, const at::Tensor& noise);

  // alpha, [].
  at::Tensor Temperature() const;

  // Takes one Adam step on J_pi, or with `cloning` on J from cloning.h. `actions` are the last
  // Draw's current ones, `value` is their value. Returns the loss before the step, [].
  at::Tensor Step(const Actions& actions, const ActionValue& value, double learning_rate,
                  const std::optional<Cloning>& cloning);
  // Takes one Adam step on J_alpha, if the temperature is learned. Step uses the one from before.
  void StepTemperature(const Actions& actions, double learning_rate);

  void set_gradient_exchange(GradientExchange* exchange);

  // The gradients of the last steps; the policy's is flat, in the order of the parameters.
  const at::Tensor& gradient() const { return gradient_; }
  const at::Tensor& temperature_gradient() const { return log_alpha_gradient_; }  // [1]
  // "log_alpha" and the optimisers' "policy_adam." and "log_alpha_adam."; not the policy itself.
  NamedTensors State() const;

 private:
  const TemperatureConfig temperature_;
  const int64_t action_size_;
  const double target_entropy_;
  at::Tensor gradient_;            // Flat; the network's gradients are views of it.
  at::Tensor log_alpha_;           // [1]
  at::Tensor log_alpha_gradient_;  // [1]
  Mlp actor_;
  Adam adam_;
  Adam log_alpha_adam_;

  int64_t batch_size_ = 0;                // B
  Mlp::Activations activations_;          // 2 B rows.
  Mlp::Activations current_activations_;  // The rows for s.
};

// The policy's action without exploration in the last `count` rows of `actions`, [count, A].
at::Tensor LastMeanActions(const SoftActor::Actions& actions, int64_t count);

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_SOFT_ACTOR_H_

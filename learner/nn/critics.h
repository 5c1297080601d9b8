// One or two critics (E = 1 or 2) Q_1 .. Q_E, their slow targets Q'_j, and their loss:
//   J_Q   = sum_j mean w l(Q_j(s, a) - y), w: TransitionSample.weight
//   l(e)  = e^2 / 2                              CriticLoss::kMse
//   l(e)  = e^2 / 2 if |e| <= 1, else |e| - 1/2  CriticLoss::kHuber
//   Q'_j <- (1 - tau) Q'_j + tau Q_j
// Gradients are written by hand and use buffers that are allocated once. Nothing waits for the
// device.
//
// Shapes: B batch, D observation size, A action size. Observations are normalised,
// actions in [-1, 1].
// Thread safety: none.
#ifndef ARMATURE_LEARNER_NN_CRITICS_H_
#define ARMATURE_LEARNER_NN_CRITICS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "common/policy/policy_network.h"
#include "learner/nn/adam.h"
#include "learner/nn/mlp.h"
#include "learner/replay/samples.h"

namespace armature {

enum class CriticLoss { kMse, kHuber };
// `name` is "huber" or "mse", as in the configuration.
CriticLoss ParseCriticLoss(const std::string& name);

class Critics {
 public:
  // Weights are zero and on the device of `policy`. If `hidden_sizes` is empty, the critics have
  // the policy's hidden layers.
  Critics(const PolicyNetwork& policy, int64_t members, CriticLoss loss,
          const std::vector<int64_t>& hidden_sizes = {});

  // Draws the critics' weights and copies them to the targets.
  void Init(const Initialization& initialization, at::Generator generator);

  // min_j Q'_j(s', a'), [B].
  at::Tensor TargetMin(const at::Tensor& observation, const at::Tensor& action);

  // Takes one Adam step on J_Q; `y` and `weight` are [B]. Returns J_Q before the step, [].
  at::Tensor Update(const at::Tensor& observation, const at::Tensor& action, const at::Tensor& y,
                    const at::Tensor& weight, double learning_rate);
  // mean_j |Q_j(s, a) - y| in the last Update, before its step; [B].
  at::Tensor TemporalDifferences() const;

  // The value of actions, and its gradient with respect to them.
  struct ActionValue {
    at::Tensor value;     // [B]
    at::Tensor gradient;  // [B, A]; overwritten by the next call.
  };
  // min_j Q_j(s, a).
  ActionValue MinValue(const at::Tensor& observation, const at::Tensor& action);
  // Q_1(s, a).
  ActionValue FirstValue(const at::Tensor& observation, const at::Tensor& action);
  // min_j Q_j(s, a) without its gradient, [M], for M rows. Leaves the other methods' buffers alone.
  at::Tensor Min(const at::Tensor& observation, const at::Tensor& action);

  void UpdateTargets(double tau);

  void set_gradient_exchange(GradientExchange* exchange) { adam_.set_gradient_exchange(exchange); }

  // The gradient of the last Update, flat, in Mlp's order.
  const at::Tensor& gradient() const { return gradient_; }
  // "critics", "target_critics" and the optimiser's "critic_adam."; they share memory with this
  // object.
  NamedTensors State() const;

 private:
  Critics(const PolicyNetwork& policy, const MlpShape& shape, CriticLoss loss);

  void Resize(int64_t batch_size);

  const CriticLoss loss_;
  const int64_t observation_size_;
  const int64_t action_size_;
  const int64_t members_;

  // Flat; the networks are views of them.
  at::Tensor parameters_;
  at::Tensor gradient_;
  at::Tensor target_parameters_;
  Mlp critics_;
  Mlp first_;  // Q_1 alone.
  Mlp targets_;
  Adam adam_;

  // Buffers for one batch size.
  int64_t batch_size_ = 0;
  Mlp::Activations activations_;
  Mlp::Activations first_activations_;  // Q_1's part of activations_.
  at::Tensor input_;                    // [B, D + A]
  at::Tensor error_;                    // [E, B, 1], from the last Update.
  at::Tensor action_gradient_;          // [E, B, A]
  at::Tensor first_action_gradient_;
  at::Tensor ones_;                   // [1, B, 1]
  Mlp::Activations min_activations_;  // For Min, min_rows_ rows.
  int64_t min_rows_ = 0;
};

// y = r + discount (1 - d) V(s'), [B]. `next_value` is V(s') for the sample's s', [B].
at::Tensor BootstrappedReturn(const TransitionSample& sample, const at::Tensor& next_value);

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_CRITICS_H_

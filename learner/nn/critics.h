// Action values Q_1 .. Q_E side by side (E is 1 or 2), their slow targets Q'_j, and the loss
// that trains them:
//   J_Q   = sum_j mean w l(Q_j(s, a) - y), w: TransitionSample.weight
//   l(e)  = e^2 / 2                              CriticLoss::kMse
//   l(e)  = e^2 / 2 if |e| <= 1, else |e| - 1/2  CriticLoss::kHuber
//   Q'_j <- (1 - tau) Q'_j + tau Q_j
// Gradients are written out by hand, on buffers that are allocated once; nothing
// waits for the device.
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
// "huber", or "mse": the words that the configuration admits.
CriticLoss ParseCriticLoss(const std::string& name);

class Critics {
 public:
  // With `hidden_sizes`, or where it is empty the hidden layers of `policy`, on its
  // device. Zero weights.
  Critics(const PolicyNetwork& policy, int64_t members, CriticLoss loss,
          const std::vector<int64_t>& hidden_sizes = {});

  // The targets begin as copies.
  void Init(const Initialization& initialization, at::Generator generator);

  // min_j Q'_j(s', a'), [B].
  at::Tensor TargetMin(const at::Tensor& observation, const at::Tensor& action);

  // Takes one Adam step on J_Q, for targets y and weights, [B]. Returns J_Q before the step, [].
  at::Tensor Update(const at::Tensor& observation, const at::Tensor& action, const at::Tensor& y,
                    const at::Tensor& weight, double learning_rate);
  // mean_j |Q_j(s, a) - y| of the last Update, before its step; [B].
  at::Tensor TemporalDifferences() const;

  // A value of actions, and its gradient with respect to them.
  struct ActionValue {
    at::Tensor value;     // [B]
    at::Tensor gradient;  // [B, A]; overwritten by the next call.
  };
  // min_j Q_j(s, a).
  ActionValue MinValue(const at::Tensor& observation, const at::Tensor& action);
  // Q_1(s, a).
  ActionValue FirstValue(const at::Tensor& observation, const at::Tensor& action);
  // min_j Q_j(s, a) alone, [M], for M rows; it keeps buffers of its own.
  at::Tensor Min(const at::Tensor& observation, const at::Tensor& action);

  void UpdateTargets(double tau);

  void set_gradient_exchange(GradientExchange* exchange) { adam_.set_gradient_exchange(exchange); }

  // The gradient of the last Update, end to end in Mlp's order.
  const at::Tensor& gradient() const { return gradient_; }
  // "critics", "target_critics" and the optimiser's "critic_adam."; they share
  // memory.
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
  Mlp::Activations first_activations_;  // The part of Q_1 in activations_.
  at::Tensor input_;                    // [B, D + A]
  at::Tensor error_;                    // [E, B, 1], of the last Update.
  at::Tensor action_gradient_;          // [E, B, A]
  at::Tensor first_action_gradient_;
  at::Tensor ones_;                   // [1, B, 1]
  Mlp::Activations min_activations_;  // Of Min, for min_rows_ rows.
  int64_t min_rows_ = 0;
};

// y = r + discount (1 - d) V(s'), [B], for a value [B] of the sample's s'.
at::Tensor BootstrappedReturn(const TransitionSample& sample, const at::Tensor& next_value);

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_CRITICS_H_

// E critics of Q outputs each, their slow targets and their optimiser:
//   Q'_j <- (1 - tau) Q'_j + tau Q_j
// What the outputs mean, and their loss, is up to the owner: critics.h has one value a critic,
// tqc.h has quantiles. Gradients use buffers that are allocated once. Nothing waits for the device.
//
// Shapes: B batch, D observation size, A action size. Observations are normalised,
// actions in [-1, 1].
// Thread safety: none.
#ifndef ARMATURE_LEARNER_NN_CRITIC_NETWORKS_H_
#define ARMATURE_LEARNER_NN_CRITIC_NETWORKS_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "absl/types/span.h"
#include "common/policy/policy_network.h"
#include "learner/nn/adam.h"
#include "learner/nn/mlp.h"
#include "learner/nn/network_options.h"

namespace armature {

// The value of actions, and its gradient with respect to them.
struct ActionValue {
  at::Tensor value;     // [B]
  at::Tensor gradient;  // [B, A]; overwritten by the next call.
};

class CriticNetworks {
 public:
  // Weights are zero and on the device of `policy`.
  CriticNetworks(const PolicyNetwork& policy, int64_t members, int64_t outputs,
                 const NetworkOptions& network);

  // Draws the critics' weights and copies them to the targets.
  void Init(const Initialization& initialization, at::Generator generator);

  // The outputs of all critics for (s, a), [E, B, Q]; of all targets; of the targets in `members`,
  // [M, B, Q]; of the first critic, [1, B, Q]. Each overwrites what the others returned.
  const at::Tensor& Forward(const at::Tensor& observation, const at::Tensor& action);
  const at::Tensor& ForwardTargets(const at::Tensor& observation, const at::Tensor& action);
  at::Tensor ForwardTargets(const at::Tensor& observation, const at::Tensor& action,
                            absl::Span<const int64_t> members);
  const at::Tensor& ForwardFirst(const at::Tensor& observation, const at::Tensor& action);
  // As Forward, for any number of rows; leaves the other methods' buffers alone.
  const at::Tensor& ForwardApart(const at::Tensor& observation, const at::Tensor& action);

  // Takes one Adam step. `output_gradient`, [E, B, Q], is a loss's for the outputs of the last
  // Forward.
  void Step(const at::Tensor& output_gradient, double learning_rate);

  // The gradient of each critic's outputs with respect to the action, weighted by
  // `output_gradient`, [E, B, Q]; [E, B, A]. Call Forward before. Leaves gradient() alone.
  const at::Tensor& ActionGradient(const at::Tensor& output_gradient);
  // The same of the first critic alone: [1, B, Q] and [1, B, A]. Call ForwardFirst before.
  const at::Tensor& FirstActionGradient(const at::Tensor& output_gradient);

  void UpdateTargets(double tau);

  void set_gradient_exchange(GradientExchange* exchange) { adam_.set_gradient_exchange(exchange); }

  int64_t members() const { return members_; }
  at::TensorOptions options() const { return parameters_.options(); }
  // The gradient of the last Step, flat, in Mlp's order.
  const at::Tensor& gradient() const { return gradient_; }
  // "critics", "target_critics" and the optimiser's "critic_adam."; they share memory with this
  // object.
  NamedTensors State() const;

 private:
  CriticNetworks(const PolicyNetwork& policy, const MlpShape& shape);

  // Sets input_, and makes buffers for its number of rows.
  void SetInput(const at::Tensor& observation, const at::Tensor& action);

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
  at::Tensor action_gradient_;          // [E, B, A]
  at::Tensor first_action_gradient_;
  Mlp::Activations apart_activations_;  // For ForwardApart, apart_rows_ rows.
  int64_t apart_rows_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_CRITIC_NETWORKS_H_

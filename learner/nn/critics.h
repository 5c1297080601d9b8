// Critics Q_1 .. Q_E of a state's and an action's value, their slow targets
// Q'_j (critic_networks.h), and their loss:
//   J_Q   = sum_j mean w l(Q_j(s, a) - y), w: TransitionSample.weight
//   l(e)  = e^2 / 2                              CriticLoss::kMse
//   l(e)  = e^2 / 2 if |e| <= 1, else |e| - 1/2  CriticLoss::kHuber
// Gradients are written by hand. Nothing waits for the device.
//
// Shapes: B batch, D observation size, A action size. Observations are normalised,
// actions in [-1, 1].
// Thread safety: none.
#ifndef ARMATURE_LEARNER_NN_CRITICS_H_
#define ARMATURE_LEARNER_NN_CRITICS_H_

#include <cstdint>
#include <string>

#include "ATen/core/Generator.h"
#include "ATen/core/Tensor.h"
#include "absl/types/span.h"
#include "common/policy/policy_network.h"
#include "learner/nn/critic_networks.h"
#include "learner/nn/network_options.h"
#include "learner/replay/samples.h"

namespace armature {

enum class CriticLoss { kMse, kHuber };
// `name` is "huber" or "mse", as in the configuration.
CriticLoss ParseCriticLoss(const std::string& name);

class Critics {
 public:
  // As CriticNetworks.
  Critics(const PolicyNetwork& policy, int64_t members, CriticLoss loss,
          const NetworkOptions& network = {});

  void Init(const Initialization& initialization, at::Generator generator);

  // min_j Q'_j(s', a'), [B]; over all j, or over those in `members`.
  at::Tensor TargetMin(const at::Tensor& observation, const at::Tensor& action);
  at::Tensor TargetMin(const at::Tensor& observation, const at::Tensor& action,
                       absl::Span<const int64_t> members);

  // Takes one Adam step on J_Q; `y` and `weight` are [B]. Returns J_Q before the step, [].
  at::Tensor Update(const at::Tensor& observation, const at::Tensor& action, const at::Tensor& y,
                    const at::Tensor& weight, double learning_rate);
  // mean_j |Q_j(s, a) - y| in the last Update, before its step; [B].
  at::Tensor TemporalDifferences() const;

  // min_j Q_j(s, a).
  ActionValue MinValue(const at::Tensor& observation, const at::Tensor& action);
  // mean_j Q_j(s, a).
  ActionValue MeanValue(const at::Tensor& observation, const at::Tensor& action);
  // Q_1(s, a).
  ActionValue FirstValue(const at::Tensor& observation, const at::Tensor& action);
  // min_j Q_j(s, a) without its gradient, [M], for M rows. Leaves the other methods' buffers alone.
  at::Tensor Min(const at::Tensor& observation, const at::Tensor& action);

  void UpdateTargets(double tau) { networks_.UpdateTargets(tau); }

  void set_gradient_exchange(GradientExchange* exchange) {
    networks_.set_gradient_exchange(exchange);
  }

  // The gradient of the last Update, flat, in Mlp's order.
  const at::Tensor& gradient() const { return networks_.gradient(); }
  // As CriticNetworks::State.
  NamedTensors State() const { return networks_.State(); }

 private:
  const CriticLoss loss_;
  CriticNetworks networks_;
  at::Tensor error_;  // [E, B, 1], from the last Update.
  at::Tensor ones_;   // [1, B, 1]
};

// y = r + discount (1 - d) V(s'). `next_value` is V(s') for the sample's s', [B], or M such values
// of each, [B, M]; y has its shape.
at::Tensor BootstrappedReturn(const TransitionSample& sample, const at::Tensor& next_value);

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_CRITICS_H_

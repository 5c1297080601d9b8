// Truncated quantile critics (Kuznetsov et al. 2020, arXiv:2005.04269): soft actor-critic whose
// critics learn the distribution of the return. The highest quantiles are left out of the targets,
// against overestimation.
//
// The sample is s, a, r, s', d; pi is the squashed Gaussian policy, alpha its learned temperature,
// a' ~ pi(s') and a~ ~ pi(s). Critic j of E gives Q quantiles z_j1 .. z_jQ of the return, for the
// fractions t_k = (2 k - 1) / (2 Q); z'_jk are its slow target's. z'_(1) <= .. <= z'_(E Q) are all
// targets' quantiles at (s', a'), joined and sorted, and M = E (Q - dropped_quantiles) are kept:
//   y_i       = r + discount (1 - d) (z'_(i) - alpha log pi(a' | s'))   i = 1 .. M
//   rho_t(e)  = |t - [e < 0]| h(e)  with h(e) = e^2 / 2 if |e| <= 1, else |e| - 1/2
//   J_Z       = mean w rho_tk(y_i - z_jk(s, a))  over the batch, j, k and i
//   Z(s, a)   = mean z_jk(s, a)  over j and k
//   J_pi      = mean (alpha log pi(a~ | s) - Z(s, a~))  with the new z_jk
//   J_alpha   = mean -log_alpha (log pi(a~ | s) + H)
//   z'_j     <- (1 - tau) z'_j + tau z_j  by parameter
// w is TransitionSample.weight. J_Z is sb3-contrib's: it averages where the paper sums over the
// critics. With demonstrations, J from cloning.h replaces J_pi; Q there is Z. Each J gets one Adam
// step. J_Z and J_pi use alpha from before the update. Gradients are written by hand, here and in
// soft_actor.h (tqc_test.cc compares them with PyTorch's). Nothing in Update waits for the device.
//
// Shapes: B batch, A action size.
// Thread safety: none; one trainer thread.
#ifndef ARMATURE_LEARNER_ALGORITHMS_TQC_H_
#define ARMATURE_LEARNER_ALGORITHMS_TQC_H_

#include <cstdint>
#include <memory>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "common/policy/policy_network.h"
#include "common/run_config/algorithm_config.h"
#include "learner/algorithms/algorithm.h"
#include "learner/algorithms/cloning.h"
#include "learner/algorithms/soft_actor.h"
#include "learner/algorithms/trained_policy.h"
#include "learner/nn/critic_networks.h"
#include "learner/nn/network_options.h"
#include "learner/nn/scalar_means.h"
#include "proto/learner_service.pb.h"

namespace armature {

class Tqc final : public TrainedPolicy<OffPolicyAlgorithm> {
 public:
  // Draws initial weights from `seed`, as PyTorch's Linear does unless `network` says otherwise.
  // `demonstrations` says how to learn from samples with demonstrations. Returns InvalidArgument if
  // `spec` is invalid or not a squashed Gaussian.
  static absl::StatusOr<std::unique_ptr<Tqc>> Create(
      const TqcConfig& config, const v1::PolicySpec& spec, uint64_t seed, c10::Device device,
      const NetworkOptions& network = {}, const DemonstrationsConfig& demonstrations = {});

  void set_gradient_exchange(GradientExchange* exchange) override;
  void Update(const TransitionSample& sample, double progress) override;
  // |mean_k z_jk(s, a) - mean_i y_i| in the last Update, averaged over the critics; [B].
  at::Tensor TemporalDifferences() const override { return errors_; }

  // Update with given noise for a' and a~: float32 [2 B, A], the rows for s' first.
  void UpdateWithNoise(const TransitionSample& sample, double progress, const at::Tensor& noise);

  // The gradients used by the last update, flat, in the order of the parameters: policy [P],
  // critics (see Mlp), log_alpha [1].
  const at::Tensor& policy_gradient() const { return actor_.gradient(); }
  const at::Tensor& critic_gradient() const { return critics_.gradient(); }
  const at::Tensor& temperature_gradient() const { return actor_.temperature_gradient(); }

 private:
  Tqc(const TqcConfig& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
      const NetworkOptions& network, const DemonstrationsConfig& demonstrations);

  NamedTensors Networks() const override;
  // z'_(1) .. z'_(M) at (s', a'), [B, M].
  at::Tensor KeptQuantiles(const at::Tensor& observation, const at::Tensor& action);
  // Takes one Adam step on J_Z; y is [B, M], weight [B]. Returns J_Z before the step, [].
  at::Tensor UpdateCritics(const at::Tensor& observation, const at::Tensor& action,
                           const at::Tensor& y, const at::Tensor& weight, double learning_rate);
  // Z(s, a~) and its gradient.
  ActionValue MeanValue(const at::Tensor& observation, const at::Tensor& action);

  const TqcConfig config_;
  const DemonstrationsConfig demonstrations_;
  SoftActor actor_;
  CriticNetworks critics_;
  const at::Tensor fractions_;  // t_k, [Q, 1]
  at::Tensor errors_;           // [B]
  ScalarMeans& scalars_;
  ScalarMeans& cloning_scalars_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_TQC_H_

// Soft actor-critic with a learned temperature (Haarnoja et al. 2018, arXiv:1812.05905) and E
// critics: two, or an ensemble as in REDQ and RLPD (Chen et al. 2021, arXiv:2101.05982; Ball et al.
// 2023, arXiv:2302.02948).
//
// The sample is s, a, r, s', d; pi is the squashed Gaussian policy, Q_1 .. Q_E are the critics,
// Q'_1 .. Q'_E their slow targets, T is `target_critics` of 1 .. E, drawn anew for each update,
// alpha = exp(log_alpha), H is the target entropy, a' ~ pi(s') and a~ ~ pi(s):
//   y         = r + discount (1 - d) (min_{j in T} Q'_j(s', a') - alpha log pi(a' | s'))
//   J_Q       = sum_j mean w l(Q_j(s, a) - y)  with w and l from critics.h
//   J_pi      = mean (alpha log pi(a~ | s) - min_j Q_j(s, a~))  with the new Q_j; or their mean
//   J_alpha   = mean -log_alpha (log pi(a~ | s) + H)
//   Q'_j     <- (1 - tau) Q'_j + tau Q_j
// With cloned demonstrations, J from cloning.h replaces J_pi; a_i is the mean action, squashed.
// Each J gets one Adam step, J_pi and J_alpha only in every policy_delay-th update. J_Q and J_pi
// use alpha from before the update. Gradients are written by hand in critics.h and soft_actor.h
// (sac_test.cc compares them with PyTorch's), to use fewer, larger kernels and buffers that are
// allocated once. Nothing in Update waits for the device.
//
// Thread safety: none; one trainer thread.
#ifndef ARMATURE_LEARNER_ALGORITHMS_SAC_H_
#define ARMATURE_LEARNER_ALGORITHMS_SAC_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "c10/core/Device.h"
#include "common/policy/policy_network.h"
#include "common/run_config/algorithm_config.h"
#include "learner/algorithms/algorithm.h"
#include "learner/algorithms/cloning.h"
#include "learner/algorithms/soft_actor.h"
#include "learner/algorithms/trained_policy.h"
#include "learner/nn/critics.h"
#include "learner/nn/network_options.h"
#include "learner/nn/scalar_means.h"
#include "proto/learner_service.pb.h"

namespace armature {

class Sac final : public TrainedPolicy<OffPolicyAlgorithm> {
 public:
  // Draws initial weights from `seed`, as PyTorch's Linear does unless `network` says otherwise.
  // `demonstrations` says how to learn from samples with demonstrations. Returns InvalidArgument if
  // `spec` is invalid or not a squashed Gaussian.
  static absl::StatusOr<std::unique_ptr<Sac>> Create(
      const SacConfig& config, const v1::PolicySpec& spec, uint64_t seed, c10::Device device,
      const NetworkOptions& network = {}, const DemonstrationsConfig& demonstrations = {});

  void set_gradient_exchange(GradientExchange* exchange) override;
  void Update(const TransitionSample& sample, double progress) override;
  at::Tensor TemporalDifferences() const override { return critics_.TemporalDifferences(); }

  // Update with given noise for a' and a~: float32 [2 B, A], the rows for s' first; and with T,
  // counted from 0, which may be left out if all critics are in it.
  void UpdateWithNoise(const TransitionSample& sample, double progress, const at::Tensor& noise,
                       absl::Span<const int64_t> target_critics = {});

  // T of the next update, counted from 0. Depends only on the generator's seed and the number of
  // the update.
  std::vector<int64_t> DrawTargetCritics();

  // The gradients used by the last update, flat, in the order of the parameters: policy [P],
  // critics (see Mlp), log_alpha [1].
  const at::Tensor& policy_gradient() const { return actor_.gradient(); }
  const at::Tensor& critic_gradient() const { return critics_.gradient(); }
  const at::Tensor& temperature_gradient() const { return actor_.temperature_gradient(); }

 private:
  Sac(const SacConfig& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
      const NetworkOptions& network, const DemonstrationsConfig& demonstrations);

  NamedTensors Networks() const override;
  // min_{j in T} Q'_j(s', a') - alpha log pi(a' | s'), [B].
  at::Tensor NextValue(const SoftActor::Actions& next, absl::Span<const int64_t> target_critics);
  void UpdatePolicy(const TransitionSample& sample, const SoftActor::Actions& current,
                    double learning_rate);

  const SacConfig config_;
  const DemonstrationsConfig demonstrations_;
  SoftActor actor_;
  Critics critics_;
  ScalarMeans& critic_scalars_;
  ScalarMeans& policy_scalars_;
  ScalarMeans& cloning_scalars_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_SAC_H_

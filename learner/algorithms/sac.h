// Soft actor-critic with twin critics and learned temperature
// (Haarnoja et al. 2018, arXiv:1812.05905).
//
// With s, a, r, s', d the sample, pi the squashed Gaussian policy, Q_1 and Q_2 the
// critics, Q'_1 and Q'_2 their slow targets, alpha = exp(log_alpha), H the target
// entropy, and a' ~ pi(s'), a~ ~ pi(s):
//   y         = r + discount (1 - d) (min_j Q'_j(s', a') - alpha log pi(a' | s'))
//   J_Q       = sum_j mean w l(Q_j(s, a) - y), l of critics.h
//   J_pi      = mean (alpha log pi(a~ | s) - min_j Q_j(s, a~))  with the new Q_j
//   J_alpha   = mean -log_alpha (log pi(a~ | s) + H)
//   Q'_j     <- (1 - tau) Q'_j + tau Q_j
// With demonstrations J_pi gives way to J of cloning.h, a_i the mean action, squashed.
// Each is one Adam step; alpha in J_Q and J_pi is that of before the update.
// Gradients are written out by hand (sac_test.cc holds them against PyTorch's):
// fewer, larger kernels on buffers that are allocated once. Nothing in Update
// waits for the device.
//
// Thread safety: none; one trainer thread.
#ifndef ARMATURE_LEARNER_ALGORITHMS_SAC_H_
#define ARMATURE_LEARNER_ALGORITHMS_SAC_H_

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
#include "learner/algorithms/trained_policy.h"
#include "learner/nn/adam.h"
#include "learner/nn/critics.h"
#include "learner/nn/mlp.h"
#include "learner/nn/network_options.h"
#include "learner/nn/scalar_means.h"
#include "proto/learner_service.pb.h"

namespace armature {

class Sac final : public TrainedPolicy<OffPolicyAlgorithm> {
 public:
  // Layers begin as PyTorch's Linear does where `network` says nothing else, from
  // `seed`.
  // `demonstrations` says how samples with demonstrations are learned.
  // OK; InvalidArgument: `spec` is bad or not a squashed Gaussian's.
  static absl::StatusOr<std::unique_ptr<Sac>> Create(
      const SacConfig& config, const v1::PolicySpec& spec, uint64_t seed, c10::Device device,
      const NetworkOptions& network = {}, const DemonstrationsConfig& demonstrations = {});

  ~Sac() override;

  void set_gradient_exchange(GradientExchange* exchange) override;
  void Update(const TransitionSample& sample, double progress) override;
  at::Tensor TemporalDifferences() const override { return critics_.TemporalDifferences(); }

  // Update with the noise of a' and a~ given: float32 [2 B, A], the rows of s'
  // first.
  void UpdateWithNoise(const TransitionSample& sample, double progress, const at::Tensor& noise);

  // Gradients that the last update stepped along, end to end in the order of the
  // parameters: policy [P], critics (see Mlp), log_alpha [1].
  const at::Tensor& policy_gradient() const { return policy_gradient_; }
  const at::Tensor& critic_gradient() const { return critics_.gradient(); }
  const at::Tensor& temperature_gradient() const { return log_alpha_gradient_; }

 private:
  // What one update of B transitions does with the actor.
  struct Batch;

  Sac(const SacConfig& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
      const NetworkOptions& network, const DemonstrationsConfig& demonstrations);

  NamedTensors Networks() const override;
  void DrawActions(const TransitionSample& sample, const at::Tensor& noise);
  // Gives J_Q, [].
  at::Tensor UpdateCritics(const TransitionSample& sample, double learning_rate);
  // Gives J_pi, or with demonstrations the J that they make it; [].
  at::Tensor UpdatePolicy(const TransitionSample& sample, const at::Tensor& noise,
                          double learning_rate);

  const SacConfig config_;
  const DemonstrationsConfig demonstrations_;
  const double target_entropy_;
  at::Tensor policy_gradient_;     // Flat; the actor's gradients are views of it.
  at::Tensor log_alpha_;           // [1]
  at::Tensor log_alpha_gradient_;  // [1]
  Mlp actor_;
  Critics critics_;
  Adam policy_adam_;
  Adam log_alpha_adam_;

  std::unique_ptr<Batch> batch_;
  ScalarMeans& scalars_;
  ScalarMeans& cloning_scalars_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_SAC_H_

// Twin delayed deterministic policy gradients (Fujimoto et al. 2018,
// arXiv:1802.09477).
//
// The sample is s, a, r, s', d; mu is the deterministic policy, Q_1 and Q_2 are the critics, mu',
// Q'_1 and Q'_2 their slow targets, and eps ~ N(0, 1):
//   a'    = clip(mu'(s') + clip(target_noise_std eps, -target_noise_clip,
//                               target_noise_clip), -1, 1)
//   y     = r + discount (1 - d) min_j Q'_j(s', a')
//   J_Q   = sum_j mean w l(Q_j(s, a) - y)  with w and l from critics.h
// Every policy_delay-th update continues, with the new Q_1:
//   J_pi  = mean -Q_1(s, mu(s)) + action_l2 mean mu(s)^2
//   Q'_j <- (1 - tau) Q'_j + tau Q_j,  mu' <- (1 - tau) mu' + tau mu
// With demonstrations, J from cloning.h replaces J_pi. Each J gets one Adam step. Gradients are
// written by hand in critics.h and deterministic_actor.h (td3_test.cc compares them with
// PyTorch's). Nothing in Update waits for the device.
//
// Thread safety: none; one trainer thread.
#ifndef ARMATURE_LEARNER_ALGORITHMS_TD3_H_
#define ARMATURE_LEARNER_ALGORITHMS_TD3_H_

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
#include "learner/algorithms/deterministic_actor.h"
#include "learner/algorithms/trained_policy.h"
#include "learner/nn/critics.h"
#include "learner/nn/network_options.h"
#include "learner/nn/scalar_means.h"
#include "proto/learner_service.pb.h"

namespace armature {

class Td3 final : public TrainedPolicy<OffPolicyAlgorithm> {
 public:
  // Draws initial weights from `seed`, as PyTorch's Linear does unless `network` says otherwise.
  // `demonstrations` says how to learn from samples with demonstrations. Returns InvalidArgument if
  // `spec` is invalid or not a deterministic policy.
  static absl::StatusOr<std::unique_ptr<Td3>> Create(
      const Td3Config& config, const v1::PolicySpec& spec, uint64_t seed, c10::Device device,
      const NetworkOptions& network = {}, const DemonstrationsConfig& demonstrations = {});

  void set_gradient_exchange(GradientExchange* exchange) override;
  void Update(const TransitionSample& sample, double progress) override;
  at::Tensor TemporalDifferences() const override { return critics_.TemporalDifferences(); }

  // Update with a given eps: float32 [B, A].
  void UpdateWithNoise(const TransitionSample& sample, double progress, const at::Tensor& noise);

  // The gradients used by the last steps, flat, in the order of the parameters: policy [P], critics
  // (see Mlp).
  const at::Tensor& policy_gradient() const { return actor_.gradient(); }
  const at::Tensor& critic_gradient() const { return critics_.gradient(); }

 private:
  Td3(const Td3Config& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
      const NetworkOptions& network, const DemonstrationsConfig& demonstrations);

  NamedTensors Networks() const override;
  void UpdatePolicy(const TransitionSample& sample, const at::Tensor& observation,
                    double learning_rate);

  const Td3Config config_;
  const DemonstrationsConfig demonstrations_;
  DeterministicActor actor_;
  Critics critics_;
  ScalarMeans& critic_scalars_;
  ScalarMeans& policy_scalars_;
  ScalarMeans& cloning_scalars_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_TD3_H_

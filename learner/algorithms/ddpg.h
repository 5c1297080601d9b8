// Deep deterministic policy gradients (Lillicrap et al. 2015, arXiv:1509.02971).
//
// The sample is s, a, r, s', d; mu is the deterministic policy, Q the critic, and mu' and Q' are
// their slow targets:
//   y     = r + discount (1 - d) Q'(s', mu'(s'))
//   J_Q   = mean w l(Q(s, a) - y)  with w and l from critics.h
//   J_pi  = mean -Q(s, mu(s)) + action_l2 mean mu(s)^2  with the new Q
//   Q'   <- (1 - tau) Q' + tau Q,  mu' <- (1 - tau) mu' + tau mu
// With demonstrations, J from cloning.h replaces J_pi. Each J gets one Adam step. Gradients are
// written by hand in critics.h and deterministic_actor.h (ddpg_test.cc compares them with
// PyTorch's). Nothing in Update waits for the device.
//
// Thread safety: none; one trainer thread.
#ifndef ARMATURE_LEARNER_ALGORITHMS_DDPG_H_
#define ARMATURE_LEARNER_ALGORITHMS_DDPG_H_

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

class Ddpg final : public TrainedPolicy<OffPolicyAlgorithm> {
 public:
  // Draws initial weights from `seed`, as PyTorch's Linear does unless `network` says otherwise.
  // `demonstrations` says how to learn from samples with demonstrations. Returns InvalidArgument if
  // `spec` is invalid or not a deterministic policy.
  static absl::StatusOr<std::unique_ptr<Ddpg>> Create(
      const DdpgConfig& config, const v1::PolicySpec& spec, uint64_t seed, c10::Device device,
      const NetworkOptions& network = {}, const DemonstrationsConfig& demonstrations = {});

  void set_gradient_exchange(GradientExchange* exchange) override;
  void Update(const TransitionSample& sample, double progress) override;
  at::Tensor TemporalDifferences() const override { return critic_.TemporalDifferences(); }

  // The gradients used by the last update, flat, in the order of the parameters: policy [P], critic
  // (see Mlp).
  const at::Tensor& policy_gradient() const { return actor_.gradient(); }
  const at::Tensor& critic_gradient() const { return critic_.gradient(); }

 private:
  Ddpg(const DdpgConfig& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
       const NetworkOptions& network, const DemonstrationsConfig& demonstrations);

  NamedTensors Networks() const override;

  const DdpgConfig config_;
  const DemonstrationsConfig demonstrations_;
  DeterministicActor actor_;
  Critics critic_;
  ScalarMeans& scalars_;
  ScalarMeans& cloning_scalars_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_DDPG_H_

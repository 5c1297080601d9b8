// Proximal policy optimisation with a clipped objective
// (Schulman et al. 2017, arXiv:1707.06347) and generalised advantages (gae.h).
//
// Over a minibatch of the valid steps, with r = pi(a | s) / pi_behaviour(a | s) and
// the advantages A normalised to mean 0 and deviation 1 within it:
//   J_pi    = mean -min(r A, clip(r, 1 - epsilon, 1 + epsilon) A)
//   J_value = mean max((V - R)^2, (V_clipped - R)^2), R = A + V_old,
//             V_clipped = V_old + clip(V - V_old, -value_clip, value_clip)
//   J       = J_pi + value_coef J_value - entropy_coef mean entropy
// One Adam step (epsilon 1e-5) each, on a gradient scaled down to
// gradient_norm_max over both networks. Separate networks, orthogonal
// at the start where NetworkOptions say nothing else. Gradients are written out by hand
// (ppo_test.cc holds them against PyTorch's). Nothing in Update waits for the device. With
// learning_rate_schedule kl_adaptive, the mean KL divergence of a minibatch from the policy at the
// set's start, in closed form, moves the rate before the step (Rudin et al. 2021,
// arXiv:2109.11978). The observation normaliser takes in a set after the updates from it, so that
// the behaviour's log-probabilities are of the same normaliser.
//
// Shapes: S = T N steps of a set, M = minibatch_size. The S % M steps that a
// permutation leaves over sit out that epoch.
// Thread safety: none; one trainer thread.
#ifndef ARMATURE_LEARNER_ALGORITHMS_PPO_H_
#define ARMATURE_LEARNER_ALGORITHMS_PPO_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "common/policy/categorical.h"
#include "common/policy/policy_network.h"
#include "common/run_config/algorithm_config.h"
#include "learner/algorithms/algorithm.h"
#include "learner/algorithms/trained_policy.h"
#include "learner/nn/adam.h"
#include "learner/nn/mlp.h"
#include "learner/nn/network_options.h"
#include "learner/nn/scalar_means.h"
#include "proto/learner_service.pb.h"

namespace armature {

class Ppo final : public TrainedPolicy<OnPolicyAlgorithm> {
 public:
  // OK; InvalidArgument: `spec` is bad or its head neither a diagonal Gaussian
  // nor categorical.
  static absl::StatusOr<std::unique_ptr<Ppo>> Create(const PpoConfig& config,
                                                     const v1::PolicySpec& spec, uint64_t seed,
                                                     c10::Device device,
                                                     const NetworkOptions& network = {});

  void set_gradient_exchange(GradientExchange* exchange) override {
    adam_.set_gradient_exchange(exchange);
  }

  // Requires S >= M.
  void Update(const TrajectorySet& set, double progress) override;

  // Update with the order of the steps given: int64 [epochs, S].
  void UpdateInOrder(const TrajectorySet& set, double progress, const at::Tensor& order);

  // Gradients that the last minibatch stepped along (scaled down already), end to
  // end in the order of the parameters.
  const at::Tensor& policy_gradient() const { return policy_gradient_; }
  const at::Tensor& value_gradient() const { return value_gradient_; }

 private:
  struct Minibatch;
  // Scalars are [].
  struct PolicyLoss {
    at::Tensor head_gradient;  // [M, A]
    at::Tensor loss;
    at::Tensor entropy;
    at::Tensor approx_kl;
    at::Tensor clip_fraction;
  };

  Ppo(const PpoConfig& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
      const NetworkOptions& network);

  NamedTensors Networks() const override;
  at::Tensor MakeRows(const TrajectorySet& set);
  at::Tensor Values(const at::Tensor& observation) const;  // [n, D] -> [n]
  at::Tensor ExplainedVariance(const at::Tensor& rows) const;
  // KL(policy at the set's start || policy), a weighted mean over the minibatch: [].
  at::Tensor KlDivergence(const Minibatch& minibatch, const at::Tensor& head) const;
  void AdaptLearningRate(const at::Tensor& kl);
  void UpdateMinibatch(const Minibatch& minibatch, double learning_rate);
  PolicyLoss PolicyHeadLoss(const Minibatch& minibatch, const at::Tensor& head);

  const PpoConfig config_;

  // Flat parameters and their gradients; the networks are views of them.
  at::Tensor value_parameters_;
  at::Tensor gradient_;  // [policy | value]
  at::Tensor policy_gradient_;
  at::Tensor value_gradient_;
  std::optional<Categorical> categorical_;  // (Multi)Discrete only.
  at::Tensor log_std_;                      // [A]; Box only.
  at::Tensor log_std_gradient_;
  at::Tensor old_log_std_;   // [A]; Box only: at the set's start.
  at::Tensor adapted_rate_;  // []; kl_adaptive only.
  Mlp actor_;
  Mlp value_;
  Adam adam_;
  Mlp::Activations actor_activations_;
  Mlp::Activations value_activations_;

  ScalarMeans& minibatch_scalars_;
  ScalarMeans& set_scalars_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_ALGORITHMS_PPO_H_

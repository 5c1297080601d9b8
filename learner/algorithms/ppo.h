// Proximal policy optimisation with a clipped objective
// (Schulman et al. 2017, arXiv:1707.06347) and generalised advantages (gae.h).
//
// For a minibatch of valid steps, with r = pi(a | s) / pi_behaviour(a | s) and advantages A
// normalised to mean 0 and standard deviation 1 within the minibatch:
//   J_pi    = mean -min(r A, clip(r, 1 - epsilon, 1 + epsilon) A)
//   J_value = mean max((V - R)^2, (V_clipped - R)^2), R = A + V_old,
//             V_clipped = V_old + clip(V - V_old, -value_clip, value_clip)
//   J       = J_pi + value_coef J_value - entropy_coef mean entropy
// Each minibatch is one Adam step (epsilon 1e-5); the gradient's norm over both networks is limited
// to gradient_norm_max. Policy and value have separate networks with orthogonal initial weights,
// unless NetworkOptions say otherwise. Gradients are written by hand (ppo_test.cc compares them
// with PyTorch's). Nothing in Update waits for the device. With learning_rate_schedule kl_adaptive,
// the rate is adapted before each step by the minibatch's mean KL divergence, in closed form, from
// the policy at the set's start (Rudin et al. 2021, arXiv:2109.11978). A set goes into the
// observation normaliser after the updates, so that they use the same normaliser as the behaviour's
// log-probabilities.
//
// pi_behaviour is what the actor recorded with each step, which may be an older policy
// (max_policy_lag); V_old is this network's value at the set's start.
//
// With std_min, log_std is put back to log std_min after each step, as raisimGym does. Where it is
// there already, a gradient that would lower it counts as 0, so that it limits nothing else.
//
// With symmetry `augment`, each minibatch is followed by its mirror image: observations and actions
// mirrored; log-probability of the behaviour, A and V_old as they were (Mittal et al. 2024,
// arXiv:2403.04359). All means above are then over both. The mirrored observations go into the
// normaliser too, so that it treats both sides alike.
//
// Shapes: S = T N steps of a set, M = minibatch_size, or twice that with `augment`. Each epoch
// leaves out the last S % minibatch_size steps of its permutation. Thread safety: none; one trainer
// thread.
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
#include "common/spec/mirror.h"
#include "learner/algorithms/algorithm.h"
#include "learner/algorithms/signed_columns.h"
#include "learner/algorithms/trained_policy.h"
#include "learner/nn/adam.h"
#include "learner/nn/mlp.h"
#include "learner/nn/network_options.h"
#include "learner/nn/scalar_means.h"
#include "proto/learner_service.pb.h"

namespace armature {

class Ppo final : public TrainedPolicy<OnPolicyAlgorithm> {
 public:
  // `mirror` is the environment's. Returns InvalidArgument if `spec` is invalid, its head is
  // neither a diagonal Gaussian nor categorical, or config.symmetry needs a mirror and there is
  // none.
  static absl::StatusOr<std::unique_ptr<Ppo>> Create(const PpoConfig& config,
                                                     const v1::PolicySpec& spec, uint64_t seed,
                                                     c10::Device device,
                                                     const NetworkOptions& network = {},
                                                     const std::optional<MirrorSpec>& mirror = {});

  void set_gradient_exchange(GradientExchange* exchange) override {
    adam_.set_gradient_exchange(exchange);
  }

  // Requires S >= M.
  void Update(const TrajectorySet& set, double progress) override;

  // Update with a given order of the steps: int64 [epochs, S].
  void UpdateInOrder(const TrajectorySet& set, double progress, const at::Tensor& order);

  // The gradients used by the last minibatch (after limiting the norm), flat, in the order of the
  // parameters.
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

  // The mirror images of a set's observations and actions.
  struct Mirrors {
    SignedColumns observation;
    SignedColumns action;
  };

  Ppo(const PpoConfig& config, std::unique_ptr<PolicyNetwork> policy, uint64_t seed,
      const NetworkOptions& network, std::optional<Mirrors> mirrors);

  NamedTensors Networks() const override;
  at::Tensor MakeRows(const TrajectorySet& set);
  at::Tensor MirrorRows(const TrajectorySet& set, const at::Tensor& rows) const;
  void ObserveSet(const TrajectorySet& set);
  at::Tensor Values(const at::Tensor& observation) const;  // [n, D] -> [n]
  at::Tensor ExplainedVariance(const at::Tensor& rows) const;
  // KL(policy at the set's start || policy), a weighted mean over the minibatch: [].
  at::Tensor KlDivergence(const Minibatch& minibatch, const at::Tensor& head) const;
  void AdaptLearningRate(const at::Tensor& kl);
  void UpdateMinibatch(const Minibatch& minibatch, double learning_rate);
  PolicyLoss PolicyHeadLoss(const Minibatch& minibatch, const at::Tensor& head);

  const PpoConfig config_;
  const double log_std_min_;              // Minus infinity without std_min.
  const std::optional<Mirrors> mirrors_;  // `augment` only.

  // Flat parameters and their gradients; the networks are views of them.
  at::Tensor value_parameters_;
  at::Tensor gradient_;  // [policy | value]
  at::Tensor policy_gradient_;
  at::Tensor value_gradient_;
  std::optional<Categorical> categorical_;  // (Multi)Discrete only.
  at::Tensor log_std_;                      // [A]; Box only.
  at::Tensor log_std_gradient_;
  at::Tensor old_log_std_;   // [A], at the set's start; Box only.
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

// Adaptive parameter noise (Plappert et al. 2017, arXiv:1706.01905): each slot acts
// for an episode with a policy of its own, the weights of which are moved by
// std N(0, 1); layer norms' gains and biases stay. Every adapt_steps steps of a slot
//   distance = sqrt(mean (mu~(s) - mu(s))^2)  over those steps and the action's components
//   std     <- std factor where distance < action_distance, else std / factor
// so that exploration keeps its size in actions while the weights grow.
//
// Data flow: PolicyRunner's actions -> Perturb -> PolicyRunner's exploration.
// The move of the weights is kept through an episode, whatever policies are published
// meanwhile. All of a slot depends on the seed, its own steps and the policies alone:
// its passes have one row, so their rounding does not depend on the other slots.
// Bounds: two vectors of the policy's size for each slot; std at most 10.
// Shapes: D observation size, A action size. Thread safety: compatible.
#ifndef ARMATURE_ACTOR_ACT_PARAMETER_NOISE_H_
#define ARMATURE_ACTOR_ACT_PARAMETER_NOISE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "actor/act/policy_store.h"
#include "c10/core/Device.h"
#include "common/policy/policy_network.h"
#include "common/random/rng.h"
#include "proto/learner_service.pb.h"

namespace armature {

class ParameterNoise {
 public:
  // Slots are 0 .. num_slots - 1.
  // OK; InvalidArgument: a number of `settings` is out of its bounds, or `policy` is
  // not HEAD_TANH with layer norm (says which).
  static absl::StatusOr<std::unique_ptr<ParameterNoise>> Create(
      const v1::Exploration::ParameterNoise& settings, const v1::PolicySpec& policy,
      int64_t num_slots, c10::Device device, uint64_t seed);

  // All slots' generators and deviations begin anew, as if created with this seed.
  void Reseed(uint64_t seed);
  // The slot's next step draws another move of the weights.
  void BeginEpisode(int64_t slot);

  // Sets `action`, [A], which is the policy's own for `observation`, [D] and raw, to
  // that of the slot's moved policy. `policy` must have a network.
  void Perturb(const PolicySnapshot& policy, int64_t slot, absl::Span<const float> observation,
               absl::Span<float> action);

  // Over the slots.
  double std_mean() const;
  // Of the latest adaptations; NaN before the first.
  double distance_mean() const;

 private:
  struct Slot {
    Rng rng;
    double std;
    at::Tensor direction;  // [P]; undefined: to be drawn.
    std::unique_ptr<PolicyNetwork> network;
    // What `network` was made from; null: made from nothing yet.
    std::shared_ptr<const PolicyNetwork> base;
    double network_std = 0;
    double square_sum = 0;  // Of the steps since the last adaptation.
    uint32_t steps = 0;
    double distance;  // NaN: none yet.
  };

  ParameterNoise(const v1::Exploration::ParameterNoise& settings, c10::Device device)
      : settings_(settings), device_(device) {}

  void DrawDirection(Slot* slot) const;
  void MoveWeights(const PolicySnapshot& policy, Slot* slot) const;
  void Adapt(int64_t action_size, Slot* slot) const;

  const v1::Exploration::ParameterNoise settings_;
  const c10::Device device_;
  std::vector<Slot> slots_;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_ACT_PARAMETER_NOISE_H_

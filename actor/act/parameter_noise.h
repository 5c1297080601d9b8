// Adaptive parameter noise (Plappert et al. 2017, arXiv:1706.01905): during an episode, each slot
// acts with its own copy of the policy, with weights perturbed by std N(0, 1); gains and biases of
// layer norms are not perturbed. Every adapt_steps steps of a slot:
//   distance = sqrt(mean (mu~(s) - mu(s))^2)  over those steps and the action's components
//   std     <- std factor if distance < action_distance, else std / factor
// so that exploration keeps its size in actions while the weights grow.
//
// Data flow: PolicyRunner's actions -> Perturb -> PolicyRunner's exploration.
// A perturbation lasts for a whole episode, even if new policies are published. A slot's actions
// depend only on the seed, its own steps and the policies: its forward passes have one row, so
// their rounding does not depend on other slots.
// Bounds: two vectors of the policy's size for each slot; std is at most 10.
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
  // Returns InvalidArgument if a number in `settings` is out of bounds, or `policy` is not
  // HEAD_TANH with layer norm; the message says which.
  static absl::StatusOr<std::unique_ptr<ParameterNoise>> Create(
      const v1::Exploration::ParameterNoise& settings, const v1::PolicySpec& policy,
      int64_t num_slots, c10::Device device, uint64_t seed);

  // Restarts all slots' generators and stds, as if created with this seed.
  void Reseed(uint64_t seed);
  // The slot's next step draws a new perturbation.
  void BeginEpisode(int64_t slot);

  // Replaces `action`, [A], the policy's own for `observation` ([D], raw), by that of the slot's
  // perturbed policy. `policy` must have a network.
  void Perturb(const PolicySnapshot& policy, int64_t slot, absl::Span<const float> observation,
               absl::Span<float> action);

  // Mean std over the slots.
  double std_mean() const;
  // Mean distance of the slots' latest adaptations; NaN before the first.
  double distance_mean() const;

 private:
  struct Slot {
    Rng rng;
    double std;
    at::Tensor direction;  // [P]; undefined: not drawn yet.
    std::unique_ptr<PolicyNetwork> network;
    // The policy that `network` is a perturbation of; null before the first.
    std::shared_ptr<const PolicyNetwork> base;
    double network_std = 0;
    double square_sum = 0;  // Over the steps since the last adaptation.
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

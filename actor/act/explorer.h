// Adds exploration to a policy's actions, separately for each slot, as described by Exploration in
// proto/learner_service.proto.
//
// Each slot has its own random generator, seeded by (seed, slot). Its random numbers depend on how
// often it has acted, not on which slots share a batch or which server hosts them.
// Ornstein-Uhlenbeck noise (Uhlenbeck and Ornstein 1930; Lillicrap et al. 2015):
//   x <- x - theta x dt + sigma sqrt(dt) N(0, 1)
// Units: Box actions in [-1, 1]; (Multi)Discrete the index of each component's choice.
// A = ActionSpec::size().
// Thread safety: compatible.
#ifndef ARMATURE_ACTOR_ACT_EXPLORER_H_
#define ARMATURE_ACTOR_ACT_EXPLORER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/random/rng.h"
#include "common/spec/env_spec.h"
#include "proto/learner_service.pb.h"

namespace armature {

class Explorer {
 public:
  // Slots are 0 .. num_slots - 1.
  // Returns InvalidArgument naming the field of `exploration` that is out of bounds.
  static absl::StatusOr<Explorer> Create(const v1::Exploration& exploration,
                                         const ActionSpec& action, int64_t num_slots,
                                         uint64_t seed);

  // Restarts all slots' generators and noise, as if created with this seed.
  void Reseed(uint64_t seed);
  // Restarts the slot's noise.
  void BeginEpisode(int64_t slot);

  // Whether to act at random because the policy version is still too low.
  bool ActsAtRandom(uint64_t policy_version) const;
  // Sets `action`, [A], to a uniformly random action.
  void DrawUniform(int64_t slot, absl::Span<float> action);
  // Log-probability of such an action.
  float uniform_log_prob() const;

  // Adds one control step's noise to `action`, [A], and clips it.
  void AddNoise(int64_t slot, absl::Span<float> action);
  // Decides by chance whether this step acts at random; if so, calls DrawUniform.
  bool ReplaceAtRandom(int64_t slot, absl::Span<float> action);

 private:
  struct Slot {
    Rng rng;
    std::vector<double> correlated_noise;  // x, [A]; empty if not used.
  };

  Explorer(const v1::Exploration& exploration, const ActionSpec& action, int64_t num_slots,
           uint64_t seed);

  v1::Exploration exploration_;
  int64_t action_size_;
  std::vector<int64_t> choices_;  // [A]; empty: Box.
  std::vector<Slot> slots_;
};

}  // namespace armature

#endif  // ARMATURE_ACTOR_ACT_EXPLORER_H_

// How an actor departs from its policy, slot by slot: what the Exploration of
// proto/learner_service.proto says.
//
// Each slot draws from a generator of its own, seeded by (seed, slot): what it draws
// depends on how often it has acted, not on which slots share a batch or which
// server hosts them.
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
  // OK; InvalidArgument names the field of `exploration` that is out of its bounds.
  static absl::StatusOr<Explorer> Create(const v1::Exploration& exploration,
                                         const ActionSpec& action, int64_t num_slots,
                                         uint64_t seed);

  // All slots' generators and noise begin anew, as if created with this seed.
  void Reseed(uint64_t seed);
  // The slot's noise begins anew.
  void BeginEpisode(int64_t slot);

  // Whether the policy of this version is not to act yet.
  bool ActsAtRandom(uint64_t policy_version) const;
  // Sets `action`, [A], to a uniformly random one.
  void DrawUniform(int64_t slot, absl::Span<float> action);
  // Of such an action.
  float uniform_log_prob() const;

  // Adds one control step's noise to `action`, [A], and clips it.
  void AddNoise(int64_t slot, absl::Span<float> action);
  // Draws whether this step acts at random; if so, DrawUniform.
  bool ReplaceAtRandom(int64_t slot, absl::Span<float> action);

 private:
  struct Slot {
    Rng rng;
    std::vector<double> correlated_noise;  // x, [A]; empty where there is none.
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

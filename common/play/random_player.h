// Plays uniformly random actions: within the bounds of a Box, or over the choices of a
// (Multi)Discrete.
//
// Thread safety: compatible.
#ifndef ARMATURE_COMMON_PLAY_RANDOM_PLAYER_H_
#define ARMATURE_COMMON_PLAY_RANDOM_PLAYER_H_

#include <cstdint>
#include <vector>

#include "common/play/slot_player.h"
#include "common/random/rng.h"
#include "common/spec/env_spec.h"

namespace armature {

class RandomPlayer final : public SlotPlayer {
 public:
  RandomPlayer(const ActionSpec& action, uint64_t seed) : action_(action), seed_(seed) {}

  absl::Status Begin(int64_t first_episode, int64_t num_slots) override;
  absl::StatusOr<std::vector<float>> Act(const std::vector<float>& observation) override;

 private:
  const ActionSpec action_;
  const uint64_t seed_;
  std::vector<Rng> slots_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_RANDOM_PLAYER_H_

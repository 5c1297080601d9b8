// Chooses the actions of a session in which each slot plays one episode.
//
// What is played in an episode depends only on its number, not on how many run in parallel.
// Shapes: n slots; D observation size; A = ActionSpec::size().
// Thread safety: compatible.
#ifndef ARMATURE_COMMON_PLAY_SLOT_PLAYER_H_
#define ARMATURE_COMMON_PLAY_SLOT_PLAYER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace armature {

class SlotPlayer {
 public:
  virtual ~SlotPlayer() = default;

  // Starts a session: slot i plays episode first_episode + i.
  // Returns InvalidArgument if the player does not fit the environment.
  virtual absl::Status Begin(int64_t first_episode, int64_t num_slots) = 0;

  // Returns actions [n, A] in the environment's units, within its bounds. `observation` is raw,
  // float32 [n, D]. Call it after Begin.
  // Returns Internal if an action is not finite.
  virtual absl::StatusOr<std::vector<float>> Act(const std::vector<float>& observation) = 0;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_SLOT_PLAYER_H_

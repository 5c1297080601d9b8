// Who decides the actions of a session whose slots play one episode each.
//
// What is played in an episode depends on its number alone, never on how many are
// played side by side.
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

  // A session begins: slot i plays episode first_episode + i.
  // OK; InvalidArgument: the player does not fit the environment.
  virtual absl::Status Begin(int64_t first_episode, int64_t num_slots) = 0;

  // `observation`: float32 [n, D], raw. Actions [n, A] in the environment's units,
  // within its bounds. After Begin.
  // OK; Internal: an action is not finite.
  virtual absl::StatusOr<std::vector<float>> Act(const std::vector<float>& observation) = 0;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_PLAY_SLOT_PLAYER_H_

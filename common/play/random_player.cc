#include "common/play/random_player.h"

namespace armature {

absl::Status RandomPlayer::Begin(int64_t first_episode, int64_t num_slots) {
  slots_.clear();
  for (int64_t slot = 0; slot < num_slots; ++slot) {
    slots_.emplace_back(Rng({seed_, static_cast<uint64_t>(first_episode + slot)}));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<float>> RandomPlayer::Act(const std::vector<float>& /*observation*/) {
  std::vector<float> actions;
  for (Rng& rng : slots_) {
    for (int64_t choices : action_.choices) {
      actions.push_back(static_cast<float>(rng.Index(choices)));
    }
    for (size_t i = 0; i < action_.low.size(); ++i) {
      actions.push_back(static_cast<float>(rng.Uniform(action_.low[i], action_.high[i])));
    }
  }
  return actions;
}

}  // namespace armature

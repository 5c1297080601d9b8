#include "actor/episode_tracker.h"

namespace armature {

EpisodeTracker::EpisodeTracker(int64_t num_slots) : running_(num_slots) {}

std::vector<EpisodeTracker::Ended> EpisodeTracker::OnStep(const DecodedStep& step) {
  std::vector<Ended> ended;
  for (int64_t slot = 0; slot < step.num_slots(); ++slot) {
    Running& running = running_[slot];
    if (step.step == 0 || step.restarted[slot] != 0) {
      running = Running();
      continue;
    }
    running.return_sum += step.reward[slot];
    ++running.length;
    if (!step.ended(slot)) continue;
    v1::Episode episode;
    episode.set_return_sum(running.return_sum);
    episode.set_length(running.length);
    episode.set_is_success(step.is_success[slot] != 0);
    ended.push_back({slot, episode});
    running = Running();
  }
  return ended;
}

}  // namespace armature

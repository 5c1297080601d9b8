#include "common/play/episode_tracker.h"

namespace armature {

EpisodeTracker::EpisodeTracker(int64_t num_slots, int64_t steps_max)
    : steps_max_(steps_max), running_(num_slots) {}

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
    const bool cut = !step.ended(slot) && steps_max_ > 0 && running.length >= steps_max_;
    if (!step.ended(slot) && !cut) continue;
    v1::Episode episode;
    episode.set_return_sum(running.return_sum);
    episode.set_length(running.length);
    episode.set_is_success(step.is_success[slot] != 0);
    episode.set_cut(cut);
    ended.push_back({slot, episode});
    running = Running();
  }
  return ended;
}

}  // namespace armature

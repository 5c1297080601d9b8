#include "common/play/episode_tracker.h"

namespace armature {

EpisodeTracker::EpisodeTracker(const EnvSpec& env, int64_t num_slots, int64_t steps_max)
    : steps_max_(steps_max), running_(num_slots), metrics_(env.metrics, num_slots) {}

void EpisodeTracker::Begin(int64_t slot) {
  running_[slot] = Running();
  metrics_.Begin(slot);
}

v1::Episode EpisodeTracker::Finish(int64_t slot, bool is_success) const {
  v1::Episode episode;
  episode.set_return_sum(running_[slot].return_sum);
  episode.set_length(running_[slot].length);
  episode.set_is_success(is_success);
  metrics_.Write(slot, &episode);
  const int64_t count = static_cast<int64_t>(parameter_.size() / running_.size());
  const auto begin = parameter_.begin() + slot * count;
  episode.mutable_parameter()->Add(begin, begin + count);
  return episode;
}

std::vector<EpisodeTracker::Ended> EpisodeTracker::OnStep(const DecodedStep& step) {
  std::vector<Ended> ended;
  for (int64_t slot = 0; slot < step.num_slots(); ++slot) {
    if (step.step == 0 || step.restarted[slot] != 0) {
      Begin(slot);
      continue;
    }
    Running& running = running_[slot];
    running.return_sum += step.reward[slot];
    ++running.length;
    metrics_.Add(slot,
                 absl::MakeConstSpan(step.metric).subspan(slot * metrics_.size(), metrics_.size()));
    const bool cut = !step.ended(slot) && steps_max_ > 0 && running.length >= steps_max_;
    if (!step.ended(slot) && !cut) continue;
    ended.push_back({slot, Finish(slot, step.is_success[slot] != 0)});
    ended.back().episode.set_cut(cut);
    Begin(slot);
  }
  parameter_ = step.parameter;  // Where an episode ended, already the next one's.
  return ended;
}

}  // namespace armature

#include "actor/collector.h"

#include <algorithm>

namespace armature {

Collector::Collector(const std::vector<Group>& groups) {
  for (const Group& group : groups) trackers_.emplace_back(group.size);
}

int64_t Collector::OnStep(size_t group, const DecodedStep& step, absl::Time now) {
  const std::vector<EpisodeTracker::Ended> ended = trackers_[group].OnStep(step);
  for (const EpisodeTracker::Ended& end : ended) *counts_.add_episodes() = end.episode;
  if (step.step > 0) {
    counts_.set_restarted_slots(counts_.restarted_slots() +
                                std::count(step.restarted.begin(), step.restarted.end(), 1));
  }
  Cut(group, step, now);
  return static_cast<int64_t>(ended.size());
}

void Collector::TakeCounts(v1::ExperienceBatch* batch) {
  batch->MergeFrom(counts_);
  counts_.Clear();
}

}  // namespace armature

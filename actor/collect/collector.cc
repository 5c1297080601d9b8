#include "actor/collect/collector.h"

#include <algorithm>
#include <string>
#include <utility>

namespace armature {
namespace {

// Limit of ExperienceBatch.fault on the wire.
constexpr size_t kFaultBytesMax = 500;

// Returns the beginning of `line`. Never cuts within a character, since strings on the wire are
// UTF-8.
std::string Shorten(const std::string& line) {
  size_t size = std::min(line.size(), kFaultBytesMax);
  while (size > 0 && size < line.size() && (line[size] & 0xc0) == 0x80) --size;
  return line.substr(0, size);
}

}  // namespace

Collector::Collector(const std::vector<Group>& groups, const EnvSpec& env) : layout_(groups) {
  for (const Group& group : groups) trackers_.emplace_back(env, group.size);
}

int64_t Collector::OnStep(size_t group, const DecodedStep& step, absl::Time now) {
  std::vector<EpisodeTracker::Ended> ended = trackers_[group].OnStep(step);
  for (EpisodeTracker::Ended& end : ended) {
    episodes_.push_back({step.step, layout_[group].first_slot + end.slot, std::move(end.episode)});
  }
  if (step.step > 0) {
    counts_.set_restarted_slots(counts_.restarted_slots() +
                                std::count(step.restarted.begin(), step.restarted.end(), 1));
    if (!step.fault.empty()) counts_.set_fault(Shorten(step.fault.back()));
  }
  Cut(group, step, now);
  return static_cast<int64_t>(ended.size());
}

void Collector::SortEpisodes() {
  std::sort(episodes_.begin(), episodes_.end(), [](const EndedEpisode& a, const EndedEpisode& b) {
    return std::pair(a.step, a.slot) < std::pair(b.step, b.slot);
  });
}

void Collector::TakeCounts(v1::ExperienceBatch* batch) {
  for (EndedEpisode& ended : episodes_) *batch->add_episodes() = std::move(ended.episode);
  episodes_.clear();
  batch->MergeFrom(counts_);
  counts_.Clear();
}

}  // namespace armature

#include "actor/evaluation_tally.h"

namespace armature {

EvaluationTally::EvaluationTally(int64_t episodes, int64_t num_slots)
    : quota_(num_slots, episodes / num_slots),
      counted_(num_slots),
      tracker_(num_slots),
      missing_(episodes) {
  for (int64_t slot = 0; slot < episodes % num_slots; ++slot) ++quota_[slot];
}

void EvaluationTally::OnStep(const DecodedStep& step) {
  for (const EpisodeTracker::Ended& ended : tracker_.OnStep(step)) {
    std::vector<v1::Episode>& counted = counted_[ended.slot];
    if (static_cast<int64_t>(counted.size()) == quota_[ended.slot]) continue;
    counted.push_back(ended.episode);
    --missing_;
  }
}

std::vector<v1::Episode> EvaluationTally::episodes() const {
  std::vector<v1::Episode> all;
  for (const std::vector<v1::Episode>& counted : counted_) {
    all.insert(all.end(), counted.begin(), counted.end());
  }
  return all;
}

}  // namespace armature

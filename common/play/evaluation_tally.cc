#include "common/play/evaluation_tally.h"

namespace armature {

EvaluationTally::EvaluationTally(const EnvSpec& env, int64_t episodes, int64_t num_slots,
                                 int64_t steps_max)
    : quota_(num_slots, episodes / num_slots),
      counted_(num_slots),
      waits_(num_slots),
      tracker_(env, num_slots, steps_max),
      missing_(episodes) {
  for (int64_t slot = 0; slot < episodes % num_slots; ++slot) ++quota_[slot];
}

void EvaluationTally::OnStep(const DecodedStep& step) {
  if (step.step == 0) waits_.assign(waits_.size(), false);
  for (const EpisodeTracker::Ended& ended : tracker_.OnStep(step)) {
    std::vector<v1::Episode>& counted = counted_[ended.slot];
    if (waits_[ended.slot] || static_cast<int64_t>(counted.size()) == quota_[ended.slot]) continue;
    counted.push_back(ended.episode);
    waits_[ended.slot] = ended.episode.cut();
    --missing_;
  }
}

bool EvaluationTally::awaits_reset() const {
  for (size_t slot = 0; slot < counted_.size(); ++slot) {
    if (static_cast<int64_t>(counted_[slot].size()) < quota_[slot] && !waits_[slot]) return false;
  }
  return !complete();
}

std::vector<v1::Episode> EvaluationTally::episodes() const {
  std::vector<v1::Episode> all;
  for (const std::vector<v1::Episode>& counted : counted_) {
    all.insert(all.end(), counted.begin(), counted.end());
  }
  return all;
}

}  // namespace armature

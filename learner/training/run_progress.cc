#include "learner/training/run_progress.h"

#include <algorithm>

#include "common/sync/steady_time.h"
#include "learner/intake/experience_check.h"

namespace armature {

void RunProgress::CountBatch(const v1::ExperienceBatch& batch) {
  if (first_experience_ == absl::InfiniteFuture()) first_experience_ = SteadyTime();
  counters_.env_steps += ExperienceSteps(batch);
  counters_.episodes += batch.episodes_size();
  counters_.restarted_slots += batch.restarted_slots();
}

RunCounters RunProgress::counters() const {
  RunCounters counters = counters_;
  const absl::Duration now = SteadyTime() - first_experience_;
  counters.wall_s += std::max(0.0, absl::ToDoubleSeconds(now));
  return counters;
}

double RunProgress::fraction() const {
  return std::min(1.0, static_cast<double>(run_env_steps()) / total_env_steps_);
}

}  // namespace armature

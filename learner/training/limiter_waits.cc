#include "learner/training/limiter_waits.h"

namespace armature {

void LimiterWaits::Count(bool insert_blocked, bool update_blocked, absl::Time now) {
  const double seconds = absl::ToDoubleSeconds(now - last_);
  if (insert_blocked_) metrics_->insert_wait_seconds.Increment(seconds);
  if (update_blocked_) metrics_->sample_wait_seconds.Increment(seconds);
  insert_blocked_ = insert_blocked;
  update_blocked_ = update_blocked;
  last_ = now;
}

}  // namespace armature

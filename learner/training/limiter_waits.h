// Counts for how long the samples-per-insert limiter holds either side back.
//
// Thread safety: none; belongs to the trainer's thread.
#ifndef ARMATURE_LEARNER_TRAINING_LIMITER_WAITS_H_
#define ARMATURE_LEARNER_TRAINING_LIMITER_WAITS_H_

#include "absl/time/time.h"
#include "learner/status/learner_metrics.h"

namespace armature {

class LimiterWaits {
 public:
  // `metrics` must outlive it.
  LimiterWaits(LearnerMetrics* metrics, absl::Time now) : metrics_(metrics), last_(now) {}

  // Once a pass: whether actors and whether updates are held back until the next one.
  void Count(bool insert_blocked, bool update_blocked, absl::Time now);

 private:
  LearnerMetrics* const metrics_;
  bool insert_blocked_ = false;
  bool update_blocked_ = false;
  absl::Time last_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_LIMITER_WAITS_H_

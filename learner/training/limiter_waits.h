// Measures how long the samples-per-insert limiter holds each side back.
//
// Thread safety: none; belongs to the trainer's thread.
#ifndef ARMATURE_LEARNER_TRAINING_LIMITER_WAITS_H_
#define ARMATURE_LEARNER_TRAINING_LIMITER_WAITS_H_

#include "absl/time/time.h"
#include "learner/status/learner_metrics.h"

namespace armature {

class LimiterWaits {
 public:
  // `metrics` must outlive this.
  LimiterWaits(LearnerMetrics* metrics, absl::Time now) : metrics_(metrics), last_(now) {}

  // Call once per pass. Says whether actors and updates are held back until the next pass.
  void Count(bool insert_blocked, bool update_blocked, absl::Time now);

 private:
  LearnerMetrics* const metrics_;
  bool insert_blocked_ = false;
  bool update_blocked_ = false;
  absl::Time last_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_LIMITER_WAITS_H_

// Puts arrived batches into the learning core or refuses them. Counts and acknowledges both.
//
// Thread safety: none; belongs to the trainer's thread.
#ifndef ARMATURE_LEARNER_TRAINING_EXPERIENCE_SINK_H_
#define ARMATURE_LEARNER_TRAINING_EXPERIENCE_SINK_H_

#include <string>

#include "absl/time/time.h"
#include "learner/intake/experience_intake.h"
#include "learner/intake/experience_watch.h"
#include "learner/status/learner_metrics.h"
#include "learner/training/learning_core.h"
#include "learner/training/run_progress.h"

namespace armature {

class ExperienceSink {
 public:
  // The pointers must outlive this. For `unusable_timeout` see ExperienceWatch.
  ExperienceSink(absl::Duration unusable_timeout, ExperienceIntake* intake, RunProgress* progress,
                 LearnerMetrics* metrics)
      : intake_(intake), progress_(progress), metrics_(metrics), watch_(unusable_timeout) {}

  // Stores the entry in `core`, or refuses it if `core` does not accept it.
  void Store(const ExperienceIntake::Entry& entry, LearningCore* core);
  // Refuses an entry with bad content (see ExperienceIntake).
  void Refuse(const ExperienceIntake::Entry& entry);
  // Sets the metrics of what `core` holds.
  void ShowHolding(const LearningCore& core) const;

  // See ExperienceWatch.
  std::string Problem(absl::Time now) { return watch_.Problem(now); }
  std::string ProblemAtEnd() const { return watch_.ProblemAtEnd(); }

 private:
  ExperienceIntake* const intake_;
  RunProgress* const progress_;
  LearnerMetrics* const metrics_;
  ExperienceWatch watch_;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_TRAINING_EXPERIENCE_SINK_H_

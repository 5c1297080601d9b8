// The learning rate for the schedules that do not depend on the update itself:
//   constant   learning_rate
//   linear     learning_rate (1 - progress)
// It depends only on the run's progress, so a resumed run continues where it was.
#ifndef ARMATURE_LEARNER_NN_LEARNING_RATE_H_
#define ARMATURE_LEARNER_NN_LEARNING_RATE_H_

#include "absl/strings/string_view.h"

namespace armature {

// `progress` in [0, 1] is how much of the run is done. Any other schedule starts at
// `learning_rate`, so it is treated as constant here.
inline double ScheduledLearningRate(double learning_rate, absl::string_view schedule,
                                    double progress) {
  return schedule == "linear" ? learning_rate * (1 - progress) : learning_rate;
}

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_LEARNING_RATE_H_

// The learning rate of an update, by the schedules that do not look at the update
// itself:
//   constant   learning_rate
//   linear     learning_rate (1 - progress)
// A function of the run's progress alone, so a resumed run goes on where it was.
#ifndef ARMATURE_LEARNER_NN_LEARNING_RATE_H_
#define ARMATURE_LEARNER_NN_LEARNING_RATE_H_

#include "absl/strings/string_view.h"

namespace armature {

// `progress` in [0, 1] is how much of the run is done. Any other schedule begins at
// `learning_rate`, as the constant one.
inline double ScheduledLearningRate(double learning_rate, absl::string_view schedule,
                                    double progress) {
  return schedule == "linear" ? learning_rate * (1 - progress) : learning_rate;
}

}  // namespace armature

#endif  // ARMATURE_LEARNER_NN_LEARNING_RATE_H_

// What the learner waits for: a word for dashboards and alerts, and a sentence.
#ifndef ARMATURE_LEARNER_STATUS_WAIT_REASON_H_
#define ARMATURE_LEARNER_STATUS_WAIT_REASON_H_

#include <string>

namespace armature {

enum class WaitReason {
  kNothing,     // Trains, or the run is over.
  kFirstActor,  // No actor has sent an environment yet.
  kWarmUp,      // Fewer than replay.size_min transitions so far.
  kExperience,  // Actors are behind: limiter, or a set or round still being collected.
  kLearner,     // Actors wait for the learner: limiter, or a full set.
  kEvaluation,  // The final one; in a reproducible run any.
  kReplicas,    // To average or to join.
  kCheckpoint,  // Writing one.
  kUpdate,      // The last update failed: no rewards for hindsight.
};

// The label in metrics.
inline const char* WaitLabel(WaitReason reason) {
  switch (reason) {
    case WaitReason::kNothing:
      return "nothing";
    case WaitReason::kFirstActor:
      return "first_actor";
    case WaitReason::kWarmUp:
      return "warm_up";
    case WaitReason::kExperience:
      return "experience";
    case WaitReason::kLearner:
      return "learner";
    case WaitReason::kEvaluation:
      return "evaluation";
    case WaitReason::kReplicas:
      return "replicas";
    case WaitReason::kCheckpoint:
      return "checkpoint";
    case WaitReason::kUpdate:
      return "update";
  }
  return "";
}

inline constexpr WaitReason kWaitReasons[] = {
    WaitReason::kNothing,    WaitReason::kFirstActor, WaitReason::kWarmUp,
    WaitReason::kExperience, WaitReason::kLearner,    WaitReason::kEvaluation,
    WaitReason::kReplicas,   WaitReason::kCheckpoint, WaitReason::kUpdate,
};

struct WaitState {
  WaitReason reason = WaitReason::kNothing;
  std::string sentence;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_STATUS_WAIT_REASON_H_

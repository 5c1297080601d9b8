// What the learner waits for: a word for dashboards and alerts, and a sentence.
#ifndef ARMATURE_LEARNER_STATUS_WAIT_REASON_H_
#define ARMATURE_LEARNER_STATUS_WAIT_REASON_H_

#include <string>

namespace armature {

enum class WaitReason {
  kNothing,     // It trains, or the run is over.
  kFirstActor,  // Nobody has brought an environment yet.
  kWarmUp,      // Less than replay.size_min transitions are there.
  kExperience,  // Actors are behind: the limiter, or a set or turn that is being collected.
  kLearner,     // Actors wait for it: the limiter, or a set that is full.
  kEvaluation,  // The final one, or in a reproducible run any.
  kReplicas,    // To average, or to join.
  kCheckpoint,  // It writes one.
  kUpdate,      // The last update failed: hindsight's rewards do not come.
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

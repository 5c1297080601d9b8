// The reward of an environment whose task is a goal, as a function of goals alone.
//
// Thread safety: none; the replay's owner calls it.
#ifndef ARMATURE_LEARNER_REPLAY_GOAL_REWARD_H_
#define ARMATURE_LEARNER_REPLAY_GOAL_REWARD_H_

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"

namespace armature {

class GoalReward {
 public:
  struct Outcome {
    at::Tensor reward;      // float32 [n]
    at::Tensor terminated;  // float32 [n], 0 or 1: whether it ends the episode by itself
  };
  virtual ~GoalReward() = default;

  // What a step earns that reaches `achieved` when `desired` is the goal; both
  // float32 [n, g] on the replay's device. Any error fails the Sample that asked.
  virtual absl::StatusOr<Outcome> Compute(const at::Tensor& achieved,
                                          const at::Tensor& desired) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_GOAL_REWARD_H_

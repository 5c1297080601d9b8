// The reward of a goal-based environment, as a function of goals and of what else it needs of a
// step (GoalSpec::extra).
//
// Thread safety: none; called by the replay's owner.
#ifndef ARMATURE_LEARNER_REPLAY_GOAL_REWARD_H_
#define ARMATURE_LEARNER_REPLAY_GOAL_REWARD_H_

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"

namespace armature {

class GoalReward {
 public:
  struct Outcome {
    at::Tensor reward;      // float32 [n]
    at::Tensor terminated;  // float32 [n], 0 or 1: whether the step terminates the episode
  };
  virtual ~GoalReward() = default;

  // Returns the reward of a step that reaches `achieved` when the goal is `desired`, both float32
  // [n, g]; `extra`, float32 [n, E], is the step's own. All on the replay's device. An error fails
  // the Sample call that needed it.
  virtual absl::StatusOr<Outcome> Compute(const at::Tensor& achieved, const at::Tensor& desired,
                                          const at::Tensor& extra) = 0;
};

}  // namespace armature

#endif  // ARMATURE_LEARNER_REPLAY_GOAL_REWARD_H_

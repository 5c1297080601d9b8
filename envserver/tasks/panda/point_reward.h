// The reward of tasks with a point as goal, where d = |achieved - desired|:
//   sparse: -1 if d > threshold, else 0;   dense: -d.
// Success: d < threshold.
//
// Thread safety: const.
#ifndef ARMATURE_ENVSERVER_TASKS_PANDA_POINT_REWARD_H_
#define ARMATURE_ENVSERVER_TASKS_PANDA_POINT_REWARD_H_

#include "absl/types/span.h"

namespace armature {

enum class RewardType { kSparse, kDense };

class PointReward {
 public:
  struct Result {
    float reward;
    bool is_success;
  };

  PointReward(RewardType type, double distance_threshold_m)
      : type_(type), distance_threshold_m_(distance_threshold_m) {}

  // Both goals must have the same size.
  Result operator()(absl::Span<const float> achieved_goal,
                    absl::Span<const float> desired_goal) const;

  // Returns the lowest possible reward for goals of `size` components within +-bound.
  double Low(int size, double bound) const;

 private:
  RewardType type_;
  double distance_threshold_m_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_PANDA_POINT_REWARD_H_

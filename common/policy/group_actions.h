// The policy's actions for one group of n slots; A = ActionSpec::size().
#ifndef ARMATURE_COMMON_POLICY_GROUP_ACTIONS_H_
#define ARMATURE_COMMON_POLICY_GROUP_ACTIONS_H_

#include <cstdint>
#include <vector>

namespace armature {

struct GroupActions {
  std::vector<float> stored;    // [n, A], as stored in experience: Box actions scaled to [-1, 1].
  std::vector<float> sent;      // [n, A], in the environment's units, within its bounds.
  std::vector<float> log_prob;  // [n], log-probability of `stored`.
  uint64_t policy_version = 0;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_POLICY_GROUP_ACTIONS_H_

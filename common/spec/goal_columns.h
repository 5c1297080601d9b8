// Finds the goals in a flattened observation (all fields joined).
#ifndef ARMATURE_COMMON_SPEC_GOAL_COLUMNS_H_
#define ARMATURE_COMMON_SPEC_GOAL_COLUMNS_H_

#include <cstdint>
#include <optional>

#include "common/spec/env_spec.h"

namespace armature {

struct GoalColumns {
  int64_t achieved_begin = 0;
  int64_t desired_begin = 0;
  int64_t size = 0;  // Of each goal.
};

// `env` must be valid. Returns nothing if it has no goals.
std::optional<GoalColumns> FindGoalColumns(const EnvSpec& env);

}  // namespace armature

#endif  // ARMATURE_COMMON_SPEC_GOAL_COLUMNS_H_

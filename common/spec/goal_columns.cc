#include "common/spec/goal_columns.h"

namespace armature {

std::optional<GoalColumns> FindGoalColumns(const EnvSpec& env) {
  if (!env.goal.has_value()) return std::nullopt;
  GoalColumns columns;
  int64_t begin = 0;
  for (const FieldSpec& field : env.observation) {
    if (field.name == env.goal->achieved_field) columns.achieved_begin = begin;
    if (field.name == env.goal->desired_field) {
      columns.desired_begin = begin;
      columns.size = field.size();
    }
    begin += field.size();
  }
  return columns;
}

}  // namespace armature

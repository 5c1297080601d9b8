#include "common/spec/goal_columns.h"

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(GoalColumnsTest, AreThoseOfTheJoinedObservation) {
  EnvSpec env;
  env.observation = {{"wanted", v1::DTYPE_FLOAT32, {2}, {}, {}},
                     {"observation", v1::DTYPE_FLOAT32, {2, 3}, {}, {}},
                     {"reached", v1::DTYPE_FLOAT32, {2}, {}, {}}};
  EXPECT_FALSE(FindGoalColumns(env).has_value());
  env.goal = GoalSpec{"reached", "wanted"};
  const std::optional<GoalColumns> columns = FindGoalColumns(env);
  ASSERT_TRUE(columns.has_value());
  EXPECT_EQ(columns->desired_begin, 0);
  EXPECT_EQ(columns->achieved_begin, 8);
  EXPECT_EQ(columns->size, 2);
}

}  // namespace
}  // namespace armature

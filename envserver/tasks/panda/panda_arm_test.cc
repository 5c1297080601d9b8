// What a Panda says of its actions to wrappers.
#include "envserver/tasks/panda/panda_arm.h"

#include <cmath>
#include <vector>

#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "common/random/rng.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr int kJoints = 7;

class PandaArmTest : public testing::TestWithParam<PandaControl> {
 protected:
  PandaArmTest() : world_(WorldOptions{}) {
    auto model = LoadPandaModel();
    EXPECT_TRUE(model.ok()) << model.status();
    arm_.emplace(*model, GetParam(), /*block_gripper=*/false, &world_);
    action_.resize(PandaArm::ActionSize(GetParam(), /*block_gripper=*/false));
  }

  void Draw() {
    for (float& value : action_) value = static_cast<float>(rng_.Uniform(-1, 1));
  }

  Rng rng_ = Rng({1});
  BulletWorld world_;
  absl::optional<PandaArm> arm_;
  std::vector<float> action_;
  std::vector<double> goal_ = std::vector<double>(kJoints);
};

TEST_P(PandaArmTest, JointGoalIsWhereTheMotorsAreSentByTheSameAction) {
  ASSERT_EQ(arm_->dofs().size(), static_cast<size_t>(kJoints));
  for (int t = 0; t < 50; ++t) {
    Draw();
    arm_->JointGoal(action_, absl::MakeSpan(goal_));
    arm_->Act(action_);
    for (int i = 0; i < kJoints; ++i) EXPECT_EQ(goal_[i], arm_->joint_targets()[i]);
    for (int k = 0; k < 20; ++k) world_.Step();
  }
}

TEST_P(PandaArmTest, SetJointGoalFindsTheActionAgainAndLeavesTheGripper) {
  for (int t = 0; t < 50; ++t) {
    Draw();
    arm_->JointGoal(action_, absl::MakeSpan(goal_));
    std::vector<float> found = action_;
    for (size_t i = 0; i + 1 < found.size(); ++i) found[i] = 0;
    arm_->SetJointGoal(goal_, absl::MakeSpan(found));
    EXPECT_EQ(found.back(), action_.back());
    // The end effector's inverse kinematics stops short of the target.
    const double tolerance = GetParam() == PandaControl::kJoints ? 1e-5 : 0.4;
    for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], action_[i], tolerance);
    arm_->Act(action_);
    for (int k = 0; k < 20; ++k) world_.Step();
  }
}

TEST_P(PandaArmTest, AGoalThatIsFarIsGoneToAsFarAsAnActionCan) {
  const absl::Span<const double> now = arm_->body().joint_positions();
  for (int i = 0; i < kJoints; ++i) goal_[i] = now[i];
  goal_[3] += 0.9;  // The elbow stretches: up and away.
  arm_->SetJointGoal(goal_, absl::MakeSpan(action_));
  if (GetParam() == PandaControl::kJoints) {
    EXPECT_EQ(action_[3], 1);
    EXPECT_EQ(action_[0], 0);
  } else {
    EXPECT_EQ(action_[0], 1);
    EXPECT_EQ(action_[2], 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Controls, PandaArmTest,
                         testing::Values(PandaControl::kEndEffector, PandaControl::kJoints));

}  // namespace
}  // namespace armature

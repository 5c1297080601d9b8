#include "envserver/human/human_figure.h"

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(HumanFigure, HasACapsuleOfEachJointAndItsParent) {
  const HumanModel figure = HumanFigure();
  EXPECT_TRUE(figure.Validate().ok());
  ASSERT_EQ(figure.joints.size(), kHumanJoints);
  ASSERT_EQ(figure.capsules.size(), kHumanJoints - 1);
  for (int joint = 1; joint < kHumanJoints; ++joint) {
    EXPECT_EQ(figure.capsules[joint - 1].joint_a, HumanParent(joint));
    EXPECT_EQ(figure.capsules[joint - 1].joint_b, joint);
    EXPECT_LT(HumanParent(joint), joint);
  }
}

TEST(HumanFigure, OffsetsLeadFromTheFloorToAllJointsOfOneWhoStands) {
  const std::vector<Eigen::Vector3d> standing = StandingAt({0, 0, 0});
  for (int joint = 0; joint < kHumanJoints; ++joint) {
    Eigen::Vector3d sum = Eigen::Vector3d::Zero();
    for (int j = joint; j >= 0; j = HumanParent(j)) sum += HumanOffset(j);
    EXPECT_LT((sum - standing[joint]).norm(), 1e-12) << HumanJointName(joint);
  }
}

// Left is +y, and names, numbers and sides agree.
TEST(HumanFigure, NumbersAndNamesOfSidesAgree) {
  const std::vector<Eigen::Vector3d> standing = StandingAt({0, 0, 0});
  for (const auto* joints :
       {&kHip, &kKnee, &kAnkle, &kFoot, &kCollar, &kShoulder, &kElbow, &kWrist, &kHand}) {
    EXPECT_GT(standing[(*joints)[0]].y(), 0);
    EXPECT_LT(standing[(*joints)[1]].y(), 0);
    EXPECT_EQ(HumanJointName((*joints)[0]).substr(0, 5), "left_");
    EXPECT_EQ(HumanJointName((*joints)[1]).substr(0, 6), "right_");
    EXPECT_EQ(HumanJointName((*joints)[0]).substr(5), HumanJointName((*joints)[1]).substr(6));
  }
}

}  // namespace
}  // namespace armature

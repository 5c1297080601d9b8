#include "envserver/human/limb.h"

#include "common/random/rng.h"
#include "envserver/human/rotation_vector.h"
#include "envserver/human/walk.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(Limb, HandsAndFeetComeToTargetsInReachWhateverTheTorsoDoes) {
  Rng rng({1});
  for (int i = 0; i < 200; ++i) {
    HumanFrame frame = StandingFrame(1, 2, 0.5);
    for (int joint :
         {kPelvis, kSpine[0], kSpine[2], kCollar[0], kCollar[1], kWrist[0], kWrist[1]}) {
      frame.rotation[joint] = frame.rotation[joint] *
                              FromRotationVector({rng.Uniform(-0.3, 0.3), rng.Uniform(-0.3, 0.3),
                                                  rng.Uniform(-0.3, 0.3)});
    }
    for (int side = 0; side < 2; ++side) {
      const Eigen::Vector3d way(rng.Uniform(0.15, 0.4), rng.Uniform(-0.3, 0.3),
                                rng.Uniform(-0.25, 0.25));
      const Eigen::Vector3d hand = PlaceOf(frame, kShoulder[side]).position + way;
      const Eigen::Vector3d ankle =
          PlaceOf(frame, kHip[side]).position + Eigen::Vector3d(way.y(), way.z(), -0.65);
      const Eigen::Quaterniond foot = FromRotationVector(way);
      PutHand(side, hand, {-1, 0, -1}, &frame);
      PutFoot(side, ankle, {1, 0, 0}, foot, &frame);
      const auto position = JointPositions(frame);
      EXPECT_LT((position[kHand[side]] - hand).norm(), 1e-9);
      EXPECT_LT((position[kAnkle[side]] - ankle).norm(), 1e-9);
      EXPECT_LT((position[kFoot[side]] - ankle - foot * HumanOffset(kFoot[side])).norm(), 1e-9);
      // Knees bend to the front.
      const Eigen::Vector3d thigh = position[kKnee[side]] - position[kHip[side]];
      const Eigen::Vector3d leg = ankle - position[kHip[side]];
      EXPECT_GT((thigh - thigh.dot(leg) / leg.squaredNorm() * leg).x(), 0);
    }
  }
}

TEST(Limb, OneThatIsTooShortPointsAtItsTarget) {
  HumanFrame frame = StandingFrame(0, 0, 0);
  const Eigen::Vector3d shoulder = PlaceOf(frame, kShoulder[0]).position;
  PutHand(0, shoulder + Eigen::Vector3d(5, 0, 0), {0, 0, -1}, &frame);
  const auto position = JointPositions(frame);
  EXPECT_NEAR(position[kHand[0]].x() - shoulder.x(), HandReach_m(), 0.01);
  EXPECT_NEAR(position[kHand[0]].y(), shoulder.y(), 1e-9);
}

// The elbow of an arm that hangs and is bent a little is behind it; its forearm turns to the front.
TEST(Limb, AnArmAtRestNeedsNoRotation) {
  HumanFrame frame;
  frame.pelvis = HumanOffset(kPelvis);
  frame.rotation.fill(Eigen::Quaterniond::Identity());
  const auto rest = JointPositions(frame);
  for (int side = 0; side < 2; ++side) {
    PutHand(side, rest[kHand[side]], {-1, 0, 0}, &frame);
    EXPECT_LT(ToRotationVector(frame.rotation[kShoulder[side]]).norm(), 0.15);
    EXPECT_LT(ToRotationVector(frame.rotation[kElbow[side]]).norm(), 0.3);
    EXPECT_LT(ToRotationVector(frame.rotation[kElbow[side]]).y(), 0);
  }
}

}  // namespace
}  // namespace armature

#include "envserver/human/walk.h"

#include <cmath>

#include "common/random/rng.h"
#include "envserver/human/rotation_vector.h"
#include "envserver/human/testing/random_frames.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

HumanFrame Somewhere(Rng& rng) {
  return StandingFrame(rng.Uniform(-2, 2), rng.Uniform(-2, 2), rng.Uniform(-3, 3));
}

TEST(Walk, BeginsAndEndsAtRestInTheGivenPoses) {
  Rng rng({1});
  for (int i = 0; i < 20; ++i) {
    const HumanFrame from = Somewhere(rng), to = Somewhere(rng);
    const auto motion = WithinBounds("way", PlanWay(from, to, {}));
    HumanPose begin, end;
    motion->At(0, {}, &begin);
    motion->At(motion->duration_s(), {}, &end);
    const auto first = JointPositions(from), last = JointPositions(to);
    for (int joint = 0; joint < kHumanJoints; ++joint) {
      EXPECT_LT((begin.position[joint] - first[joint]).norm(), 1e-9);
      EXPECT_LT((end.position[joint] - last[joint]).norm(), 1e-9);
      EXPECT_LT(begin.velocity[joint].norm() + end.velocity[joint].norm(), 1e-9);
      EXPECT_LT(begin.acceleration[joint].norm() + end.acceleration[joint].norm(), 1e-6);
    }
  }
}

TEST(Walk, AFootStandsStillAtAnyTimeAndNoneIsBelowTheFloor) {
  Rng rng({2});
  HumanPose pose;
  for (int i = 0; i < 20; ++i) {
    const auto motion = WithinBounds("way", PlanWay(Somewhere(rng), Somewhere(rng), {}));
    for (double t = 0; t < motion->duration_s(); t += 0.01) {
      motion->At(t, {}, &pose);
      ASSERT_LT(std::min(pose.velocity[kAnkle[0]].norm(), pose.velocity[kAnkle[1]].norm()), 0.05);
      for (int side = 0; side < 2; ++side) {
        ASSERT_GT(pose.position[kAnkle[side]].z(), 0.08 - 0.003);
        ASSERT_GT(pose.position[kFoot[side]].z(), 0.03 - 0.003);
      }
    }
  }
}

TEST(Walk, WhoGoesFarLooksAhead) {
  const auto motion =
      WithinBounds("way", PlanWay(StandingFrame(0, 0, 0), StandingFrame(0, 3, 0), {}));
  HumanPose pose;
  motion->At(motion->duration_s() / 2, {}, &pose);
  const Eigen::Vector3d left = pose.position[kHip[0]] - pose.position[kHip[1]];
  EXPECT_LT(left.normalized().x(), -0.95);
  EXPECT_GT(pose.velocity[kPelvis].y(), 0.3);
}

TEST(Walk, KeepsTheBoundsBetweenAnyPoses) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    Rng rng({seed, 3});
    std::vector<HumanFrame> frames = RandomFrames(rng, 60, 0.1);
    const auto motion = WithinBounds("way", PlanWay(frames[0], frames[50], {}));
    HumanPeak peak;
    HumanPose pose;
    for (double t = 0; t < motion->duration_s(); t += 0.002) {
      motion->At(t, {}, &pose);
      peak.Include(pose);
    }
    EXPECT_FALSE(peak.BreaksBounds()) << peak.speed_share << " " << peak.acceleration_share;
  }
}

TEST(Walk, ASmallChangeIsMadeOnTheSpot) {
  HumanFrame from = StandingFrame(0, 0, 0), to = from;
  to.rotation[kShoulder[0]] = FromRotationVector({0, -1, 0});
  const auto motion = WithinBounds("way", PlanWay(from, to, {}));
  HumanPose pose;
  for (double t = 0; t < motion->duration_s(); t += 0.01) {
    motion->At(t, {}, &pose);
    ASSERT_LT(pose.velocity[kAnkle[0]].norm() + pose.velocity[kAnkle[1]].norm(), 1e-9);
  }
  EXPECT_GT(pose.position[kElbow[0]].x(), 0.1);
}

}  // namespace
}  // namespace armature

#include "envserver/human/generate_motion.h"

#include <algorithm>
#include <string>

#include "envserver/human/testing/random_frames.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr uint64_t kSeeds = 60;

std::shared_ptr<const HumanMotion> Generate(absl::string_view name, uint64_t seed) {
  return GenerateMotion(name, seed).value();
}

// By differences of positions alone, which know nothing of the motion's own derivatives.
TEST(GenerateMotion, EveryMotionKeepsTheBoundsOfTheFigure) {
  constexpr double kStep_s = 0.004;
  for (absl::string_view name : GeneratedMotionNames()) {
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      const auto motion = Generate(name, seed);
      HumanPose before, now, after;
      motion->At(0, {}, &now);
      motion->At(kStep_s, {}, &after);
      for (double t = 2 * kStep_s; t < motion->duration_s(); t += kStep_s) {
        before = now;
        now = after;
        motion->At(t, {}, &after);
        for (int joint = 0; joint < kHumanJoints; ++joint) {
          const double speed = (after.position[joint] - now.position[joint]).norm() / kStep_s;
          const double acceleration =
              (after.position[joint] - 2 * now.position[joint] + before.position[joint]).norm() /
              (kStep_s * kStep_s);
          ASSERT_LE(speed, kHumanSpeedMax_m_s) << name << " " << seed << " " << joint;
          ASSERT_LE(acceleration, HumanAccelerationMax_m_s2(joint))
              << name << " " << seed << " " << joint;
        }
      }
    }
  }
}

TEST(GenerateMotion, BeginsAndEndsAtRest) {
  for (absl::string_view name : GeneratedMotionNames()) {
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      const auto motion = Generate(name, seed);
      HumanPose pose;
      for (double t : {0.0, motion->duration_s()}) {
        motion->At(t, {}, &pose);
        for (int joint = 0; joint < kHumanJoints; ++joint) {
          ASSERT_LT(pose.velocity[joint].norm(), 1e-9) << name << " " << seed;
          ASSERT_LT(pose.acceleration[joint].norm(), 1e-6) << name << " " << seed;
        }
      }
    }
  }
}

TEST(GenerateMotion, FeetDoNotSlideAndStayAboveTheFloor) {
  for (absl::string_view name : GeneratedMotionNames()) {
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      const auto motion = Generate(name, seed);
      HumanPose pose;
      for (double t = 0; t < motion->duration_s(); t += 0.02) {
        motion->At(t, {}, &pose);
        ASSERT_LT(std::min(pose.velocity[kAnkle[0]].norm(), pose.velocity[kAnkle[1]].norm()), 0.03)
            << name << " " << seed;
        for (int joint = 0; joint < kHumanJoints; ++joint) {
          ASSERT_GT(pose.position[joint].z(), 0.025) << name << " " << seed << " " << joint;
        }
        ASSERT_LT(BoneError(pose), 1e-9);
      }
    }
  }
}

// How far ahead of the person's place a hand comes.
double FarthestAhead(const HumanMotion& motion) {
  HumanPose pose;
  double farthest = -1;
  for (double t = 0; t < motion.duration_s(); t += 0.02) {
    motion.At(t, {}, &pose);
    for (int hand : kHand) farthest = std::max(farthest, pose.position[hand].x());
  }
  return farthest;
}

TEST(GenerateMotion, HandsComeToWhatIsAhead) {
  for (absl::string_view name : {"reach_in", "pick", "work_at_table", "hand_over"}) {
    double nearest = 9, farthest = 0;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      const double ahead = FarthestAhead(*Generate(name, seed));
      nearest = std::min(nearest, ahead);
      farthest = std::max(farthest, ahead);
    }
    EXPECT_GT(nearest, 0.3) << name;
    EXPECT_GT(farthest, 0.58) << name;
    EXPECT_LT(farthest, 0.9) << name;
  }
}

TEST(GenerateMotion, WhoWalksPastComesFromEitherSide) {
  int from_left = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto motion = Generate("walk_past", seed);
    HumanPose begin, end;
    motion->At(0, {}, &begin);
    motion->At(motion->duration_s(), {}, &end);
    from_left += begin.position[kPelvis].y() > 0;
    EXPECT_GT(std::abs(begin.position[kPelvis].y() - end.position[kPelvis].y()), 2.5);
  }
  EXPECT_GT(from_left, static_cast<int>(kSeeds) / 4);
  EXPECT_LT(from_left, static_cast<int>(kSeeds) * 3 / 4);
}

// The arm swings to the front with the foot of the other side.
TEST(GenerateMotion, ArmsSwingAgainstTheLegs) {
  const auto motion = Generate("walk_past", 1);
  HumanPose pose;
  double together = 0;
  for (double t = 0; t < motion->duration_s(); t += 0.02) {
    motion->At(t, {}, &pose);
    const Eigen::Vector3d ahead = pose.velocity[kPelvis];
    together += ahead.dot(pose.position[kHand[0]] - pose.position[kHand[1]]) *
                ahead.dot(pose.position[kAnkle[0]] - pose.position[kAnkle[1]]);
  }
  EXPECT_LT(together, 0);
}

TEST(GenerateMotion, ASeedGivesTheSameMotionAndOthersGiveOthers) {
  for (absl::string_view name : GeneratedMotionNames()) {
    HumanPose one, same, other;
    Generate(name, 5)->At(1.5, {}, &one);
    Generate(name, 5)->At(1.5, {}, &same);
    Generate(name, 6)->At(1.5, {}, &other);
    EXPECT_EQ(one.position, same.position);
    EXPECT_NE(one.position, other.position);
  }
  EXPECT_EQ(Generate("pick", 7)->name(), "pick_7");
}

TEST(GenerateMotion, AnUnknownNameListsTheKnown) {
  const absl::Status status = GenerateMotion("dance", 0).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(status.message()).find("walk_past, reach_in"), std::string::npos);
}

}  // namespace
}  // namespace armature

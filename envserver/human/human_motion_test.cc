#include "envserver/human/human_motion.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "common/random/rng.h"
#include "envserver/human/rotation_vector.h"
#include "envserver/human/testing/random_frames.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr double kKnot_s = 1.0 / 30;

std::vector<HumanFrame> Standing(int count) {
  HumanFrame frame;
  frame.pelvis = HumanOffset(kPelvis);
  frame.rotation.fill(Eigen::Quaterniond::Identity());
  return std::vector<HumanFrame>(count, frame);
}

std::shared_ptr<const HumanMotion> Wild(uint64_t seed) {
  Rng rng({seed});
  return HumanMotion::FromFrames("wild", RandomFrames(rng, 200, kKnot_s), kKnot_s).value();
}

TEST(HumanMotion, FramesOfOneWhoStandsGiveTheFigure) {
  const auto motion = HumanMotion::FromFrames("stand", Standing(20), 0.1).value();
  EXPECT_NEAR(motion->duration_s(), 1.9, 1e-12);
  const std::vector<Eigen::Vector3d> standing = StandingAt({0, 0, 0});
  HumanPose pose;
  motion->At(0.7, {}, &pose);
  for (int joint = 0; joint < kHumanJoints; ++joint) {
    EXPECT_LT((pose.position[joint] - standing[joint]).norm(), 1e-12);
    EXPECT_EQ(pose.velocity[joint].norm(), 0);
    EXPECT_EQ(pose.acceleration[joint].norm(), 0);
  }
}

TEST(HumanMotion, VelocitiesAndAccelerationsAreDerivativesAtAnySpeedAndAmplitude) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const auto motion = Wild(seed);
    for (const MotionVariation& variation :
         {MotionVariation{1, 1}, {0.6, 1.3}, {1.7, 0.4}, {1, 0}}) {
      const auto at = [&](double t, HumanPose* pose) { motion->At(t, variation, pose); };
      const DerivativeErrors errors =
          ErrorsOfDerivatives(at, 0.01, motion->duration_s() / variation.speed - 0.01, 300);
      EXPECT_LT(errors.velocity, 1e-6);
      EXPECT_LT(errors.acceleration, 1e-4);
    }
  }
}

// Of an uneven passage of time, and of one who is placed elsewhere.
TEST(HumanMotion, DerivativesHoldWhenTimePassesUnevenly) {
  const auto motion = Wild(3);
  const auto at = [&](double t, HumanPose* pose) {
    motion->At({2 + t * t, 2 * t, 2}, 0.8, {{1, 2, -0.8}, 2}, pose);
  };
  const DerivativeErrors errors = ErrorsOfDerivatives(at, 0, 1.5, 300);
  EXPECT_LT(errors.velocity, 1e-6);
  EXPECT_LT(errors.acceleration, 1e-4);
}

TEST(HumanMotion, VelocitiesAndAccelerationsAreContinuousAtKnots) {
  const auto motion = Wild(4);
  HumanPose before, after;
  for (int knot = 1; knot < 150; ++knot) {
    motion->At(knot * kKnot_s - 1e-9, {}, &before);
    motion->At(knot * kKnot_s + 1e-9, {}, &after);
    for (int joint = 0; joint < kHumanJoints; ++joint) {
      ASSERT_LT((before.velocity[joint] - after.velocity[joint]).norm(), 1e-6);
      ASSERT_LT((before.acceleration[joint] - after.acceleration[joint]).norm(), 1e-4);
    }
  }
}

TEST(HumanMotion, FollowsItsFramesButForAFilterOfHighFrequencies) {
  Rng rng({5});
  const std::vector<HumanFrame> frames = RandomFrames(rng, 120, kKnot_s);
  const auto motion = HumanMotion::FromFrames("wild", frames, kKnot_s).value();
  HumanPose pose;
  double worst = 0;
  for (int i = 0; i < 120; ++i) {
    const auto expected = JointPositions(frames[i]);
    motion->At(i * kKnot_s, {}, &pose);
    for (int joint = 0; joint < kHumanJoints; ++joint) {
      worst = std::max(worst, (pose.position[joint] - expected[joint]).norm());
    }
  }
  // Hands of RandomFrames accelerate by about 100 m/s^2; a B-spline is off by a h^2 / 6.
  EXPECT_LT(worst, 0.03);
  EXPECT_GT(worst, 1e-4);
}

TEST(HumanMotion, SameMotionAtAnyFrameRate) {
  HumanPose pose, other;
  for (double frame_s : {1.0 / 120, 1.0 / 25, 1.0 / 48.5}) {
    Rng one({6}), two({6});
    const int count = static_cast<int>(4 / frame_s);
    const auto motion =
        HumanMotion::FromFrames("a", RandomFrames(one, count, frame_s), frame_s).value();
    const auto fine = HumanMotion::FromFrames("b", RandomFrames(two, 4 * 30, kKnot_s), kKnot_s);
    for (double t = 0.1; t < 3.8; t += 0.013) {
      motion->At(t, {}, &pose);
      (*fine)->At(t, {}, &other);
      for (int joint = 0; joint < kHumanJoints; ++joint) {
        ASSERT_LT((pose.position[joint] - other.position[joint]).norm(), 0.04);
      }
    }
  }
}

// docs/human_motions.md: what is left of 120 frames a second.
TEST(HumanMotion, FiltersFramesAsItsDocumentSays) {
  for (const auto& [frequency, share] :
       {std::pair<double, double>{2, 0.96}, {5, 0.76}, {10, 0.32}}) {
    std::vector<HumanFrame> frames = Standing(1201);
    for (int i = 0; i < 1201; ++i) {
      frames[i].pelvis.x() = std::sin(2 * M_PI * frequency * i / 120);
    }
    const auto motion = HumanMotion::FromFrames("shake", frames, 1.0 / 120).value();
    double most = 0;
    HumanPose pose;
    for (double t = 2; t < 8; t += 0.003) {
      motion->At(t, {}, &pose);
      most = std::max(most, pose.position[kPelvis].x());
    }
    EXPECT_NEAR(most, share, 0.02) << frequency;
  }
}

TEST(HumanMotion, BonesKeepTheirLengthAtAnyAmplitude) {
  const auto motion = Wild(7);
  HumanPose pose;
  for (double amplitude : {0.0, 0.5, 1.0, 2.0}) {
    for (double t = 0; t < motion->duration_s(); t += 0.05) {
      motion->At(t, {1, amplitude}, &pose);
      ASSERT_LT(BoneError(pose), 1e-9);
    }
  }
}

// A hinge that swings by 0.4 about a mean of 0.9: at amplitude 1.5 by 0.6 about the same.
TEST(HumanMotion, AmplitudeScalesRotationsAndTheWayAboutTheirMeans) {
  std::vector<HumanFrame> frames = Standing(301);
  for (int i = 0; i < 301; ++i) {
    const double wave = std::sin(2 * M_PI * i / 100);  // 3 whole periods.
    frames[i].rotation[kElbow[0]] = FromRotationVector({0, -0.9 - 0.4 * wave, 0});
    frames[i].pelvis.x() = 2 + 0.3 * wave;
  }
  const auto motion = HumanMotion::FromFrames("bend", frames, kKnot_s).value();
  HumanPose pose;
  for (double amplitude : {0.0, 1.0, 1.5}) {
    for (int i = 0; i < 300; i += 7) {
      const double wave = amplitude * std::sin(2 * M_PI * i / 100);
      motion->At(i * kKnot_s, {1, amplitude}, &pose);
      const Eigen::Vector3d forearm =
          FromRotationVector({0, -0.9 - 0.4 * wave, 0}) * HumanOffset(kWrist[0]);
      ASSERT_LT((pose.position[kWrist[0]] - pose.position[kElbow[0]] - forearm).norm(), 2e-3);
      ASSERT_NEAR(pose.position[kPelvis].x(), 2 + 0.3 * wave, 3e-3);
    }
  }
}

TEST(HumanMotion, SpeedScalesTime) {
  const auto motion = Wild(8);
  HumanPose slow, fast;
  motion->At(1.2, {1, 1.1}, &slow);
  motion->At(0.6, {2, 1.1}, &fast);
  for (int joint = 0; joint < kHumanJoints; ++joint) {
    EXPECT_LT((slow.position[joint] - fast.position[joint]).norm(), 1e-12);
    EXPECT_LT((2 * slow.velocity[joint] - fast.velocity[joint]).norm(), 1e-12);
    EXPECT_LT((4 * slow.acceleration[joint] - fast.acceleration[joint]).norm(), 1e-11);
  }
}

TEST(HumanMotion, StandsStillBeforeItsBeginAndAfterItsEnd) {
  const auto motion = Wild(9);
  HumanPose end, later;
  motion->At(motion->duration_s() / 2, {2, 1}, &end);
  motion->At(motion->duration_s() / 2 + 5, {2, 1}, &later);
  for (int joint = 0; joint < kHumanJoints; ++joint) {
    EXPECT_EQ(end.position[joint], later.position[joint]);
    EXPECT_EQ(later.velocity[joint].norm(), 0);
    EXPECT_EQ(later.acceleration[joint].norm(), 0);
  }
}

// Three times round, as a dancer does; a rotation's vector alone would jump at each half turn.
TEST(HumanMotion, TurnsRoundAsOftenAsItsFrames) {
  std::vector<HumanFrame> frames = Standing(181);
  for (int i = 0; i < 181; ++i) {
    frames[i].rotation[0] = RotationZ(6 * M_PI * i / 180) * FromRotationVector({0.1, 0.2, 0});
    if (i % 3 == 0) frames[i].rotation[0].coeffs() *= -1;  // The same rotation.
  }
  const auto motion = HumanMotion::FromFrames("dance", frames, kKnot_s).value();
  EXPECT_LT(motion->peak().speed_m_s, 2.5);
  HumanPose pose;
  for (int i = 0; i < 181; ++i) {
    motion->At(i * kKnot_s, {}, &pose);
    const Eigen::Vector3d hips = pose.position[kHip[0]] - pose.position[kHip[1]];
    const Eigen::Vector3d expected =
        frames[i].rotation[0] * (HumanOffset(kHip[0]) - HumanOffset(kHip[1]));
    ASSERT_LT((hips - expected).norm(), 0.01) << i;
  }
}

TEST(HumanMotion, PeakIsTheHighestOfManySamples) {
  const auto motion = Wild(10);
  HumanPeak dense;
  HumanPose pose;
  for (double t = 0; t < motion->duration_s(); t += 0.001) {
    motion->At(t, {}, &pose);
    dense.Include(pose);
  }
  const HumanPeak& peak = motion->peak();
  EXPECT_NEAR(peak.speed_m_s, dense.speed_m_s, 0.02 * dense.speed_m_s);
  EXPECT_NEAR(peak.acceleration_m_s2, dense.acceleration_m_s2, 0.05 * dense.acceleration_m_s2);
  EXPECT_NEAR(peak.speed_share, peak.speed_m_s / 2, 1e-12);
  EXPECT_TRUE(peak.BreaksBounds());

  const auto slowed = motion->Slowed(2);
  EXPECT_NEAR(slowed->duration_s(), 2 * motion->duration_s(), 1e-12);
  EXPECT_NEAR(slowed->peak().speed_m_s, peak.speed_m_s / 2, 1e-12);
  EXPECT_NEAR(slowed->peak().acceleration_share, peak.acceleration_share / 4, 1e-12);
  HumanPose other;
  motion->At(1, {0.5, 1}, &pose);
  slowed->At(1, {}, &other);
  EXPECT_LT((pose.velocity[kHand[0]] - other.velocity[kHand[0]]).norm(), 1e-12);
}

TEST(HumanMotion, RefusesFramesThatAreNoMotion) {
  const auto refuses = [](std::vector<HumanFrame> frames, double frame_s) {
    return HumanMotion::FromFrames("x", frames, frame_s).status().code() ==
           absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refuses({}, 0.1));
  EXPECT_TRUE(refuses(Standing(1), 0.1));
  EXPECT_TRUE(refuses(Standing(10), 0));
  EXPECT_TRUE(refuses(Standing(10), 1e-9));
  EXPECT_TRUE(refuses(Standing(10), 1e9));
  EXPECT_TRUE(refuses(Standing(10), std::numeric_limits<double>::quiet_NaN()));
  std::vector<HumanFrame> frames = Standing(10);
  frames[3].pelvis.y() = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(refuses(frames, 0.1));
  frames[3].pelvis.y() = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(refuses(frames, 0.1));
  frames[3].pelvis.y() = 51;
  EXPECT_TRUE(refuses(frames, 0.1));
  frames = Standing(10);
  frames[9].rotation[kHead - 3].coeffs().setZero();
  EXPECT_TRUE(refuses(frames, 0.1));
  frames[9].rotation[kHead - 3].coeffs().setConstant(std::numeric_limits<double>::quiet_NaN());
  EXPECT_TRUE(refuses(frames, 0.1));
}

}  // namespace
}  // namespace armature

#include "envserver/human/human_playback.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "envserver/human/generate_motion.h"
#include "envserver/human/testing/random_frames.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using Clips = std::vector<std::shared_ptr<const HumanMotion>>;

// As envserver/kit/state_archive.h, of numbers.
class Archive {
 public:
  explicit Archive(std::string* bytes, bool is_saving) : bytes_(*bytes), is_saving_(is_saving) {}

  bool is_saving() const { return is_saving_; }
  bool ok() const { return ok_; }
  void Check(bool makes_sense) { ok_ = ok_ && makes_sense; }
  template <typename T>
  void Keep(T& value) {
    if (is_saving_) {
      bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    } else if ((ok_ = ok_ && at_ + sizeof(value) <= bytes_.size())) {
      std::memcpy(&value, bytes_.data() + at_, sizeof(value));
      at_ += sizeof(value);
    }
  }

 private:
  std::string& bytes_;
  bool is_saving_;
  bool ok_ = true;
  size_t at_ = 0;
};

Clips Generated() {
  Clips clips;
  for (absl::string_view name : GeneratedMotionNames()) {
    for (uint64_t seed = 0; seed < 2; ++seed) clips.push_back(GenerateMotion(name, seed).value());
  }
  return clips;
}

// Clips that begin and end in full motion, anywhere.
Clips Wild() {
  Clips clips;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    Rng rng({seed});
    clips.push_back(HumanMotion::FromFrames("wild", RandomFrames(rng, 90, 0.04), 0.04).value());
  }
  return clips;
}

HumanPlayback Play(const Clips& clips, uint64_t seed, PlaybackOptions options = {}) {
  HumanPlayback playback(clips, options);
  Rng rng({seed});
  playback.Reset(rng);
  return playback;
}

TEST(HumanPlayback, NothingJumpsFromEndToEndAndRoundTheLoop) {
  constexpr double kStep_s = 0.001;
  for (const Clips& clips : {Generated(), Wild()}) {
    const HumanPlayback playback = Play(clips, 1);
    HumanPose before, now;
    playback.At(0, &before);
    for (double t = kStep_s; t < 1.2 * playback.period_s(); t += kStep_s) {
      playback.At(t, &now);
      for (int joint = 0; joint < kHumanJoints; ++joint) {
        const double jerk = (now.acceleration[joint] - before.acceleration[joint]).norm() / kStep_s;
        ASSERT_LT(jerk, 2e4) << t << " " << joint;
        // What the trapezoidal rule misses of the jerk's part.
        ASSERT_LT((now.velocity[joint] - before.velocity[joint] -
                   kStep_s / 2 * (now.acceleration[joint] + before.acceleration[joint]))
                      .norm(),
                  2e-3)
            << t;
        ASSERT_LT((now.position[joint] - before.position[joint] -
                   kStep_s / 2 * (now.velocity[joint] + before.velocity[joint]))
                      .norm(),
                  2e-6)
            << t;
      }
      before = now;
    }
  }
}

TEST(HumanPlayback, VelocitiesAndAccelerationsAreDerivatives) {
  for (const Clips& clips : {Generated(), Wild()}) {
    const HumanPlayback playback = Play(clips, 2);
    const auto at = [&](double t, HumanPose* pose) { playback.At(t, pose); };
    const DerivativeErrors errors = ErrorsOfDerivatives(at, 0.1, playback.period_s(), 3000);
    EXPECT_LT(errors.velocity, 1e-6);
    EXPECT_LT(errors.acceleration, 0.1);  // Where a stencil straddles a knot.
  }
}

TEST(HumanPlayback, IsTheSameInAnyOrderAndFromTheSameGenerator) {
  const HumanPlayback one = Play(Generated(), 3), other = Play(Generated(), 3);
  HumanPose late, early, again;
  one.At(20, &late);
  one.At(2, &early);
  one.At(20, &again);
  EXPECT_EQ(late.position, again.position);
  other.At(2, &again);
  EXPECT_EQ(early.position, again.position);
  EXPECT_EQ(early.velocity, again.velocity);
  Play(Generated(), 4).At(20, &again);
  EXPECT_NE(late.position, again.position);
}

TEST(HumanPlayback, Loops) {
  const HumanPlayback playback = Play(Generated(), 5);
  HumanPose one, other;
  playback.At(3, &one);
  playback.At(3 + 2 * playback.period_s(), &other);
  EXPECT_LT((one.position[kHand[0]] - other.position[kHand[0]]).norm(), 1e-9);
}

TEST(HumanPlayback, ARestoredOnePlaysTheSameToTheBit) {
  HumanPlayback saved = Play(Generated(), 6);
  std::string bytes;
  Archive saving(&bytes, true);
  saved.Keep(saving);
  HumanPlayback restored(Generated(), {});
  Archive restoring(&bytes, false);
  restored.Keep(restoring);
  ASSERT_TRUE(restoring.ok());
  HumanPose one, other;
  for (double t = 0; t < saved.period_s(); t += 0.37) {
    saved.At(t, &one);
    restored.At(t, &other);
    ASSERT_EQ(one.position, other.position);
    ASSERT_EQ(one.velocity, other.velocity);
    ASSERT_EQ(one.acceleration, other.acceleration);
  }
}

TEST(HumanPlayback, RefusesAStateOfOtherClipsOrFactors) {
  HumanPlayback saved = Play(Generated(), 7);
  std::string bytes;
  Archive saving(&bytes, true);
  saved.Keep(saving);
  const auto accepts = [](std::string state) {
    HumanPlayback other(Generated(), {});
    Archive restoring(&state, false);
    other.Keep(restoring);
    return restoring.ok();
  };
  EXPECT_TRUE(accepts(bytes));
  EXPECT_FALSE(accepts(bytes.substr(0, 20)));
  std::string other_clip = bytes;
  const uint32_t index = 10;
  std::memcpy(&other_clip[0], &index, sizeof(index));
  EXPECT_FALSE(accepts(other_clip));
  for (double factor : {std::numeric_limits<double>::quiet_NaN(), 0.0, 100.0}) {
    std::string other_speed = bytes;
    std::memcpy(&other_speed[sizeof(uint32_t)], &factor, sizeof(factor));
    EXPECT_FALSE(accepts(other_speed));
  }
}

TEST(HumanPlayback, ClipsPassAtTheirSpeedsAndTransitionsKeepTheBounds) {
  PlaybackOptions options;
  options.clips = 3;
  options.speed = {2, 0, 1, 2};
  options.amplitude = {1, 0, 1, 1};
  const Clips walks = {GenerateMotion("walk_past", 0).value()};
  const HumanPlayback playback = Play(walks, 8, options);
  HumanPeak clip, transition;
  HumanPose pose;
  double clips_s = 0;
  for (double t = 0; t < playback.period_s(); t += 0.002) {
    playback.At(t, &pose);
    (playback.ClipAt(t) ? clip : transition).Include(pose);
    if (playback.ClipAt(t)) clips_s += 0.002;
  }
  EXPECT_NEAR(clips_s, 3 * (walks[0]->duration_s() / 2 + options.ease_s), 0.02);
  // Twice as fast as the bounds allow, and it says so.
  EXPECT_TRUE(clip.BreaksBounds());
  EXPECT_NEAR(clip.speed_share, 2 * walks[0]->peak().speed_share, 0.05);
  EXPECT_FALSE(transition.BreaksBounds());
}

TEST(HumanPlayback, PlacesThePersonInTheArmsFrame) {
  PlaybackOptions options;
  options.clips = 1;
  options.speed = {1, 0, 1, 1};
  options.amplitude = {1, 0, 1, 1};
  options.placement = {{1.2, 0.1, -0.8}, M_PI};
  const Clips clips = {GenerateMotion("reach_in", 2).value()};
  const HumanPlayback playback = Play(clips, 9, options);
  HumanPose placed, own;
  playback.At(1, &placed);
  clips[0]->At(1 - options.ease_s / 2, {}, &own);
  for (int joint = 0; joint < kHumanJoints; ++joint) {
    const Eigen::Vector3d& p = own.position[joint];
    const Eigen::Vector3d expected(1.2 - p.x(), 0.1 - p.y(), p.z() - 0.8);
    EXPECT_LT((placed.position[joint] - expected).norm(), 1e-9);
    const Eigen::Vector3d& v = own.velocity[joint];
    EXPECT_LT((placed.velocity[joint] - Eigen::Vector3d(-v.x(), -v.y(), v.z())).norm(), 1e-9);
  }
}

// With the default placement hands come to where an arm works: 0.3 to 0.8 m in front of its base.
TEST(HumanPlayback, HandsComeToWhereTheArmWorks) {
  PlaybackOptions options;
  Clips clips;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    clips.push_back(GenerateMotion("reach_in", seed).value());
  }
  options.clips = 20;
  const HumanPlayback playback = Play(clips, 10, options);
  HumanPose pose;
  double inside_s = 0;
  for (double t = 0; t < playback.period_s(); t += 0.02) {
    playback.At(t, &pose);
    for (int hand : kHand) {
      const Eigen::Vector3d& p = pose.position[hand];
      inside_s += 0.02 * (p.x() > 0.3 && p.x() < 0.8 && p.z() > 0 && p.z() < 0.5);
    }
  }
  EXPECT_GT(inside_s, 0.15 * playback.period_s());
}

TEST(FactorOptions, DrawsClippedLogNormalFactors) {
  const FactorOptions options = {1.2, 0.3, 0.8, 2};
  Rng rng({1});
  int below = 0, lowest = 0, within = 0;
  for (int i = 0; i < 20000; ++i) {
    const double factor = options.Draw(rng);
    ASSERT_GE(factor, 0.8);
    ASSERT_LE(factor, 2);
    below += factor < 1.2;
    lowest += factor == 0.8;
    within += std::abs(std::log(factor / 1.2)) < 0.3;
  }
  EXPECT_NEAR(below, 10000, 300);
  // Of a standard normal distribution: below ln(0.8 / 1.2) / 0.3 = -1.35; within one deviation.
  EXPECT_NEAR(lowest, 20000 * 0.0882, 200);
  EXPECT_NEAR(within, 20000 * 0.6827, 300);
}

TEST(PlaybackOptions, RefusesWhatMakesNoSense) {
  EXPECT_TRUE(PlaybackOptions().Validate().ok());
  const auto refuses = [](auto change) {
    PlaybackOptions options;
    change(options);
    return options.Validate().code() == absl::StatusCode::kInvalidArgument;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(refuses([](auto& o) { o.clips = 0; }));
  EXPECT_TRUE(refuses([](auto& o) { o.clips = 101; }));
  EXPECT_TRUE(refuses([](auto& o) { o.ease_s = 0; }));
  EXPECT_TRUE(refuses([&](auto& o) { o.ease_s = nan; }));
  EXPECT_TRUE(refuses([](auto& o) { o.speed.min = 0; }));
  EXPECT_TRUE(refuses([](auto& o) { o.speed.median = 3; }));
  EXPECT_TRUE(refuses([](auto& o) { o.amplitude.max = 6; }));
  EXPECT_TRUE(refuses([&](auto& o) { o.amplitude.sigma = nan; }));
  EXPECT_TRUE(refuses([&](auto& o) { o.placement.heading_rad = nan; }));
  EXPECT_TRUE(refuses([&](auto& o) { o.placement.position.x() = nan; }));
}

}  // namespace
}  // namespace armature

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "common/random/rng.h"
#include "envserver/tasks/drake/testing/drake_env.h"
#include "envserver/tasks/drake/testing/golden.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;

enum State {
  kX,
  kZ,
  kTheta,
  kFingerX,
  kFingerZ,
  kXDot,
  kZDot,
  kThetaDot,
  kFingerXDot,
  kFingerZDot
};

class BoxFlipUpTest : public testing::Test {
 protected:
  DrakeEnv& env(const std::string& variant) { return variant == "current" ? current_ : seed_; }

  static StepResult Step(DrakeEnv& env, double target_x, double target_z) {
    return env.Step({static_cast<float>(target_x), static_cast<float>(target_z)});
  }

  // The return of 100 steps with one target.
  static double Hold(DrakeEnv& env, double target_x, double target_z) {
    double sum = 0;
    for (int t = 0; t < 100; ++t) sum += Step(env, target_x, target_z).reward;
    return sum;
  }

  static void PlaceBox(DrakeEnv& env, double x, double z, double theta) {
    env.body("box").SetJoints({x, z, theta}, {0, 0, 0});
  }

  DrakeEnv seed_{"box_flip_up", {}};
  DrakeEnv current_{"box_flip_up", {{"variant", "current"}}};
};

TEST_F(BoxFlipUpTest, TheFreeFingerMovesAsInDrake) {
  int control_steps = 0;
  for (const GoldenEpisode& episode : ReadGolden("finger.txt")) {
    SCOPED_TRACE("after " + std::to_string(control_steps) + " control steps");
    const std::vector<double>& head = episode.head;  // x, z, x_dot, z_dot.
    DrakeEnv& env = this->env(episode.kind);
    env.Reset(0);
    PlaceBox(env, 0, 0.025, 0);
    env.body("finger").SetJoints({head[0], head[1]}, {head[2], head[3]});
    for (const std::vector<double>& row : episode.rows) {
      Step(env, row[0], row[1]);
      for (int i = 0; i < 2; ++i) {
        ASSERT_NEAR(env.state()[kFingerX + i], row[2 + i], 1e-6) << "position " << i;
        ASSERT_NEAR(env.state()[kFingerXDot + i], row[4 + i], 2e-6) << "velocity " << i;
      }
      ++control_steps;
    }
  }
  EXPECT_GT(control_steps, 1000);
}

TEST_F(BoxFlipUpTest, TheFlyingBoxMovesAsInDrake) {
  int control_steps = 0;
  for (const GoldenEpisode& episode : ReadGolden("flight.txt")) {
    SCOPED_TRACE("after " + std::to_string(control_steps) + " control steps");
    // x, z, theta, their velocities, force along x and z, torque about theta's axis.
    const std::vector<double>& head = episode.head;
    seed_.Reset(0);
    Body& box = seed_.body("box");
    box.SetJoints({head[0], head[1], head[2]}, {head[3], head[4], head[5]});
    // theta turns about the world's -y.
    box.HoldForce(box.Link("box"), btVector3(head[6], 0, head[7]), btVector3(0, -head[8], 0));
    seed_.body("finger").SetJoints({0.45, 0.25}, {0, 0});
    for (const std::vector<double>& row : episode.rows) {
      Step(seed_, 0.45, 0.25);
      for (int i = 0; i < 3; ++i) {
        ASSERT_NEAR(seed_.state()[kX + i], row[i], 1e-6) << "position " << i;
        ASSERT_NEAR(seed_.state()[kXDot + i], row[3 + i], 2e-6) << "velocity " << i;
      }
      ++control_steps;
    }
  }
  EXPECT_GT(control_steps, 300);
}

TEST_F(BoxFlipUpTest, PositiveThetaLiftsTheEndAtPlusX) {
  seed_.Reset(0);
  PlaceBox(seed_, 0, 0.2, 0.3);
  Body& box = seed_.body("box");
  const btVector3 end = box.LinkPose(box.Link("box")) * btVector3(0.1, 0, 0);
  EXPECT_NEAR(end.x(), 0.1 * std::cos(0.3), 1e-9);
  EXPECT_NEAR(end.z(), 0.2 + 0.1 * std::sin(0.3), 1e-9);
}

TEST_F(BoxFlipUpTest, TheFingerReachesDrakesCheckValues) {
  current_.Reset(0);
  const double expected[2][4] = {{.0535, .2901, .737, .553}, {.1193, .3395, .540, .405}};
  for (const auto& values : expected) {
    Step(current_, 0.2, 0.4);
    EXPECT_NEAR(current_.state()[kFingerX], values[0], 6e-5);
    EXPECT_NEAR(current_.state()[kFingerZ], values[1], 6e-5);
    EXPECT_NEAR(current_.state()[kFingerXDot], values[2], 6e-4);
    EXPECT_NEAR(current_.state()[kFingerZDot], values[3], 6e-4);
  }
}

TEST_F(BoxFlipUpTest, TheFingerStopsAtTheLimitsOfItsVariant) {
  const struct {
    const char* variant;
    double low_x, high_x, low_z, high_z;
  } cases[] = {{"seed", -0.5, 0.5, -0.1, 0.3}, {"current", -0.3, 0.3, 0, 0.5}};
  for (const auto& limits : cases) {
    SCOPED_TRACE(limits.variant);
    DrakeEnv& env = this->env(limits.variant);
    // Outside the bin, whose walls and floor end at 0.315.
    for (const double side : {-1.0, 1.0}) {
      env.Reset(0);
      env.body("finger").SetJoints({0, 0.25}, {0, 0});
      for (int t = 0; t < 30; ++t) Step(env, side * 0.5, 0.6);
      EXPECT_NEAR(env.state()[kFingerX], side > 0 ? limits.high_x : limits.low_x, 1e-3);
      EXPECT_NEAR(env.state()[kFingerZ], limits.high_z, 1e-3);
    }
    env.Reset(0);
    PlaceBox(env, 0, 0.025, 0);
    // In "current" the finger cannot leave the bin: the floor, not the limit, stops it.
    const bool outside = limits.high_x > 0.33;
    const double x = outside ? 0.45 : 0.2;
    env.body("finger").SetJoints({x, 0.25}, {0, 0});
    for (int t = 0; t < 30; ++t) Step(env, x, -0.1);
    EXPECT_NEAR(env.state()[kFingerZ], outside ? limits.low_z : 0.01, 1e-3);
  }
}

TEST_F(BoxFlipUpTest, HoldingStillGivesDrakesRewardAndReturn) {
  seed_.Reset(3);
  EXPECT_NEAR(Step(seed_, 0, 0.25).reward, 5.0652, 1e-4);
  seed_.Reset(3);
  EXPECT_NEAR(Hold(seed_, 0, 0.25), 506.52, 0.01);
}

TEST_F(BoxFlipUpTest, ABoxStartedUprightStaysSo) {
  seed_.Reset(3);
  PlaceBox(seed_, 0, 0.1, M_PI / 2);
  EXPECT_NEAR(Hold(seed_, 0, 0.25), 1000, 0.15);  // Drake: 999.9 to 1000.
  EXPECT_NEAR(seed_.state()[kTheta], M_PI / 2, 1e-3);
  EXPECT_NEAR(seed_.state()[kZ], 0.1, 1e-4);
}

TEST_F(BoxFlipUpTest, TheRewardIsWhatTheObservationSays) {
  Rng rng({6});
  for (int seed = 0; seed < 4; ++seed) {
    seed_.Reset(seed);
    // Half turns beyond the first, to both sides.
    PlaceBox(seed_, 0, 0.15, (seed - 1.5) * 3);
    for (int t = 0; t < 25; ++t) {
      const double target[] = {rng.Uniform(-0.5, 0.5), rng.Uniform(-0.1, 0.6)};
      const float reward = Step(seed_, target[0], target[1]).reward;
      const std::vector<float>& state = seed_.state();
      double phi = std::fmod(state[kTheta], M_PI);
      if (phi < 0) phi += M_PI;
      phi -= M_PI / 2;
      double expected = 10 - 2 * phi * phi - 0.1 * state[kThetaDot] * state[kThetaDot];
      for (int i = 0; i < 2; ++i) {
        expected -= 0.1 * std::pow(target[i] - state[kFingerX + i], 2);
        expected -= 0.1 * std::pow(state[kFingerXDot + i], 2);
      }
      // At phi = +-pi/2, a box that lies flat, float rounding may take the other sign; the square
      // is the same.
      EXPECT_NEAR(reward, expected, 1e-4) << "theta " << state[kTheta];
    }
  }
}

TEST_F(BoxFlipUpTest, StartsAreThoseOfTheVariant) {
  for (const std::string variant : {"seed", "current"}) {
    DrakeEnv& env = this->env(variant);
    double lowest = 0, highest = 0;
    for (int seed = 0; seed < 300; ++seed) {
      env.Reset(seed);
      const std::vector<float>& state = env.state();
      lowest = std::min<double>(lowest, state[kX]);
      highest = std::max<double>(highest, state[kX]);
      EXPECT_FLOAT_EQ(state[kZ], variant == "seed" ? 0.025f : 0.15f);
      EXPECT_THAT(std::vector<float>(state.begin() + kTheta, state.end()),
                  ElementsAre(0, 0, 0.25f, 0, 0, 0, 0, 0));
    }
    EXPECT_GE(lowest, -0.1f);
    EXPECT_LE(highest, 0.1f);
    EXPECT_LT(lowest, -0.097);
    EXPECT_GT(highest, 0.097);
  }
}

TEST_F(BoxFlipUpTest, ADroppedBoxComesToRestFlat) {
  current_.Reset(1);
  for (int t = 0; t < 10; ++t) Step(current_, 0, 0.4);
  EXPECT_NEAR(current_.state()[kZ], 0.025, 1e-4);
  EXPECT_NEAR(current_.state()[kTheta], 0, 1e-4);
  EXPECT_NEAR(current_.state()[kZDot], 0, 1e-4);
}

TEST_F(BoxFlipUpTest, TheHorizonIsTenSecondsAndNothingElseEndsAnEpisode) {
  EXPECT_EQ(seed_.env().spec().horizon, 100);
  EXPECT_EQ(DrakeEnv("box_flip_up", {{"time_limit_s", "5"}}).env().spec().horizon, 50);
  seed_.Reset(0);
  PlaceBox(seed_, 0, 0.1, M_PI / 2);  // Not even success.
  for (int t = 0; t < 10; ++t) {
    const StepResult step = Step(seed_, 0, 0.25);
    EXPECT_FALSE(step.terminated);
    EXPECT_FALSE(step.truncated);
  }
}

TEST_F(BoxFlipUpTest, TheControllersIntegralBeginsAnewWithEachEpisode) {
  seed_.Reset(0);
  Hold(seed_, 0.5, 0.6);  // An error that the limits keep.
  seed_.Reset(0);
  Step(seed_, 0, 0.25);
  EXPECT_NEAR(seed_.state()[kFingerX], 0, 1e-7);
  EXPECT_NEAR(seed_.state()[kFingerZ], 0.25, 1e-7);
}

}  // namespace
}  // namespace armature

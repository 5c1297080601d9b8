#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "common/random/rng.h"
#include "envserver/tasks/drake/testing/drake_env.h"
#include "envserver/tasks/drake/testing/golden.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

enum State { kX, kTheta, kXDot, kThetaDot };
constexpr int kSlider = 0, kPin = 1;

EnvConfig AtRest() { return {{"randomize_state", "false"}}; }

EnvConfig AtRestWith(const std::string& key) {
  return {{"randomize_state", "false"}, {key, "true"}};
}

Body& CartPoleOf(DrakeEnv& env) { return env.body("cart_pole"); }

int Pole(DrakeEnv& env) { return CartPoleOf(env).Link("pole"); }

TEST(CartPoleTest, MovesAsInDrake) {
  DrakeEnv env("cartpole", AtRest());
  int control_steps = 0;
  for (const GoldenEpisode& episode : ReadGolden("cart_pole.txt")) {
    SCOPED_TRACE("after " + std::to_string(control_steps) + " control steps");
    const std::vector<double>& head = episode.head;  // Mass, x, theta, x_dot, theta_dot.
    env.Reset(0);
    CartPoleOf(env).SetMass(Pole(env), head[0]);
    CartPoleOf(env).SetJoints({head[1], head[2]}, {head[3], head[4]});
    bool terminated = false;
    for (const std::vector<double>& row : episode.rows) {
      ASSERT_FALSE(terminated);
      CartPoleOf(env).HoldForce(Pole(env), btVector3(row[1], 0, 0), btVector3(0, 0, 0));
      const StepResult step = env.Step({static_cast<float>(row[0])});
      terminated = step.terminated;
      EXPECT_EQ(step.reward, 1);
      for (int i = 0; i < 4; ++i) ASSERT_NEAR(env.state()[i], row[3 + i], 1e-6) << "element " << i;
      ++control_steps;
    }
    const std::vector<double>& last = episode.rows.back();
    EXPECT_EQ(terminated, std::abs(last[3 + kTheta]) > 0.2 || std::abs(last[3 + kX]) > 2.4);
    EXPECT_TRUE(terminated || last[2] == 5);  // Fewer physics steps: Drake's episode has ended.
  }
  EXPECT_GT(control_steps, 2000);
}

TEST(CartPoleTest, FullForceFromRestGivesDrakesState) {
  DrakeEnv env("cartpole", AtRest());
  env.Reset(0);
  EXPECT_THAT(env.state(), Each(0.0f));
  EXPECT_FALSE(env.Step({10.0f}).terminated);
  const double expected[] = {.01501, .03015, .50038, 1.00856};
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(env.state()[i], expected[i], 1e-5);
}

TEST(CartPoleTest, RandomActionsLastAsLongAsInDrakeAndEveryStepIsRewarded) {
  DrakeEnv env("cartpole", {});
  Rng rng({3});
  const int episodes = 1000;
  int steps = 0, longest = 0;
  for (int episode = 0; episode < episodes; ++episode) {
    env.Reset(episode);
    int length = 0;
    bool terminated = false;
    for (; !terminated && length < env.env().spec().horizon; ++length) {
      const StepResult step = env.Step({static_cast<float>(rng.Uniform(-10, 10))});
      EXPECT_EQ(step.reward, 1);
      terminated = step.terminated;
    }
    steps += length;
    longest = std::max(longest, length);
  }
  // Drake: mean 6.8, the longest of 200 episodes 24.
  EXPECT_NEAR(static_cast<double>(steps) / episodes, 6.8, 0.3);
  EXPECT_GE(longest, 18);
  EXPECT_LT(longest, 40);
}

TEST(CartPoleTest, TheHorizonIsTheTimeLimit) {
  EXPECT_EQ(DrakeEnv("cartpole", {}).env().spec().horizon, 100);
  EXPECT_EQ(DrakeEnv("cartpole", {{"time_limit_s", "7"}}).env().spec().horizon, 140);
}

TEST(CartPoleTest, TheEpisodeEndsInThePhysicsStepThatLeavesTheTrack) {
  DrakeEnv env("cartpole", AtRest());
  env.Reset(0);
  bool terminated = false;
  // Balances the pole while it leans to +x, which drives the cart to +x: it passes 2.4 before the
  // pole falls.
  for (int t = 0; t < 100 && !terminated; ++t) {
    const std::vector<float>& state = env.state();
    const float force = -60 * (state[kTheta] + 0.1f) - 12 * state[kThetaDot];
    terminated = env.Step({std::clamp(force, -10.0f, 10.0f)}).terminated;
  }
  EXPECT_TRUE(terminated);
  EXPECT_GT(env.state()[kX], 2.4);
  EXPECT_LT(env.state()[kX], 2.4 + 0.01 * env.state()[kXDot] + 1e-6);
  EXPECT_LT(std::abs(env.state()[kTheta]), 0.2);
  EXPECT_EQ(env.Metric("terminated/left_track"), 1);
  EXPECT_EQ(env.Metric("terminated/fell"), 0);
}

TEST(CartPoleTest, TheEpisodeEndsInThePhysicsStepInWhichThePoleFalls) {
  DrakeEnv env("cartpole", AtRest());
  for (const double speed : {-1.0, 1.0}) {
    env.Reset(0);
    // Passes 0.2 in the second of five physics steps.
    CartPoleOf(env).SetJoints({0, 0.185 * speed}, {0, speed});
    EXPECT_TRUE(env.Step({0.0f}).terminated);
    EXPECT_GT(env.state()[kTheta] * speed, 0.2);
    EXPECT_LT(env.state()[kTheta] * speed, 0.21);
    EXPECT_EQ(env.Metric("terminated/fell"), 1);
  }
}

TEST(CartPoleTest, StartsAreUniformInTheirRangesAndTheCartRests) {
  DrakeEnv env("cartpole", {});
  const double limit[] = {0.1, 0.15, 0, 0.1};
  double lowest[4] = {}, highest[4] = {}, sum_of_squares[4] = {};
  const int episodes = 1000;
  for (int seed = 0; seed < episodes; ++seed) {
    env.Reset(seed);
    for (int i = 0; i < 4; ++i) {
      const double value = env.state()[i];
      lowest[i] = std::min(lowest[i], value);
      highest[i] = std::max(highest[i], value);
      sum_of_squares[i] += value * value;
    }
  }
  for (int i = 0; i < 4; ++i) {
    EXPECT_LE(highest[i], limit[i] * (1 + 1e-6));
    EXPECT_GE(lowest[i], -limit[i] * (1 + 1e-6));
    EXPECT_GE(highest[i], 0.97 * limit[i]);
    EXPECT_LE(lowest[i], -0.97 * limit[i]);
    EXPECT_NEAR(sum_of_squares[i] / episodes, limit[i] * limit[i] / 3, 0.05 * limit[i] * limit[i]);
  }
}

TEST(CartPoleTest, ThePolesMassIsDrawnAnewForEachEpisode) {
  DrakeEnv env("cartpole", AtRestWith("randomize_mass"));
  const auto mass = [&] { return CartPoleOf(env).mass(Pole(env)); };
  env.Reset(7);
  const double first = mass();
  double sum = 0, lowest = 1, highest = 0;
  const int episodes = 1000;
  for (int seed = 0; seed < episodes; ++seed) {
    env.Reset(seed);
    sum += mass();
    lowest = std::min(lowest, mass());
    highest = std::max(highest, mass());
  }
  // Were it cumulative, a thousand draws would leave these bounds.
  EXPECT_GE(lowest, 0.05);
  EXPECT_LE(highest, 0.15);
  EXPECT_LT(lowest, 0.052);
  EXPECT_GT(highest, 0.148);
  EXPECT_NEAR(sum / episodes, 0.1, 0.003);
  env.Reset(7);
  EXPECT_EQ(mass(), first);
}

TEST(CartPoleTest, WithoutRandomMassItIsAlwaysATenth) {
  DrakeEnv env("cartpole", {});
  for (int seed = 0; seed < 5; ++seed) {
    env.Reset(seed);
    EXPECT_DOUBLE_EQ(CartPoleOf(env).mass(Pole(env)), 0.1);
  }
}

TEST(CartPoleTest, ARandomMassChangesTheMotionAsThatMassDoes) {
  DrakeEnv random("cartpole", AtRestWith("randomize_mass")), fixed("cartpole", AtRest());
  random.Reset(1);
  fixed.Reset(1);
  CartPoleOf(fixed).SetMass(Pole(fixed), CartPoleOf(random).mass(Pole(random)));
  for (int t = 0; t < 3; ++t) {
    random.Step({5.0f});
    fixed.Step({5.0f});
  }
  EXPECT_EQ(random.state(), fixed.state());
}

TEST(CartPoleTest, NoiseIsFreshInEveryElementOfEveryObservation) {
  DrakeEnv env("cartpole", AtRestWith("observation_noise"));
  std::set<float> values;
  double sum = 0, sum_of_squares = 0;
  int count = 0;
  for (int seed = 0; seed < 50; ++seed) {
    env.Reset(seed);
    for (int t = 0; t < 20; ++t) {  // Unpushed, the cart-pole stays at exactly zero.
      for (const float value : env.state()) {
        EXPECT_LE(std::abs(value), 0.01f);
        sum += value;
        sum_of_squares += value * value;
        values.insert(value);
        ++count;
      }
      ASSERT_EQ(CartPoleOf(env).joint_position(kPin), 0);
      env.Step({0.0f});
    }
  }
  EXPECT_GT(values.size(), 0.999 * count);
  EXPECT_NEAR(sum / count, 0, 0.0004);                           // 4 standard errors.
  EXPECT_NEAR(sum_of_squares / count, 0.01 * 0.01 / 3, 0.2e-5);  // Uniform; 4 standard errors.
}

TEST(CartPoleTest, NoiseLeavesMotionAndEndingAsTheyWere) {
  DrakeEnv noisy("cartpole", {{"observation_noise", "true"}}), plain("cartpole", {});
  Rng rng({4});
  for (int seed = 0; seed < 20; ++seed) {
    noisy.Reset(seed);
    plain.Reset(seed);
    bool terminated = false;
    while (!terminated) {
      const auto force = static_cast<float>(rng.Uniform(-10, 10));
      terminated = plain.Step({force}).terminated;
      ASSERT_EQ(noisy.Step({force}).terminated, terminated);
      for (int i = 0; i < 4; ++i) EXPECT_NEAR(noisy.state()[i], plain.state()[i], 0.01 + 1e-6);
    }
    EXPECT_EQ(CartPoleOf(noisy).joint_position(kSlider), CartPoleOf(plain).joint_position(kSlider));
  }
}

// At rest and upright, a cart-pole that nothing pushes stays at exactly zero.
TEST(CartPoleTest, TheDisturbanceActsInTheLastTenthOfEachSecondOnly) {
  DrakeEnv env("cartpole", AtRestWith("disturbance"));
  env.Reset(1);
  for (int second = 0; second < 3; ++second) {
    for (int t = 0; t < 18; ++t) {
      env.Step({0.0f});
      ASSERT_THAT(env.state(), Each(0.0f)) << "second " << second << " step " << t;
    }
    env.Step({0.0f});  // From 0.90 to 0.95 s.
    EXPECT_NE(env.state()[kThetaDot], 0);
    CartPoleOf(env).SetJoints({0, 0}, {0, 0});
    env.Step({0.0f});  // To 1 s.
    EXPECT_NE(env.state()[kThetaDot], 0);
    CartPoleOf(env).SetJoints({0, 0}, {0, 0});
  }
}

TEST(CartPoleTest, TheDisturbanceIsDrawnAnewForEachPhysicsStep) {
  DrakeEnv env("cartpole", AtRestWith("disturbance"));
  // At first a force F on the pole's mass m, at length l, only turns the pole: theta_dot changes by
  // -F h / (m l) = -0.2 F / N in a physics step h. Forces act at 0.91, 0.92, 0.93 and 0.94 s; were
  // they one force, the variance would be four times as large.
  const int episodes = 2000;
  double sum_of_squares = 0, largest = 0;
  for (int seed = 0; seed < episodes; ++seed) {
    env.Reset(seed);
    for (int t = 0; t < 19; ++t) env.Step({0.0f});
    const double speed = env.state()[kThetaDot];
    sum_of_squares += speed * speed;
    largest = std::max(largest, std::abs(speed));
  }
  const double variance = 4 * 0.2 * 0.2 / 3;
  EXPECT_NEAR(sum_of_squares / episodes, variance, 0.1 * variance);
  EXPECT_LT(largest, 4 * 0.2 * 1.02);  // What gravity adds is less than 2%.
}

TEST(CartPoleTest, TheParameterScalesTheDisturbance) {
  const auto speed_after = [](double scale) {
    DrakeEnv env("cartpole", AtRestWith("disturbance"));
    EXPECT_EQ(env.env().spec().parameters[0].name, "disturbance");
    EXPECT_EQ(env.env().spec().parameters[0].initial, 1);
    env.env().SetParameters({scale});
    env.Reset(5);
    for (int t = 0; t < 19; ++t) env.Step({0.0f});
    return env.state()[kThetaDot];
  };
  EXPECT_NE(speed_after(1), 0);
  EXPECT_NEAR(speed_after(0.5), 0.5 * speed_after(1), 1e-4 * std::abs(speed_after(1)));
  EXPECT_EQ(speed_after(0), 0);
}

TEST(CartPoleTest, WithoutDisturbanceNothingPushesAndThereIsNoParameter) {
  DrakeEnv env("cartpole", AtRest());
  env.Reset(1);
  for (int t = 0; t < 100; ++t) {
    EXPECT_FALSE(env.Step({0.0f}).terminated);
    ASSERT_THAT(env.state(), Each(0.0f));
  }
  EXPECT_TRUE(env.env().spec().parameters.empty());
}

TEST(CartPoleTest, TheCameraIsDrakes) {
  DrakeEnv env("cartpole", {});
  ASSERT_EQ(env.env().scene()->cameras.size(), 1);
  const SceneCamera& camera = env.env().scene()->cameras[0];
  EXPECT_THAT(camera.position, ElementsAre(0, -2.5, 0.4));
  EXPECT_THAT(camera.target, ElementsAre(0, 0, 0.4));
  EXPECT_EQ(camera.vertical_field_of_view_deg, 45);
  EXPECT_EQ(camera.width_px, 640);
  EXPECT_EQ(camera.height_px, 480);
}

}  // namespace
}  // namespace armature

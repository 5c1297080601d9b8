#include "envserver/tasks/cartpole/cartpole.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "common/random/rng.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

class CartPoleTest : public testing::Test {
 protected:
  void Make(const CartPoleConfig& config) { env_ = std::make_unique<CartPole>(config); }

  std::unique_ptr<CartPole> env_;
  std::vector<float> state_ = std::vector<float>(4);
  Observation observation_{{absl::MakeSpan(reinterpret_cast<uint8_t*>(state_.data()), 16)}};
};

CartPoleConfig AtRest() {
  CartPoleConfig config;
  config.randomize_state = false;
  return config;
}

TEST_F(CartPoleTest, FullForceFromRestIsDrakes) {
  Make(AtRest());
  env_->Reset(0, observation_);
  EXPECT_EQ(state_, std::vector<float>(4, 0.0f));
  EXPECT_FALSE(env_->Step({10.0f}, observation_).terminated);
  const double expected[] = {.01501, .03015, .50038, 1.00856};
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(state_[i], expected[i], 1e-5);
}

TEST_F(CartPoleTest, MotionFollowsTheEquationsOfTheCartPole) {
  // With phi = -theta (leaning to +x), m the pole's mass, M the cart's, l the length:
  //   (M + m) x'' + m l (phi'' cos phi - phi'^2 sin phi) = F
  //   l phi'' + x'' cos phi = g sin phi
  // by semi-implicit Euler, as Drake's discrete plant.
  const double m = 0.1, M = 1, l = 0.5, g = 9.81, h = 0.01;
  Make(CartPoleConfig{});
  for (uint64_t seed = 0; seed < 20; ++seed) {
    env_->Reset(seed, observation_);
    double x = state_[0], phi = -state_[1], v = state_[2], w = -state_[3];
    Rng rng({seed, 1});
    bool fallen = false;
    for (int t = 0; t < 100 && !fallen; ++t) {
      const auto force = static_cast<float>(rng.Uniform(-10, 10));
      for (int i = 0; i < 5 && !fallen; ++i) {
        const double s = std::sin(phi), c = std::cos(phi);
        const double a = (force + m * l * w * w * s - m * g * s * c) / (M + m * s * s);
        v += h * a;
        w += h * (g * s - a * c) / l;
        x += h * v;
        phi += h * w;
        fallen = std::abs(phi) > 0.2;
      }
      EXPECT_EQ(env_->Step({force}, observation_).terminated, fallen);
      ASSERT_NEAR(state_[0], x, 1e-5) << "seed " << seed << " step " << t;
      ASSERT_NEAR(state_[1], -phi, 1e-5);
      ASSERT_NEAR(state_[2], v, 1e-4);
      ASSERT_NEAR(state_[3], -w, 1e-4);
    }
  }
}

TEST_F(CartPoleTest, RandomActionsLastAsLongAsDrakes) {
  Make(CartPoleConfig{});
  Rng rng({3});
  const int episodes = 1000;
  int steps = 0, longest = 0;
  for (int episode = 0; episode < episodes; ++episode) {
    env_->Reset(episode, observation_);
    int length = 0;
    bool terminated = false;
    while (!terminated && length < env_->spec().horizon) {
      const StepResult step = env_->Step({static_cast<float>(rng.Uniform(-10, 10))}, observation_);
      EXPECT_EQ(step.reward, 1);
      terminated = step.terminated;
      ++length;
    }
    steps += length;
    longest = std::max(longest, length);
  }
  EXPECT_NEAR(static_cast<double>(steps) / episodes, 6.8, 0.3);
  EXPECT_LT(longest, 40);
}

TEST_F(CartPoleTest, HorizonIsTheTimeLimit) {
  Make(CartPoleConfig{});
  EXPECT_EQ(env_->spec().horizon, 100);
  CartPoleConfig training;
  training.time_limit_s = 7;
  Make(training);
  EXPECT_EQ(env_->spec().horizon, 140);
}

TEST_F(CartPoleTest, TerminatesWithinTheControlStepThatLeavesTheTrack) {
  Make(AtRest());
  env_->Reset(0, observation_);
  bool terminated = false;
  // Balances the pole while it leans to +x, which drives the cart to +x: it passes 2.4 before the
  // pole falls.
  for (int t = 0; t < 100 && !terminated; ++t) {
    const float force = std::clamp(-60 * (state_[1] + 0.1f) - 12 * state_[3], -10.0f, 10.0f);
    terminated = env_->Step({force}, observation_).terminated;
  }
  EXPECT_TRUE(terminated);
  EXPECT_GT(state_[0], 2.4);
  EXPECT_LT(state_[0], 2.4 + 0.01 * state_[2] + 1e-6);
  EXPECT_LT(std::abs(state_[1]), 0.2);
}

}  // namespace
}  // namespace armature

// Nothing here is known to the shield but measurements: contacts are found from true positions.
#include "envserver/shield/testing/closed_loop.h"

#include <algorithm>
#include <string>

#include "envserver/human/human_figure.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr int kEpisodes = 30;

// Humans that run, that reach, and that do both.
ClosedLoopResult RunAll(ClosedLoop loop) {
  ClosedLoopResult all;
  for (int i = 0; i < kEpisodes; ++i) {
    loop.body_share = (i % 3) / 2.0;
    const ClosedLoopResult one = Run(loop, 1000 + i);
    all.instants += one.instants;
    all.contacts += one.contacts;
    all.moving_contacts += one.moving_contacts;
    all.fast_contacts += one.fast_contacts;
    all.implausible += one.implausible;
    all.interventions += one.interventions;
    all.way_rad += one.way_rad;
    all.velocity = std::max(all.velocity, one.velocity);
    all.acceleration = std::max(all.acceleration, one.acceleration);
    all.jerk = std::max(all.jerk, one.jerk);
    all.inconsistency = std::max(all.inconsistency, one.inconsistency);
    all.inconsistency_rad = std::max(all.inconsistency_rad, one.inconsistency_rad);
  }
  testing::Test::RecordProperty("contacts", std::to_string(all.contacts));
  testing::Test::RecordProperty("moving_contacts", std::to_string(all.moving_contacts));
  testing::Test::RecordProperty("fast_contacts", std::to_string(all.fast_contacts));
  return all;
}

void ExpectLimits(const ClosedLoopResult& result) {
  EXPECT_LE(result.velocity, 1 + 1e-6);
  EXPECT_LE(result.acceleration, 1 + 1e-6);
  EXPECT_LE(result.jerk, 1 + 1e-4);
  EXPECT_LE(result.inconsistency, 1 + 1e-6);
  EXPECT_LT(result.inconsistency_rad, 1e-6);
}

TEST(ClosedLoopTest, WithSpeedAndSeparationNobodyTouchesAnArmThatMoves) {
  ClosedLoop loop;
  loop.human = TrackedHumanFigure();
  const ClosedLoopResult result = RunAll(loop);
  EXPECT_EQ(result.moving_contacts, 0);
  EXPECT_GT(result.contacts, 100);  // The humans do come.
  EXPECT_GT(result.way_rad, 50);    // The arm does move.
  EXPECT_EQ(result.implausible, 0);
  ExpectLimits(result);
}

TEST(ClosedLoopTest, NeitherWithoutMeasuredVelocities) {
  ClosedLoop loop;
  loop.human = TrackedHumanFigure();
  loop.has_velocity = false;
  const ClosedLoopResult result = RunAll(loop);
  EXPECT_EQ(result.moving_contacts, 0);
  EXPECT_GT(result.contacts, 100);
}

TEST(ClosedLoopTest, NorWithAPerfectTracker) {
  // Bounds without slack: a set that is too small by little is seen.
  ClosedLoop loop;
  loop.human = HumanFigure();
  loop.age_max_s = 0;
  loop.missing = 0;
  const ClosedLoopResult result = RunAll(loop);
  EXPECT_EQ(result.moving_contacts, 0);
  EXPECT_GT(result.contacts, 100);
}

TEST(ClosedLoopTest, WithPowerAndForceLimitingNobodyTouchesAnArmThatIsFast) {
  ClosedLoop loop;
  loop.human = TrackedHumanFigure();
  loop.options.mode = ShieldMode::kPowerAndForceLimiting;
  const ClosedLoopResult result = RunAll(loop);
  EXPECT_EQ(result.fast_contacts, 0);
  EXPECT_GT(result.moving_contacts, 100);  // It creeps on.
  EXPECT_EQ(result.implausible, 0);
  ExpectLimits(result);
}

TEST(ClosedLoopTest, WithoutTheShieldManyTouchAnArmThatIsFast) {
  ClosedLoop loop;
  loop.human = TrackedHumanFigure();
  loop.is_shield_blind = true;
  const ClosedLoopResult result = RunAll(loop);
  EXPECT_GT(result.fast_contacts, 1000);
  ExpectLimits(result);
}

}  // namespace
}  // namespace armature

// The ground of ANYmal's rough task, and what the task pays, ends and draws, through the registry.
#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "common/random/rng.h"
#include "envserver/tasks/anymal/anymal_mirror.h"
#include "envserver/tasks/anymal/height_scan.h"
#include "envserver/tasks/anymal/terrain.h"
#include "envserver/tasks/anymal/testing/anymal_env.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::Each;
using ::testing::FloatNear;

constexpr int kJoints = 12;
constexpr double kControlStep = 0.02;
const std::vector<float> kNoAction(kJoints, 0);
constexpr TerrainKind kKinds[] = {TerrainKind::kHill, TerrainKind::kHollow,
                                  TerrainKind::kStairsDown, TerrainKind::kStairsUp,
                                  TerrainKind::kRandom};

// Of a patch, m: from its lowest to its highest point, and the largest step between points of the
// grid.
struct Roughness {
  double range = 0;
  double step = 0;
};
Roughness RoughnessOf(const Terrain& terrain, int level, TerrainKind kind) {
  const btVector3 middle = terrain.Middle(level, kind);
  double low = 1e9, high = -1e9, step = 0;
  for (int i = -39; i < 39; ++i) {
    for (int j = -39; j < 39; ++j) {
      const double x = middle.x() + 0.1 * i, y = middle.y() + 0.1 * j;
      const double here = terrain.Height(x, y);
      low = std::min(low, here);
      high = std::max(high, here);
      step = std::max({step, std::abs(terrain.Height(x + 0.1, y) - here),
                       std::abs(terrain.Height(x, y + 0.1) - here)});
    }
  }
  return {high - low, step};
}

TEST(TerrainTest, EachLevelIsHarderThanTheOneBeforeAndTheFirstIsFlat) {
  const Terrain terrain(1);
  for (const TerrainKind kind : kKinds) {
    Roughness before = RoughnessOf(terrain, 0, kind);
    EXPECT_NEAR(before.range, 0, 1e-9);
    for (int level = 1; level < Terrain::kLevels; ++level) {
      const Roughness now = RoughnessOf(terrain, level, kind);
      EXPECT_GT(now.range, before.range + 0.01) << static_cast<int>(kind) << " " << level;
      EXPECT_GT(now.step, before.step + 0.001) << static_cast<int>(kind) << " " << level;
      before = now;
    }
  }
  EXPECT_NEAR(RoughnessOf(terrain, 7, TerrainKind::kHill).step, 0.04, 1e-5);  // Slope 0.4.
  EXPECT_NEAR(RoughnessOf(terrain, 7, TerrainKind::kStairsUp).step, 0.18, 1e-5);
  EXPECT_NEAR(RoughnessOf(terrain, 7, TerrainKind::kStairsUp).range, 1.8, 1e-5);
}

TEST(TerrainTest, HillsFallAndHollowsRiseFromAFlatMiddle) {
  const Terrain terrain(1);
  for (const TerrainKind kind : kKinds) {
    const btVector3 middle = terrain.Middle(7, kind);
    for (const double turn : {0.0, 1.0, 2.0, 3.0}) {
      EXPECT_NEAR(
          terrain.Height(middle.x() + 0.85 * std::cos(turn), middle.y() + 0.85 * std::sin(turn)),
          middle.z(), 1e-5);
    }
  }
  EXPECT_NEAR(terrain.Middle(7, TerrainKind::kHill).z(), 1.2, 1e-5);
  EXPECT_NEAR(terrain.Middle(7, TerrainKind::kHollow).z(), -1.2, 1e-5);
  EXPECT_NEAR(terrain.Middle(7, TerrainKind::kStairsDown).z(), 1.8, 1e-5);
  EXPECT_NEAR(terrain.Middle(7, TerrainKind::kStairsUp).z(), -1.8, 1e-5);
}

TEST(TerrainTest, TheSeedDecidesTheRandomHeights) {
  EXPECT_EQ(*Terrain(5).field().heights, *Terrain(5).field().heights);
  EXPECT_NE(*Terrain(5).field().heights, *Terrain(6).field().heights);
  EXPECT_EQ(Terrain::Shared(5), Terrain::Shared(5));
}

// The height that the task looks up is the one that Bullet's triangles have.
TEST(TerrainTest, HeightIsThatOfTheWorldsTriangles) {
  const auto terrain = Terrain::Shared(1);
  BulletWorld world({});
  Body* ground = world.AddHeightField(terrain->field(), {});
  Body* probe = world.AddSphere(0.01, 1, {});
  Rng rng({3});
  for (int trial = 0; trial < 200; ++trial) {
    const btVector3 middle = terrain->Middle(static_cast<int>(rng.Index(Terrain::kLevels)),
                                             kKinds[rng.Index(Terrain::kKinds)]);
    const double x = middle.x() + rng.Uniform(-4, 4), y = middle.y() + rng.Uniform(-4, 4);
    btTransform pose = btTransform::getIdentity();
    // On the ground: what is nearest to the probe is at most a radius away, and not far inside.
    pose.setOrigin(btVector3(x, y, terrain->Height(x, y)));
    probe->SetBasePose(pose);
    const ClosestPoints touching = world.Distance(*probe, kBase, *ground, kBase, 1);
    ASSERT_TRUE(touching.found);
    EXPECT_LT(touching.distance, 0) << x << " " << y;
    EXPECT_GT(touching.distance, -0.013) << x << " " << y;
  }
}

TEST(AnymalRoughTest, ObservationHas235NumbersAndKeysTakeSomeAway) {
  EXPECT_EQ(AnymalEnv("anymal_rough").All().size(), 235u);
  EXPECT_EQ(AnymalEnv("anymal_rough", {{"observe_heights", "false"}}).All().size(), 48u);
  EXPECT_EQ(AnymalEnv("anymal_rough",
                      {{"observe_heights", "false"}, {"observe_linear_velocity", "false"}})
                .All()
                .size(),
            45u);
}

TEST(AnymalRoughTest, BeginsOnItsFeetInTheMiddleOfEachPatch) {
  AnymalEnv env("anymal_rough");
  std::set<double> patches;
  for (int level = 0; level < Terrain::kLevels; ++level) {
    for (uint64_t seed = 0; seed < 6; ++seed) {
      env.Reset(seed, level);
      patches.insert(env.world().FindBody("ground")->LinkPose(kBase).getOrigin().y());
      EXPECT_THAT(env.Field("joint_angles"), Each(FloatNear(0, 1e-6)));
      EXPECT_NEAR(env.Field("gravity")[2], -1, 1e-6);
      EXPECT_NEAR(env.Field("heights")[kHeightScanSize / 2], 0, 1e-5);  // Under the base.
      for (int step = 0; step < 25; ++step) ASSERT_FALSE(env.Step(kNoAction).terminated);
      EXPECT_GT(env.robot().LinkPose(kBase).getOrigin().z(), 0.4);
      for (const char* foot : {"LF_FOOT", "RF_FOOT", "LH_FOOT", "RH_FOOT"}) {
        EXPECT_FALSE(env.world().Contacts(env.robot(), env.robot().Link(foot)).empty()) << foot;
      }
    }
  }
  EXPECT_EQ(patches.size(), Terrain::kKinds);
}

TEST(AnymalRoughTest, EpisodesBeginOnTheKindThatTheKeyNames) {
  const auto terrain = Terrain::Shared(1);
  const char* names[] = {"hill", "hollow", "stairs_down", "stairs_up", "random"};
  for (int kind = 0; kind < Terrain::kKinds; ++kind) {
    AnymalEnv env("anymal_rough", {{"terrain_kind", names[kind]}});
    const btVector3 middle = terrain->Middle(6, kKinds[kind]);
    for (uint64_t seed = 0; seed < 6; ++seed) {
      env.Reset(seed, 6);
      EXPECT_EQ(env.world().FindBody("ground")->LinkPose(kBase).getOrigin(), -middle)
          << names[kind] << " seed " << seed;
    }
  }
}

TEST(AnymalRoughTest, StandsOnFlatGroundForTheWholeEpisodeAndThatIsSuccess) {
  AnymalEnv env("anymal_rough", {{"terrain", "flat"}, {"standing", "1"}});
  EXPECT_EQ(env.env().spec().horizon, 1000);  // 20 s of 0.02 s.
  double tracking = 0;
  for (int step = 1; step <= 1000; ++step) {
    const StepResult result = env.Step(kNoAction);
    ASSERT_FALSE(result.terminated) << step;
    ASSERT_EQ(result.is_success, step == 1000) << step;
    tracking += env.Metric("reward/tracking_linear");
  }
  EXPECT_NEAR(tracking, 20, 0.1);
}

TEST(AnymalRoughTest, ASuccessFollowsTheCommand) {
  AnymalEnv env("anymal_rough", {{"terrain", "flat"}, {"standing", "0"}, {"forward_min", "1"}});
  for (int step = 1; step <= 1000; ++step) EXPECT_FALSE(env.Step(kNoAction).is_success);
}

// Without gravity, high above the ground, nothing but the joints' control acts.
AnymalState Floating() {
  AnymalState state;
  state.base.setOrigin(btVector3(0, 0, 3));
  state.angles = {0.03, 0.4, -0.8, -0.03, 0.4, -0.8, 0.03, -0.4, 0.8, -0.03, -0.4, 0.8};
  state.velocities.assign(kJoints, 0);
  return state;
}

TEST(AnymalRoughTest, PaysForTheCommandedVelocity) {
  AnymalEnv env("anymal_rough", {{"terrain", "flat"}, {"standing", "0"}});
  env.world().SetGravity(btVector3(0, 0, 0));
  const std::vector<float> command = env.Field("command");
  AnymalState state = Floating();
  state.base.setRotation(btQuaternion(btVector3(0, 0, 1), M_PI / 2));  // Forward is +y.
  // 0.1 too fast forward, 0.2 too far to the left.
  state.linear = btVector3(-command[1] - 0.2, command[0] + 0.1, 0);
  env.SetState(state);
  env.Step(kNoAction);
  EXPECT_NEAR(env.Metric("reward/tracking_linear"), kControlStep * std::exp(-(0.01 + 0.04) / 0.25),
              1e-4);
  EXPECT_NEAR(env.Metric("reward/tracking_turn"),
              0.5 * kControlStep * std::exp(-command[2] * command[2] / 0.25), 1e-5);
  EXPECT_NEAR(env.Metric("velocity_error"), std::hypot(0.1, 0.2), 1e-3);
  EXPECT_NEAR(env.Metric("turn_error"), std::abs(command[2]), 1e-3);
}

TEST(AnymalRoughTest, EachPenaltyIsItsWeightTimesTheSquareAndTheControlStep) {
  AnymalEnv env("anymal_rough", {{"terrain", "flat"}});
  env.world().SetGravity(btVector3(0, 0, 0));
  AnymalState state = Floating();
  state.linear = btVector3(0, 0, 0.5);
  env.SetState(state);
  env.Step(kNoAction);
  EXPECT_NEAR(env.Metric("reward/vertical_velocity"), -2 * 0.25 * kControlStep, 1e-4);
  EXPECT_NEAR(env.Metric("reward/roll_pitch_rate"), 0, 1e-6);
  EXPECT_EQ(env.Metric("reward/action_rate"), 0);
  EXPECT_EQ(env.Metric("reward/collisions"), 0);

  // The torque is held to 80 N.m in each joint; the last action was 0.
  env.SetState(Floating());
  std::vector<float> action(kJoints);
  for (int i = 0; i < kJoints; ++i) action[i] = i % 2 == 0 ? 10 : -10;
  const std::vector<float> before = env.Field("joint_velocities");
  env.Step(action);
  const std::vector<float> after = env.Field("joint_velocities");
  EXPECT_NEAR(env.Metric("reward/torque"), -1e-5 * kJoints * 80 * 80 * kControlStep, 1e-5);
  EXPECT_NEAR(env.Metric("reward/action_rate"), -0.01 * kJoints * 100 * kControlStep, 1e-5);
  double squares = 0;  // It was at rest.
  for (int i = 0; i < kJoints; ++i) squares += std::pow(after[i] / kControlStep, 2);
  EXPECT_NEAR(env.Metric("reward/joint_acceleration") / (-2.5e-7 * squares * kControlStep), 1,
              1e-4);
  EXPECT_EQ(env.Field("last_action"), action);
}

TEST(AnymalRoughTest, TakesTheTimeInTheAirWhereFeetComeDown) {
  AnymalEnv env("anymal_rough", {{"terrain", "flat"}, {"standing", "0"}, {"forward_min", "0.5"}});
  AnymalState state = Floating();
  state.base.setOrigin(btVector3(0, 0, 0.5 + 0.1));
  env.SetState(state);
  double total = 0;
  // 0.1 m of free fall take 0.143 s; in the steps to 0.16 or 0.18 s all four feet come down.
  for (int step = 0; step < 20; ++step) {
    env.Step(kNoAction);
    total += env.Metric("reward/feet_air_time");
  }
  EXPECT_NEAR(total, 4 * (0.17 - 0.5) * kControlStep, 4 * 0.011 * kControlStep);
}

TEST(AnymalRoughTest, EndsWhereTheBaseTouchesTheGround) {
  AnymalEnv env("anymal_rough", {{"terrain", "flat"}});
  AnymalState state = Floating();  // On its back, legs up.
  state.base.setOrigin(btVector3(0, 0, 0.25));
  state.base.setRotation(btQuaternion(btVector3(1, 0, 0), M_PI));
  env.SetState(state);
  StepResult result;
  for (int step = 0; step < 50 && !result.terminated; ++step) result = env.Step(kNoAction);
  EXPECT_TRUE(result.terminated);
  EXPECT_EQ(env.Metric("terminated/base_contact"), 1);
  EXPECT_EQ(env.Metric("terminated/thigh_contact"), 0);
}

// ANYmal B, whose knees belong to its thighs, on its knees.
StepResult Kneel(AnymalEnv& env) {
  AnymalState state = Floating();
  std::vector<float> hold(kJoints, 0);
  for (int leg = 0; leg < 4; ++leg) {
    const double fold = leg < 2 ? -1.2 : 1.2;
    state.angles[3 * leg + 2] += fold;
    hold[3 * leg + 2] = static_cast<float>(fold / 0.5);
  }
  const Body& ground = *env.world().FindBody("ground");
  double height = 0.5;
  do {
    height -= 0.001;
    state.base.setOrigin(btVector3(0, 0, height));
    env.SetState(state);
  } while (!env.world().Distance(env.robot(), kAllLinks, ground, kBase, 0.001).found);
  StepResult result;
  for (int step = 0; step < 3 && !result.terminated; ++step) result = env.Step(hold);
  return result;
}

TEST(AnymalRoughTest, AThighThatTouchesTheGroundEndsTheEpisodeOrIsACollision) {
  AnymalEnv ending("anymal_rough", {{"terrain", "flat"}});
  EXPECT_TRUE(Kneel(ending).terminated);
  EXPECT_EQ(ending.Metric("terminated/thigh_contact"), 1);
  EXPECT_EQ(ending.Metric("terminated/base_contact"), 0);

  AnymalEnv going_on("anymal_rough", {{"terrain", "flat"}, {"thigh_contact_ends", "false"}});
  EXPECT_FALSE(Kneel(going_on).terminated);
  EXPECT_LE(going_on.Metric("reward/collisions"), -kControlStep);
}

TEST(AnymalRoughTest, EndsWhereTheRobotLeavesTheTerrain) {
  AnymalEnv env("anymal_rough");
  AnymalState state = Floating();
  for (const double x : {20.0, 100.0}) {
    state.base.setOrigin(btVector3(x, 0, 5));
    env.Reset(0, /*parameter=*/0);
    env.SetState(state);
    EXPECT_EQ(env.Step(kNoAction).terminated, x == 100) << x;
    EXPECT_EQ(env.Metric("terminated/left_terrain"), x == 100 ? 1 : 0) << x;
  }
}

TEST(AnymalRoughTest, CommandsChangeEveryPeriodAndStayWithinTheirLimits) {
  AnymalEnv env("anymal_rough", {{"terrain", "flat"},
                                 {"standing", "0.3"},
                                 {"command_period_s", "0.1"},
                                 {"forward_min", "0.2"},
                                 {"forward_max", "0.6"},
                                 {"lateral_min", "0"},
                                 {"lateral_max", "0"}});
  int standing = 0, drawn = 1;
  std::vector<float> command = env.Field("command");
  for (int step = 1; step <= 500; ++step) {
    ASSERT_FALSE(env.Step(kNoAction).terminated);
    const std::vector<float> now = env.Field("command");
    if (step % 5 != 0) {
      ASSERT_EQ(now, command) << step;
    } else {
      ++drawn;
      const bool stands = now == std::vector<float>{0, 0, 0};
      standing += stands;
      if (!stands) {
        EXPECT_GE(now[0], 0.2f);
        EXPECT_LE(now[0], 0.6f);
        EXPECT_EQ(now[1], 0);
        EXPECT_NE(now, command);
      }
    }
    command = now;
  }
  EXPECT_NEAR(standing, 0.3 * drawn, 15);
}

TEST(AnymalRoughTest, SomeEpisodesBeginOnEasierTerrainWhereTheKeySaysSo) {
  const auto levels = [](const EnvConfig& config) {
    AnymalEnv env("anymal_rough", config);
    std::set<double> seen;
    for (uint64_t seed = 0; seed < 60; ++seed) {
      env.Reset(seed, 4);
      seen.insert(env.world().FindBody("ground")->LinkPose(kBase).getOrigin().x());
    }
    return seen.size();
  };
  EXPECT_EQ(levels({}), 1u);
  EXPECT_EQ(levels({{"easier_terrain", "0.5"}}), 5u);
}

TEST(HeightScanTest, IsNegativeWhereTheGroundIsHigherAndTurnsWithTheBase) {
  const auto terrain = Terrain::Shared(1);
  // On the rising side of a hill, which rises to +x there.
  const btVector3 middle = terrain->Middle(7, TerrainKind::kHill);
  const btVector3 place(middle.x() - 2.5, middle.y(), 0);
  btTransform base = btTransform::getIdentity();
  base.setOrigin(place + btVector3(0, 0, terrain->Height(place.x(), place.y()) + 0.5));
  std::vector<float> ahead(kHeightScanSize), left(kHeightScanSize);
  WriteHeightScan(base, 0.5, terrain.get(), btVector3(0, 0, 0), absl::MakeSpan(ahead));
  for (int column = 0; column < kHeightScanColumns; ++column) {
    for (int row = 0; row < kHeightScanRows; ++row) {
      EXPECT_NEAR(ahead[column * kHeightScanRows + row], -0.04 * (column - 8), 1e-4);
    }
  }
  base.setRotation(btQuaternion(btVector3(0, 0, 1), M_PI / 2));  // The hill is on the right.
  WriteHeightScan(base, 0.5, terrain.get(), btVector3(0, 0, 0), absl::MakeSpan(left));
  for (int column = 0; column < kHeightScanColumns; ++column) {
    for (int row = 0; row < kHeightScanRows; ++row) {
      EXPECT_NEAR(left[column * kHeightScanRows + row], 0.04 * (row - 5), 1e-4);
    }
  }
}

TEST(AnymalRoughTest, AMirroredStateAndActionGiveTheMirroredStep) {
  AnymalEnv env("anymal_rough", {{"terrain", "flat"}, {"standing", "1"}});
  const SignedPermutation mirror =
      MirrorRoughObservation(/*linear_velocity=*/true, /*heights=*/true);
  ASSERT_EQ(mirror.source.size(), env.All().size());
  Rng rng({1});
  for (int trial = 0; trial < 20; ++trial) {
    AnymalState state = Floating();
    state.base.setOrigin(btVector3(0.3, 0.2, 2));
    state.base.setRotation(btQuaternion(rng.Uniform(-3, 3), 0.1, 0.2));
    state.linear = btVector3(rng.Uniform(-1, 1), rng.Uniform(-1, 1), rng.Uniform(-1, 1));
    state.angular = btVector3(rng.Uniform(-1, 1), rng.Uniform(-1, 1), rng.Uniform(-1, 1));
    std::vector<float> action(kJoints);
    for (int i = 0; i < kJoints; ++i) {
      state.angles[i] += rng.Uniform(-0.5, 0.5);
      state.velocities[i] = rng.Uniform(-1, 1);
      action[i] = static_cast<float>(rng.Uniform(-1, 1));
    }
    env.SetState(state);
    env.Step(action);
    const std::vector<float> expected = Mirrored(mirror, env.All());
    env.Reset();
    env.SetState(MirrorState(state));
    env.Step(Mirrored(MirrorAction(), action));
    const std::vector<float> got = env.All();
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 0.1) << i;
    env.Reset();
  }
}

// Rows of the height scan change sides; commands to the left become commands to the right.
TEST(AnymalMirrorTest, TheHeightScanAndTheCommandChangeSides) {
  const SignedPermutation mirror = MirrorRoughObservation(true, true);
  std::vector<double> observation(235);
  for (size_t i = 0; i < observation.size(); ++i) observation[i] = static_cast<double>(i) + 1;
  const std::vector<double> mirrored = Mirrored(mirror, observation);
  EXPECT_EQ(Mirrored(mirror, mirrored), observation);
  EXPECT_EQ(mirrored[9], observation[9]);
  EXPECT_EQ(mirrored[10], -observation[10]);
  EXPECT_EQ(mirrored[11], -observation[11]);
  for (int column = 0; column < kHeightScanColumns; ++column) {
    for (int row = 0; row < kHeightScanRows; ++row) {
      EXPECT_EQ(mirrored[48 + column * kHeightScanRows + row],
                observation[48 + column * kHeightScanRows + kHeightScanRows - 1 - row]);
    }
  }
}

TEST(AnymalRoughTest, LimitsInTheWrongOrderAreRefusedByName) {
  EXPECT_THAT(Refusal("anymal_rough", {{"turn_min", "2"}}), testing::HasSubstr("turn_min"));
}

}  // namespace
}  // namespace armature

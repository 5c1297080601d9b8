// collision_prevention and ik_position_delta.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/random/rng.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/pose_query.h"
#include "envserver/env/arm_actions.h"
#include "envserver/env/env_registry.h"
#include "envserver/tasks/builtin_envs.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/observation_fields.h"
#include "envserver/wrappers/testing/wrapped.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

// Turns the elbow up: the tool, 0.03 m before the wall, moves 0.04 m towards it.
const std::vector<float> kIntoWall = {0, 0, -1, 0, 0, 0, 0.5f};
const std::vector<float> kAway = {0, 0, 1, 0, 0, 0, 0.5f};
const std::vector<double> kReset = {0, 0.6, 1.2, 0, 0.8, 0};

// Joints and gripper are float32.
auto Near(const std::vector<double>& expected) { return Pointwise(DoubleNear(1e-6), expected); }

TEST(CollisionPreventionTest, ZeroStopsTheArmBeforeTheWallAndLeavesTheGripper) {
  Wrapped env("exact_arm", {{"wrappers", "[collision_prevention]"}});
  EXPECT_EQ(env.spec().metrics.back().name, "action_resamples");
  EXPECT_TRUE(env.spec().reports_executed_action);
  env.Reset();
  EXPECT_THAT(env.Floats("joints"), Near(kReset));
  env.Step(kIntoWall);
  EXPECT_THAT(env.Floats("joints"), Near(kReset));
  EXPECT_THAT(env.Floats("gripper"), ElementsAre(0.5));
  EXPECT_EQ(env.Metrics().back(), 1);
  EXPECT_THAT(env.ExecutedAction(), ElementsAre(0, 0, 0, 0, 0, 0, 0.5f));
  env.Step(kAway);
  EXPECT_THAT(env.Floats("joints"), Near({0, 0.6, 1.4, 0, 0.8, 0}));
  EXPECT_EQ(env.Metrics().back(), 0);
  EXPECT_EQ(env.ExecutedAction(), kAway);
}

TEST(CollisionPreventionTest, WithoutItTheArmGoesIntoTheWall) {
  Wrapped env("exact_arm", {});
  env.Reset();
  env.Step(kIntoWall);
  EXPECT_NEAR(env.Floats("joints")[2], 1.0, 0.01) << "and the wall pushes it back a little";
  BulletWorld& world = *env.env().world();
  EXPECT_TRUE(world
                  .Distance(*world.FindBody("arm"), kAllLinks, *world.FindBody("wall"), kAllLinks,
                            /*distance_max=*/0)
                  .found);
}

TEST(CollisionPreventionTest, TheMarginIsADistance) {
  // At the reset the tool's sphere is 0.031 m from the wall.
  for (const auto& [margin, resamples] : {std::pair{"0.02", 0}, {"0.04", 1}}) {
    Wrapped env("exact_arm", {{"wrappers", "[collision_prevention]"},
                              {"collision_prevention.margin_m", margin}});
    env.Reset();
    env.Step({0, 0, 0, 0, 0, 0, 0});
    EXPECT_EQ(env.Metrics().back(), resamples) << margin;
  }
}

// The random actions of the first step, and which of them collide, found in another way.
struct Samples {
  explicit Samples(int count) {
    Wrapped env("exact_arm", {});
    env.Reset();
    ArmActions& arm = *env.env().arm();
    PoseQuery query(*env.env().world(), &arm.body(), arm.dofs(), /*margin=*/0);
    Rng rng({/*seed=*/1, 0x77726170, /*place=*/0});
    for (int k = 0; k < count; ++k) {
      action.emplace_back();
      for (int i = 0; i < 7; ++i) {
        action.back().push_back(static_cast<float>(rng.Uniform(-1.0f, 1.0f)));
      }
      std::vector<double> goal(6);
      for (int i = 0; i < 6; ++i) goal[i] = kReset[i] + 0.2 * action.back()[i];
      collides.push_back(query.Touches(goal));
    }
  }
  std::vector<std::vector<float>> action;
  std::vector<bool> collides;
};

TEST(CollisionPreventionTest, OneTakesTheFirstRandomActionThatIsFree) {
  const Samples samples(20);
  const auto free = std::find(samples.collides.begin(), samples.collides.end(), false);
  ASSERT_NE(free, samples.collides.end());
  Wrapped env("exact_arm",
              {{"wrappers", "[collision_prevention]"}, {"collision_prevention.replace_type", "1"}});
  env.Reset();
  env.Step(kIntoWall);
  EXPECT_EQ(env.ExecutedAction(), samples.action[free - samples.collides.begin()]);
  EXPECT_EQ(env.Metrics().back(), 1);
}

TEST(CollisionPreventionTest, TwoTakesTheNearestOfTwentyThatAreFree) {
  const Samples samples(20);
  EXPECT_NE(std::count(samples.collides.begin(), samples.collides.end(), true), 0);
  std::vector<float> nearest;
  double least = 1e9;
  for (int k = 0; k < 20; ++k) {
    double square = 0;
    for (int i = 0; i < 7; ++i) square += std::pow(samples.action[k][i] - kIntoWall[i], 2);
    if (samples.collides[k] || square >= least) continue;
    least = square;
    nearest = samples.action[k];
  }
  Wrapped env("exact_arm",
              {{"wrappers", "[collision_prevention]"}, {"collision_prevention.replace_type", "2"}});
  env.Reset();
  env.Step(kIntoWall);
  EXPECT_EQ(env.ExecutedAction(), nearest);
}

TEST(CollisionPreventionTest, WhereEveryRandomActionCollidesTheArmStays) {
  // All is nearer than 0.5 m to something, but for pairs of links that were so from the beginning.
  Wrapped env("exact_arm", {{"wrappers", "[collision_prevention]"},
                            {"collision_prevention.replace_type", "2"},
                            {"collision_prevention.margin_m", "0.5"}});
  env.Reset();
  env.Step(kAway);
  EXPECT_THAT(env.ExecutedAction(), ElementsAre(0, 0, 0, 0, 0, 0, 0.5f));
}

// The Schunk's links overlap where they bend, so that much of it touches by design.
TEST(CollisionPreventionTest, BesideAHumanOnlyActionsThatEndInTheSceneAreReplaced) {
  EnvRegistry registry;
  absl::Status status = RegisterBuiltinWrappers(registry);
  status.Update(RegisterBuiltinEnvs(registry));
  ASSERT_TRUE(status.ok()) << status;
  auto env = registry.Make("human_reach",
                           {{"wrappers", "[collision_prevention]"}, {"shield.type", "off"}});
  ASSERT_TRUE(env.ok()) << env.status();
  ObservationMemory memory((*env)->spec().observation);
  std::vector<float> metrics((*env)->spec().metrics.size());
  const auto resamples = [&](float lift, int steps) {
    (*env)->Reset(1, memory.observation());
    std::vector<float> action((*env)->spec().action.size(), 0.0f);
    action[1] = lift;
    float sum = 0;
    for (int t = 0; t < steps; ++t) {
      (*env)->Step(action, memory.observation());
      (*env)->ReadMetrics(absl::MakeSpan(metrics));
      sum += metrics.back();
    }
    return sum;
  };
  EXPECT_EQ(resamples(0, 3), 0);
  EXPECT_EQ(resamples(0.5f, 3) + resamples(-0.5f, 3), 0);
  EXPECT_GT(resamples(1, 40), 0) << "down to the table";
  EXPECT_GT(resamples(-1, 40), 0) << "down to the table";
}

TEST(CollisionPreventionTest, ASavedStateGoesOnToTheBit) {
  const EnvConfig config = {{"wrappers", "[collision_prevention]"},
                            {"collision_prevention.replace_type", "2"}};
  Wrapped env("exact_arm", config), other("exact_arm", config);
  env.Reset(5);
  env.Step(kIntoWall);
  std::string state;
  ASSERT_TRUE(env.env().SaveState(&state).ok());
  other.Reset(9);
  ASSERT_TRUE(other.env().RestoreState(state).ok());
  for (int t = 0; t < 5; ++t) {
    env.Step(kIntoWall);
    other.Step(kIntoWall);
    EXPECT_EQ(env.Floats("joints"), other.Floats("joints"));
    EXPECT_EQ(env.ExecutedAction(), other.ExecutedAction());
  }
}

TEST(ArmWrappersTest, AnEnvironmentWithoutAnArmIsRefused) {
  for (const std::string name : {"collision_prevention", "ik_position_delta"}) {
    EXPECT_THAT(WrappedError("tumbling_box", {{"wrappers", "[" + name + "]"}}),
                HasSubstr(name + ": tumbling_box does not say which arm its actions move"));
    EXPECT_THAT(WrappedError("exact_arm", {{"wrappers", "[latency, " + name + "]"}}),
                HasSubstr("does not say which arm"));
  }
}

EnvConfig Ik(EnvConfig keys = {}) {
  EnvConfig config = {{"wrappers", "[ik_position_delta]"}};
  for (const auto& [key, value] : keys) config[absl::StrCat("ik_position_delta.", key)] = value;
  return config;
}

btVector3 Tool(Wrapped& env) {
  const std::vector<double> tool = env.Floats("tool");
  return btVector3(tool[0], tool[1], tool[2]);
}
btQuaternion Turn(Wrapped& env) {
  ArmActions& arm = *env.env().arm();
  return arm.body().LinkPose(arm.tool_link()).getRotation();
}

TEST(IkPositionDeltaTest, TheActionIsADisplacementAndTheGripper) {
  Wrapped env("exact_arm", Ik());
  EXPECT_THAT(env.spec().action.low, ElementsAre(-0.15, -0.15, -0.15, -1));
  EXPECT_THAT(env.spec().action.high, ElementsAre(0.15, 0.15, 0.15, 1));
  EXPECT_EQ(env.spec().metrics.back().name, "ik_failures");
}

TEST(IkPositionDeltaTest, TheToolGoesAsFarAsAskedAndKeepsItsTurn) {
  Wrapped env("exact_arm", Ik());
  env.Reset();
  const btQuaternion turn = Turn(env);
  for (const btVector3& way : {btVector3(-0.05, 0, 0), btVector3(0, 0.05, 0.02),
                               btVector3(0, 0, 0.06), btVector3(0, -0.04, 0), btVector3(0, 0, 0)}) {
    const btVector3 before = Tool(env);
    env.Step({static_cast<float>(way.x()), static_cast<float>(way.y()), static_cast<float>(way.z()),
              -0.25f});
    EXPECT_LT((Tool(env) - before - way).length(), 1e-5);
    EXPECT_LT(Turn(env).angleShortestPath(turn), 1e-4);
    EXPECT_THAT(env.Floats("gripper"), ElementsAre(-0.25));
    EXPECT_EQ(env.Metrics().back(), 0);
    const std::vector<float> executed = env.ExecutedAction();
    for (int i = 0; i < 3; ++i) EXPECT_NEAR(executed[i], way[i], 1e-5);
    EXPECT_EQ(executed[3], -0.25f);
  }
}

TEST(IkPositionDeltaTest, AWayTooLongForAStepIsCutAndKeepsItsDirection) {
  Wrapped env("exact_arm", Ik());
  env.Reset();
  const btVector3 before = Tool(env);
  env.Step({-0.15f, 0, 0.15f, 0});
  const btVector3 way = Tool(env) - before;
  EXPECT_LT(way.length(), 0.15) << "a joint would have to turn by more than 0.2 rad";
  EXPECT_GT(way.length(), 0.05);
  EXPECT_GT(way.normalized().dot(btVector3(-1, 0, 1).normalized()), 0.98);
  const std::vector<float> executed = env.ExecutedAction();
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(executed[i], way[i], 1e-6);
}

TEST(IkPositionDeltaTest, FreeTurnsTheToolAndFixedHoldsAQuaternion) {
  Wrapped free("exact_arm", Ik({{"orientation", "free"}}));
  free.Reset();
  const btVector3 before = Tool(free);
  free.Step({-0.05f, 0, 0, 0});
  EXPECT_LT((Tool(free) - before - btVector3(-0.05, 0, 0)).length(), 1e-4);
  EXPECT_EQ(free.Metrics().back(), 0);

  // As at the reset, turned by 0.1 rad about x.
  Wrapped fixed("exact_arm", {});
  fixed.Reset();
  const btQuaternion asked = btQuaternion(btVector3(1, 0, 0), 0.1) * Turn(fixed);
  Wrapped env("exact_arm", Ik({{"orientation", "fixed"},
                               {"quaternion", absl::StrCat("[", asked.x(), ", ", asked.y(), ", ",
                                                           asked.z(), ", ", asked.w(), "]")}}));
  env.Reset();
  for (int t = 0; t < 3; ++t) env.Step({-0.01f, 0, 0, 0});
  EXPECT_LT(Turn(env).angleShortestPath(asked), 1e-4);
  EXPECT_THAT(
      WrappedError("exact_arm", Ik({{"quaternion", "[0, 0, x, 1]"}, {"orientation", "fixed"}})),
      HasSubstr("quaternion is [0, 0, x, 1]; expected four numbers"));
}

TEST(IkPositionDeltaTest, OutOfReachItFailsAndGoesTheNearestOrNowhere) {
  for (const std::string on_failure : {"nearest", "zero"}) {
    Wrapped env("exact_arm", Ik({{"orientation", "free"}, {"on_failure", on_failure}}));
    env.Reset();
    int failures = 0;
    btVector3 before;
    for (int t = 0; t < 15; ++t) {
      before = Tool(env);
      env.Step({0, 0, 0.15f, 0});
      failures += env.Metrics().back() > 0;
      if (on_failure == "zero" && env.Metrics().back() > 0) {
        EXPECT_LT((Tool(env) - before).length(), 1e-6);
      }
    }
    EXPECT_GT(failures, 2);
    // Stretched out, the tool is 0.98 m from the shoulder, which is at 0.3 m.
    EXPECT_LE((Tool(env) - btVector3(0, 0, 0.3)).length(), 0.98 + 1e-6);
    if (on_failure == "nearest") {
      EXPECT_GT((Tool(env) - btVector3(0, 0, 0.3)).length(), 0.9);
    }
  }
}

TEST(IkPositionDeltaTest, CollisionsArePreventedOnEitherSideOfIt) {
  for (const std::string wrappers :
       {"[collision_prevention, ik_position_delta]", "[ik_position_delta, collision_prevention]"}) {
    SCOPED_TRACE(wrappers);
    Wrapped env("exact_arm", {{"wrappers", wrappers}});
    env.Reset();
    const btVector3 before = Tool(env);
    env.Step({0.05f, 0, 0, 1});
    EXPECT_LT((Tool(env) - before).length(), 1e-6);
    EXPECT_THAT(env.ExecutedAction(), Pointwise(testing::FloatNear(1e-6f), {0, 0, 0, 1}));
    env.Step({0.02f, 0, 0, 1});
    EXPECT_LT((Tool(env) - before - btVector3(0.02, 0, 0)).length(), 1e-5);
  }
}

TEST(IkPositionDeltaTest, ASavedStateKeepsTheTurnOfItsReset) {
  Wrapped env("exact_arm", Ik()), other("exact_arm", Ik());
  env.Reset();
  env.Step({-0.05f, 0, 0, 0});
  std::string state;
  ASSERT_TRUE(env.env().SaveState(&state).ok());
  ASSERT_TRUE(other.env().RestoreState(state).ok());
  for (int t = 0; t < 4; ++t) {
    env.Step({0, 0.03f, 0.01f, 0});
    other.Step({0, 0.03f, 0.01f, 0});
    EXPECT_EQ(env.Floats("joints"), other.Floats("joints"));
  }
}

}  // namespace
}  // namespace armature

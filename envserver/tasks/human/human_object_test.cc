// human_pick_place and human_robot_handover.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "common/random/rng.h"
#include "envserver/tasks/human/grasp_script.h"
#include "envserver/tasks/human/testing/script_trial.h"
#include "envserver/tasks/human/testing/stage.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

double Norm(const std::vector<float>& values) {
  double square = 0;
  for (const float x : values) square += x * x;
  return std::sqrt(square);
}

// Acts as the script does, until `until(step)` or the episode's end; whether it came to that.
template <typename Until>
bool PlayUntil(Stage& stage, Until until) {
  for (int64_t t = 0; t < stage.spec().horizon; ++t) {
    const StepResult step = stage.Step(stage.ScriptedAction());
    if (until(step)) return true;
    if (step.terminated) return false;
  }
  return false;
}

class EachShield : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Types, EachShield, testing::Values("off", "ssm", "pfl"));

TEST_P(EachShield, TheScriptPicksAndPlaces) {
  const ScriptTrialResult result =
      RunScriptTrial("human_pick_place", {{"shield.type", GetParam()}}, 10);
  EXPECT_GE(result.successes, 9);
  EXPECT_EQ(result.static_collisions, 0);
  EXPECT_LE(result.tracking_stops, 10);
  if (std::string(GetParam()) == "off") {
    EXPECT_EQ(result.interventions, 0);
  } else {
    EXPECT_GT(result.interventions, 0);
    EXPECT_EQ(result.critical_contacts, 0);
  }
}

TEST(HumanRobotHandoverTest, TheScriptHandsOverWithoutAShield) {
  const ScriptTrialResult result =
      RunScriptTrial("human_robot_handover", {{"shield.type", "off"}}, 10);
  EXPECT_GE(result.successes, 9);
  EXPECT_EQ(result.static_collisions, 0);
  EXPECT_LE(result.tracking_stops, 10);
}

TEST(HumanPickPlaceTest, WhatIsHeldDoesNotPullTheArmFromItsWay) {
  Stage stage("human_pick_place", kFar);
  stage.Reset(1);
  double worst_m = 0;
  int held = 0;
  for (int t = 0; t < 100; ++t) {
    stage.Step(stage.ScriptedAction());
    if (stage.Field("object_gripped")[0] == 0) continue;
    ++held;
    worst_m = std::max(worst_m, stage.task().safe_arm().tracking_error_m());
    EXPECT_EQ(stage.Metric("tracking_stops"), 0);
  }
  EXPECT_GT(held, 15);
  EXPECT_LT(worst_m, 0.003);
}

TEST(HumanPickPlaceTest, EachStepIsPaidByWhereTheCubeIs) {
  Stage stage("human_pick_place", With(kFar, {{"object_gripped_reward", "-0.5"},
                                              {"task_reward", "3"},
                                              {"shaping", "true"},
                                              {"reward_scale", "2"}}));
  stage.Reset(2);
  bool has_gripped = false, has_reached = false;
  PlayUntil(stage, [&](const StepResult& step) {
    const double distance = Norm(stage.Field("goal_difference"));
    const bool is_gripped = stage.Field("object_gripped")[0] > 0;
    const bool is_reached = distance <= 0.1;
    const double sparse = is_reached ? 3 : is_gripped ? -0.5 : -1;
    const double shaping = 1 - 0.1 * (distance + 0.2 * Norm(stage.Field("object")));
    EXPECT_NEAR(step.reward, 2 * (sparse + shaping), 1e-4);
    EXPECT_NEAR(stage.Metric("reward/goal"), 2 * (is_reached ? 3 : -1), 1e-5);
    EXPECT_NEAR(stage.Metric("reward/gripped"), 2 * (is_gripped && !is_reached ? 0.5 : 0), 1e-5);
    EXPECT_NEAR(stage.Metric("reward/shaping"), 2 * shaping, 1e-4);
    EXPECT_EQ(stage.Metric("reward/collision"), 0);
    EXPECT_EQ(stage.Metric("reward/intervention"), 0);
    EXPECT_EQ(stage.Metric("object_gripped"), is_gripped ? 1 : 0);
    EXPECT_EQ(stage.Metric("n_goals_reached"), is_reached ? 1 : 0);
    EXPECT_EQ(step.is_success, is_reached);
    has_gripped = has_gripped || is_gripped;
    has_reached = is_reached;
    return is_reached;
  });
  EXPECT_TRUE(has_gripped);
  ASSERT_TRUE(has_reached);
  // The next cube lies on the other side.
  stage.Step(stage.Nothing());
  EXPECT_GT(Norm(stage.Field("goal_difference")), 0.4);
  EXPECT_EQ(stage.Metric("object_gripped"), 0);
}

TEST(HumanPickPlaceTest, FingersInTheTableAreACollisionTheCubeIsNot) {
  Stage stage("human_pick_place", With(kFar, {{"collision_reward", "-10"}}));
  stage.Reset(3);
  EXPECT_TRUE(
      PlayUntil(stage, [&](const StepResult&) { return stage.Metric("object_gripped") > 0; }));
  EXPECT_EQ(stage.Metric("collision"), 0);
  double paid = 0;
  for (int t = 0; t < 40; ++t) {
    std::vector<float> down = stage.Nothing();
    down[1] = -0.5;
    down[6] = -1;
    stage.Step(down);
    paid += stage.Metric("reward/collision");
  }
  EXPECT_EQ(stage.Metric("collision_type"), 2);
  EXPECT_LT(paid, -9);
}

TEST(HumanPickPlaceTest, AnInterventionCostsItsWeight) {
  Stage stage("human_pick_place",
              {{"human.motions", "[adversary]"}, {"reward.intervention", "-0.5"}});
  stage.Reset(1);
  int stepped_in = 0;
  for (int t = 0; t < 100; ++t) {
    stage.Step(stage.ScriptedAction());
    const double intervened = stage.Metric("failsafe_interventions");
    EXPECT_FLOAT_EQ(stage.Metric("reward/intervention"), -0.5 * intervened);
    stepped_in += intervened > 0 ? 1 : 0;
  }
  EXPECT_GT(stepped_in, 10);
}

TEST(HumanPickPlaceTest, AGoalPairIsPaidForItselfAndForTheStepsGrip) {
  Stage stage("human_pick_place", With(kFar, {{"goal_conditioned", "true"},
                                              {"object_gripped_reward", "-0.5"},
                                              {"collision_reward", "-10"},
                                              {"shaping", "true"}}));
  stage.Reset(6);
  // Extra: collision, intervention, object_gripped, tool_distance.
  const std::vector<float> achieved = {0, 0, 1, 0, 0, 1, 0, 0, 1};
  const std::vector<float> desired = {0, 0, 1, 0, 0, 2, 0, 0, 2};
  const std::vector<float> extra = {0, 0, 0, 0,    //
                                    0, 0, 1, 0.5,  //
                                    1, 0, 0, 0};
  std::vector<float> reward(3);
  std::vector<uint8_t> terminated(3);
  ASSERT_TRUE(stage.env()
                  .ComputeReward({achieved, desired, extra}, absl::MakeSpan(reward),
                                 absl::MakeSpan(terminated))
                  .ok());
  EXPECT_FLOAT_EQ(reward[0], 1 + 1);
  EXPECT_FLOAT_EQ(reward[1], -0.5 + 1 - 0.1 * (1 + 0.2 * 0.5));
  EXPECT_FLOAT_EQ(reward[2], -1 + 1 - 0.1 - 10);
}

TEST(HumanRobotHandoverTest, TheHumanWaitsWithAHandHeldOut) {
  Stage stage("human_robot_handover", {});
  stage.Reset(1);
  std::vector<float> last;
  int still = 0;
  for (int t = 0; t < 200; ++t) {
    stage.Step(stage.Nothing());
    // Where the hand is: the bar lies, and the goal is the hand.
    const std::vector<float> way = stage.Field("goal_difference");
    double moved = 1;
    if (!last.empty()) {
      moved = 0;
      for (int k = 0; k < 3; ++k) moved += std::abs(way[k] - last[k]);
    }
    still = moved < 1e-3 ? still + 1 : 0;
    last = way;
  }
  // A clip holds it for 3 s at most.
  EXPECT_GT(still, 100);
}

TEST(HumanRobotHandoverTest, TheHumanTakesTheBarAlongAndTheNextOneLiesOnTheTable) {
  Stage stage("human_robot_handover", {{"shield.type", "off"}});
  stage.Reset(1);
  ASSERT_TRUE(
      PlayUntil(stage, [&](const StepResult&) { return stage.Metric("n_goals_reached") > 0; }));
  EXPECT_LE(Norm(stage.Field("goal_difference")), 0.1);
  EXPECT_EQ(stage.Metric("reward/goal"), 1);
  int kept = 0;
  double farthest = 0;
  for (int t = 0; t < 60; ++t) {
    const StepResult step = stage.Step(stage.ScriptedAction());
    if (Norm(stage.Field("goal_difference")) > 0.1) break;
    ++kept;
    EXPECT_EQ(stage.Metric("reward/goal"), 1);
    EXPECT_EQ(stage.Metric("n_goals_reached"), 0);  // It is one.
    EXPECT_EQ(stage.Metric("object_gripped"), 0);
    EXPECT_TRUE(step.is_success);
    farthest = std::max(farthest, Norm(stage.Field("object_end")));
  }
  EXPECT_GT(kept, 5);
  EXPECT_LT(kept, 60);
  EXPECT_GT(farthest, 0.3);
  EXPECT_EQ(stage.Metric("reward/goal"), -1);
  // The middle of the bar is 0.08 m from where it is gripped, and 0.01 m below that.
  EXPECT_NEAR(stage.Field("tool")[2] + stage.Field("object")[2], 0.83, 0.005);
}

TEST(HumanRobotHandoverTest, AGoalThatEndsTheEpisodeIsTheFirst) {
  Stage stage("human_robot_handover", {{"shield.type", "off"}, {"done_at_success", "true"}});
  stage.Reset(2);
  bool is_success = false;
  EXPECT_TRUE(PlayUntil(stage, [&](const StepResult& step) {
    is_success = step.is_success;
    return step.terminated;
  }));
  EXPECT_TRUE(is_success);
  EXPECT_EQ(stage.Metric("terminated/success"), 1);
}

// What is in the human's hand, and one who waits, come back as they were.
TEST(HumanRobotHandoverTest, ASavedStateGoesOnTheSame) {
  Stage stage("human_robot_handover", {{"shield.type", "off"}});
  Stage other("human_robot_handover", {{"shield.type", "off"}});
  stage.Reset(1);
  other.Reset(5);
  const auto expect_same = [&](int steps) {
    std::string state;
    ASSERT_TRUE(stage.env().SaveState(&state).ok());
    ASSERT_TRUE(other.env().RestoreState(state).ok());
    for (int t = 0; t < steps; ++t) {
      const std::vector<float> action = stage.ScriptedAction();
      ASSERT_EQ(action, other.ScriptedAction());
      ASSERT_EQ(stage.Step(action).reward, other.Step(action).reward);
      ASSERT_EQ(stage.Field("human"), other.Field("human"));
      ASSERT_EQ(stage.Field("object"), other.Field("object"));
    }
  };
  for (int t = 0; t < 25; ++t) stage.Step(stage.ScriptedAction());
  expect_same(5);  // The hand is held out.
  ASSERT_TRUE(
      PlayUntil(stage, [&](const StepResult&) { return stage.Metric("n_goals_reached") > 0; }));
  stage.Step(stage.ScriptedAction());
  expect_same(30);  // The bar is in it.
}

TEST(GraspScriptTest, OpensAboveTheThingGoesDownAndCloses) {
  GraspScene scene;
  scene.grip = btVector3(0.3, 0.3, 0.8);
  scene.target = btVector3(0.3, -0.3, 0.8);
  scene.target_hover_m = 0.1;
  scene.opening_max_m = 0.08;
  scene.tool = btVector3(0.3, 0.3, 0.82);
  scene.opening_m = 0.02;
  GraspMove move = NextGraspMove(scene);
  EXPECT_NEAR(move.tool.z(), 0.9, 1e-9);  // Closed: not there.
  EXPECT_EQ(move.gripper, 1);
  scene.opening_m = 0.08;
  move = NextGraspMove(scene);
  EXPECT_NEAR(move.tool.z(), 0.8, 1e-9);
  scene.tool = scene.grip;
  move = NextGraspMove(scene);
  EXPECT_EQ(move.gripper, -1);
  scene.is_gripped = true;
  move = NextGraspMove(scene);
  EXPECT_NEAR(move.tool.y(), 0.3, 1e-9);  // Up first.
  EXPECT_NEAR(move.tool.z(), 0.9, 1e-9);
  scene.tool.setZ(0.9);
  move = NextGraspMove(scene);
  EXPECT_NEAR(move.tool.y(), -0.3, 1e-9);
  EXPECT_NEAR(move.tool.z(), 0.9, 1e-9);
  scene.tool = btVector3(0.3, -0.3, 0.85);
  move = NextGraspMove(scene);
  EXPECT_NEAR(move.tool.z(), 0.8, 1e-9);
}

}  // namespace
}  // namespace armature

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/random/rng.h"
#include "envserver/env/arm_actions.h"
#include "envserver/env/env_registry.h"
#include "envserver/human/human_pose.h"
#include "envserver/tasks/human/adversary.h"
#include "envserver/tasks/human/human_arm_task.h"
#include "envserver/tasks/human/human_tasks.h"
#include "envserver/tasks/human/testing/shield_trial.h"
#include "envserver/tasks/human/testing/stage.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

class EachArm : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Arms, EachArm, testing::Values("human_reach", "panda_reach_human"));

TEST_P(EachArm, FollowsWhatIsPlanned) {
  Stage stage(GetParam(), kFar);
  stage.Reset(1);
  Rng rng({1});
  double worst = 0, way = 0;
  JointVector last = stage.task().safe_arm().position();
  for (int t = 0; t < 100; ++t) {
    std::vector<float> action = stage.RandomAction(rng);
    action[1] = action[3] = 0;  // Not into the table.
    stage.Step(action);
    worst = std::max(worst, stage.task().safe_arm().tracking_error_m());
    way += (stage.task().safe_arm().position() - last).cwiseAbs().sum();
    last = stage.task().safe_arm().position();
    EXPECT_EQ(stage.Metric("tracking_stops"), 0);
    EXPECT_EQ(stage.Metric("failsafe_interventions"), 0);
    EXPECT_EQ(stage.Metric("arm_pushed"), 0);
  }
  EXPECT_LT(worst, 0.001);
  EXPECT_GT(way, 3);
}

TEST_P(EachArm, ActionsAndJointGoalsAgree) {
  Stage stage(GetParam(), kFar);
  stage.Reset(2);
  ArmActions& arm = *stage.env().arm();
  std::vector<float> action = stage.Nothing();
  action[0] = 0.5;
  action[2] = -1;
  std::vector<double> goal(arm.dofs().size());
  arm.JointGoal(action, absl::MakeSpan(goal));
  EXPECT_NEAR(goal[0] - arm.body().joint_position(0), 0.1, 1e-6);
  EXPECT_NEAR(goal[2] - arm.body().joint_position(2), -0.2, 1e-6);
  std::vector<float> again(action.size(), 0.25f);
  arm.SetJointGoal(goal, absl::MakeSpan(again));
  for (size_t i = 0; i < goal.size(); ++i) EXPECT_NEAR(again[i], action[i], 1e-6);
  for (size_t i = goal.size(); i < again.size(); ++i) EXPECT_EQ(again[i], 0.25f);
  goal[1] += 5;
  arm.SetJointGoal(goal, absl::MakeSpan(again));
  EXPECT_EQ(again[1], 1);
}

// Some thousand actions; a million are tests/shield_proof.sh's.
class Shielded : public testing::TestWithParam<std::tuple<const char*, const char*>> {};
INSTANTIATE_TEST_SUITE_P(All, Shielded,
                         testing::Combine(testing::Values("human_reach", "panda_reach_human"),
                                          testing::Values("ssm", "pfl")));

TEST_P(Shielded, NoContactIsFast) {
  ShieldTrialResult all;
  for (const bool adversary : {true, false}) {
    ShieldTrial trial;
    trial.env_id = std::get<0>(GetParam());
    trial.shield = std::get<1>(GetParam());
    trial.adversary = adversary;
    trial.actions = adversary ? 1500 : 500;
    all.Add(RunShieldTrial(trial));
  }
  EXPECT_EQ(all.fast_contacts, 0);
  EXPECT_EQ(all.fast_cover_episodes, 0);
  EXPECT_EQ(all.broke_bounds, 0);
  EXPECT_GT(all.contacts, 10);  // The human does come.
  EXPECT_GT(all.interventions, 100);
  if (std::get<1>(GetParam()) == std::string("ssm")) {
    EXPECT_LT(all.contact.speed_m_s, 0.01);
  }
}

TEST_P(EachArm, ThreeTimesTheSafeSpeedIsSeen) {
  ShieldTrial trial;
  trial.env_id = GetParam();
  trial.shield = "pfl";
  trial.config["shield.safe_speed_m_s"] = "0.15";
  const ShieldTrialResult result = RunShieldTrial(trial);
  EXPECT_GT(result.fast_cover_episodes, 0);
}

// Episodes in which a finger that opened onto the table at 0.2 m/s, with 20 N, threw the wrist at
// the human: at 0.08 m/s, and at 0.04.
TEST(HumanReachTest, AFingerAtTheTableDoesNotThrowTheArm) {
  ShieldTrialResult all;
  for (const auto& [seed, actions] : {std::pair<int, int>(80, 1300), {24, 700}}) {
    ShieldTrial trial;
    trial.shield = "pfl";
    trial.seed = seed;
    trial.actions = actions;
    all.Add(RunShieldTrial(trial));
  }
  EXPECT_GT(all.static_contacts, 0);
  EXPECT_GT(all.pushed, 0);
  EXPECT_LT(all.pushed, 40);
  EXPECT_EQ(all.fast_contacts, 0);
  EXPECT_EQ(all.pushed_cover_episodes, 0);
  EXPECT_LT(all.cover.speed_m_s, 0.05);
}

TEST_P(EachArm, WithoutTheShieldManyContactsAreFast) {
  ShieldTrial trial;
  trial.env_id = GetParam();
  trial.shield = "off";
  const ShieldTrialResult result = RunShieldTrial(trial);
  EXPECT_GT(result.fast_contacts, 10);
  EXPECT_GT(result.fast_cover_episodes, 3);
  EXPECT_EQ(result.interventions, 0);
}

TEST(HumanReachTest, AnInterventionCostsItsWeight) {
  Stage stage("human_reach", {{"human.motions", "[adversary]"}, {"reward.intervention", "-0.5"}});
  Rng rng({1});
  int stepped_in = 0;
  for (int t = 0; t < 200; ++t) {
    if (t % 100 == 0) stage.Reset(t);
    stage.Step(stage.RandomAction(rng));
    const double intervened = stage.Metric("failsafe_interventions");
    EXPECT_LE(intervened, 1);
    EXPECT_FLOAT_EQ(stage.Metric("reward/intervention"), -0.5 * intervened);
    EXPECT_EQ(stage.Metric("interventions/human"), intervened);
    stepped_in += intervened > 0 ? 1 : 0;
  }
  EXPECT_GT(stepped_in, 10);
}

TEST(HumanReachTest, RewardIsThatOfTheFormula) {
  Stage stage("human_reach", With(kFar, {{"shaping", "true"}, {"reward_scale", "2"}}));
  stage.Reset(5);
  const StepResult step = stage.Step(stage.Nothing());
  double square = 0;
  for (const float x : stage.Field("goal_difference")) square += x * x;
  EXPECT_NEAR(step.reward, 2 * (-1 + 1 - 0.1 * std::sqrt(square)), 1e-5);
}

// An episode straight to the goals; returns how many were reached, and whether another goal came.
int GoStraight(Stage& stage, bool& has_changed) {
  int reached = 0;
  for (int t = 0; t < 100; ++t) {
    std::vector<float> action = stage.Nothing();
    const std::vector<float> way = stage.Field("goal_difference");
    double square = 0;
    for (size_t i = 0; i < way.size(); ++i) {
      action[i] = std::clamp(way[i] / 0.2f, -1.0f, 1.0f);
      square += way[i] * way[i];
    }
    if (reached > 0 && std::sqrt(square) > 0.5) has_changed = true;
    const StepResult step = stage.Step(action);
    reached += static_cast<int>(stage.Metric("n_goals_reached"));
    EXPECT_EQ(step.is_success, reached > 0);
    if (stage.Metric("n_goals_reached") > 0) {
      EXPECT_EQ(step.reward, 0);
    }
  }
  return reached;
}

TEST(HumanReachTest, AGoalThatIsReachedGivesWayToTheNext) {
  Stage stage("human_reach", kFar);
  int all_reached = 0;
  bool has_changed = false;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    stage.Reset(seed);
    all_reached += GoStraight(stage, has_changed);
    EXPECT_EQ(stage.Metric("timeout"), 1);
  }
  EXPECT_GT(all_reached, 0);
  EXPECT_TRUE(has_changed);
}

TEST(HumanReachTest, AGoalPairIsPaidForItselfNotForTheEpisodesGoal) {
  Stage stage("human_reach",
              With(kFar, {{"goal_conditioned", "true"}, {"collision_reward", "-10"}}));
  stage.Reset(6);
  EXPECT_EQ(stage.Step(stage.Nothing()).reward, -1);
  const std::vector<float> achieved = stage.Field("achieved_goal");
  const std::vector<float> desired = stage.Field("desired_goal");
  std::vector<float> reward(3);
  std::vector<uint8_t> terminated(3);
  std::vector<float> pairs_achieved, pairs_desired;
  for (const auto* goal : {&achieved, &desired, &achieved}) {
    pairs_achieved.insert(pairs_achieved.end(), achieved.begin(), achieved.end());
    pairs_desired.insert(pairs_desired.end(), goal->begin(), goal->end());
  }
  const std::vector<float> extra = {0, 0, 0, 0, /*collision=*/1, 0};
  ASSERT_TRUE(stage.env()
                  .ComputeReward({pairs_achieved, pairs_desired, extra}, absl::MakeSpan(reward),
                                 absl::MakeSpan(terminated))
                  .ok());
  EXPECT_EQ(reward, (std::vector<float>{0, -1, -10}));
}

TEST(HumanReachTest, ATableStopsTheArmAndIsCounted) {
  Stage stage("human_reach", With(kFar, {{"collision_reward", "-10"}}));
  stage.Reset(3);
  std::vector<float> down = stage.Nothing();
  down[1] = 1;
  double statics = 0, stops = 0, paid = 0;
  for (int t = 0; t < 60; ++t) {
    stage.Step(down);
    statics += stage.Metric("n_collisions_static");
    stops += stage.Metric("tracking_stops");
    paid += stage.Metric("reward/collision");
  }
  EXPECT_GT(statics, 0);
  EXPECT_GT(stops, 0);
  EXPECT_LT(paid, -9);
  EXPECT_EQ(stage.Metric("collision"), 1);
  EXPECT_EQ(stage.Metric("collision_type"), 2);
}

TEST(HumanReachTest, DroppedMeasurementsAreTheTrackersInterventions) {
  Stage stage("human_reach", With(kFar, {{"tracker.dropout", "1"}}));
  stage.Reset(1);
  std::vector<float> action = stage.Nothing();
  action[0] = 1;
  const JointVector begin = stage.task().safe_arm().position();
  stage.Step(action);
  EXPECT_EQ(stage.Metric("interventions/tracker"), 1);
  EXPECT_EQ(stage.Metric("interventions/human"), 0);
  EXPECT_LT((stage.task().safe_arm().position() - begin).norm(), 1e-6);
}

TEST(HumanReachTest, TheExecutedActionIsTheJointsWay) {
  Stage stage("human_reach", kFar);
  stage.Reset(1);
  std::vector<float> action = stage.Nothing();
  action[0] = 1;
  action[6] = -0.5;
  const JointVector begin = stage.task().safe_arm().position();
  stage.Step(action);
  const JointVector way = stage.task().safe_arm().position() - begin;
  std::vector<float> executed(7);
  stage.env().ReadExecutedAction(absl::MakeSpan(executed));
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(executed[i], way[i] / 0.2, 1e-6);
  EXPECT_GT(executed[0], 0.001);
  EXPECT_LT(executed[0], 0.5);  // It speeds up.
  EXPECT_EQ(executed[6], -0.5f);
}

TEST(HumanReachTest, OneWhoIsTooFastIsCounted) {
  Stage stage("human_reach", {{"human.motions", "[reach_in]"}, {"human.speed", "4"}});
  double broke = 0;
  stage.Reset(1);
  for (int t = 0; t < 100; ++t) {
    stage.Step(stage.Nothing());
    broke += stage.Metric("human_broke_bounds");
  }
  EXPECT_GT(broke, 0);
}

TEST(HumanReachTest, RefusesAShieldThatCannotBe) {
  EnvRegistry registry;
  ASSERT_TRUE(RegisterHumanTasks(registry).ok());
  EXPECT_FALSE(registry.Make("human_reach", {{"shield.stop_time_max_s", "0.01"}}).ok());
  EXPECT_FALSE(registry.Make("human_reach", {{"shield.type", "maybe"}}).ok());
  EXPECT_FALSE(registry.Make("human_reach", {{"human.motions", "[dance]"}}).ok());
}

TEST(AdversaryTest, KeepsTheBoundsThatTheShieldAssumes) {
  Rng rng({3});
  std::vector<Capsule> arm = {{{0, 0, 0.9}, {0.3, 0, 1.1}, 0.1}};
  HumanPeak peak;
  double nearest = 1e9, error = 0;
  for (int episode = 0; episode < 30; ++episode) {
    Adversary human;
    human.Reset(Eigen::Vector3d::Zero(), rng);
    HumanPose pose, last;
    human.Pose(&last);
    for (int i = 0; i < 2500; ++i) {
      human.Step(0.004, arm, rng);
      human.Pose(&pose);
      peak.Include(pose);
      for (int j = 0; j < kHumanJoints; ++j) {
        const Eigen::Vector3d way = pose.position[j] - last.position[j];
        error = std::max(error, (way - 0.002 * (pose.velocity[j] + last.velocity[j])).norm());
        nearest = std::min(nearest, (pose.position[j] - arm[0].b).norm());
      }
      last = pose;
    }
  }
  EXPECT_FALSE(peak.BreaksBounds()) << peak.speed_share << " " << peak.acceleration_share;
  EXPECT_GT(peak.speed_share, 0.95);
  EXPECT_LT(error, 3e-4);  // Velocities are those of the positions.
  EXPECT_LT(nearest, 0.1);
}

}  // namespace
}  // namespace armature

// action_repeat, action_noise, rescale_action and the actions of latency.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "envserver/wrappers/testing/wrapped.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ActionRepeatTest, SumsRewardsAndAggregatesMetricsOverItsSteps) {
  Wrapped env("scripted", {{"wrappers", "[action_repeat]"}, {"action_repeat.steps", "3"}});
  EXPECT_DOUBLE_EQ(env.spec().control_period_s, 0.3);
  EXPECT_EQ(env.spec().horizon, 4);  // 10 steps by 3.
  EXPECT_EQ(env.spec().reward_high, 3000);
  EXPECT_EQ(env.spec().reward_low, 0);
  env.Reset();
  EXPECT_EQ(env.Step({1, 0.5}).reward, 1 + 2 + 3);
  EXPECT_THAT(env.Metrics(), ElementsAre(1 + 2 + 3, 2, 3));
  EXPECT_THAT(env.Floats("state"), ElementsAre(3, -3));
  EXPECT_THAT(env.Floats("applied"), ElementsAre(1, 0.5));
  EXPECT_EQ(env.Step({0, 0}).reward, 4 + 5 + 6);
  EXPECT_THAT(env.Metrics(), ElementsAre(4 + 5 + 6, 5, 6));
}

TEST(ActionRepeatTest, StopsAtTheHorizonAndWhereTheEpisodeEnds) {
  Wrapped env("scripted", {{"wrappers", "[action_repeat]"}, {"action_repeat.steps", "3"}});
  for (int episode = 0; episode < 2; ++episode) {
    env.Reset();
    for (int t = 0; t < 3; ++t) env.Step({0, 0});
    EXPECT_EQ(env.Step({0, 0}).reward, 10);
    EXPECT_THAT(env.Metrics(), ElementsAre(10, 10, 10));
  }
  Wrapped ending("scripted", {{"wrappers", "[action_repeat]"},
                              {"action_repeat.steps", "3"},
                              {"ends_at", "5"},
                              {"horizon", "0"}});
  EXPECT_EQ(ending.spec().horizon, 0);
  ending.Reset();
  EXPECT_FALSE(ending.Step({0, 0}).terminated);
  const StepResult last = ending.Step({0, 0});
  EXPECT_TRUE(last.terminated);
  EXPECT_EQ(last.reward, 4 + 5);
}

TEST(ActionRepeatTest, RefusesAGoalWithTheReason) {
  EXPECT_THAT(WrappedError("scripted", {{"wrappers", "[action_repeat]"}, {"goal", "true"}}),
              HasSubstr("wrapper action_repeat: scripted has a goal: hindsight computes"));
}

TEST(ActionNoiseTest, UniformNoiseFillsItsRangeAndTheBoundsHold) {
  Wrapped env(
      "scripted",
      {{"wrappers", "[action_noise]"}, {"action_noise.amplitude", "0.25"}, {"horizon", "0"}});
  env.Reset();
  double low = 10, high = -10, second = 0;
  for (int t = 0; t < 2000; ++t) {
    env.Step({1, 1});
    const std::vector<double> applied = env.Floats("applied");
    low = std::min(low, applied[0]);
    high = std::max(high, applied[0]);
    second = std::max(second, applied[1]);
  }
  // A quarter of half the range, 2.
  EXPECT_NEAR(low, 0.5, 0.01);
  EXPECT_NEAR(high, 1.5, 0.01);
  EXPECT_EQ(second, 1) << "above the bound";
}

TEST(ActionNoiseTest, NormalNoiseHasItsStandardDeviation) {
  Wrapped env("scripted", {{"wrappers", "[action_noise]"},
                           {"action_noise.amplitude", "0.1"},
                           {"action_noise.distribution", "normal"},
                           {"horizon", "0"}});
  env.Reset();
  double sum = 0, squares = 0;
  constexpr int kSteps = 4000;
  for (int t = 0; t < kSteps; ++t) {
    env.Step({0, 0.5});
    const double noise = env.Floats("applied")[0];
    sum += noise;
    squares += noise * noise;
  }
  EXPECT_NEAR(sum / kSteps, 0, 0.015);
  EXPECT_NEAR(std::sqrt(squares / kSteps), 0.2, 0.01);
}

TEST(RescaleActionTest, MapsItsBoundsOntoTheEnvironments) {
  Wrapped env("scripted", {{"wrappers", "[rescale_action]"},
                           {"rescale_action.low", "0"},
                           {"rescale_action.high", "10"}});
  EXPECT_THAT(env.spec().action.low, ElementsAre(0, 0));
  EXPECT_THAT(env.spec().action.high, ElementsAre(10, 10));
  env.Reset();
  env.Step({0, 10});
  EXPECT_THAT(env.Floats("applied"), ElementsAre(-2, 1));
  env.Step({7.5, 2.5});
  EXPECT_THAT(env.Floats("applied"), ElementsAre(1, 0.25));
  EXPECT_THAT(
      WrappedError("scripted", {{"wrappers", "[rescale_action]"}, {"rescale_action.low", "1"}}),
      HasSubstr("low is 1 and high 1; expected low < high"));
}

TEST(RescaleActionTest, MapsTheExecutedActionBack) {
  Wrapped env("scripted", {{"wrappers", "[rescale_action]"},
                           {"rescale_action.low", "0"},
                           {"rescale_action.high", "10"},
                           {"executes", "0.5"}});
  EXPECT_TRUE(env.spec().reports_executed_action);
  env.Reset();
  env.Step({10, 10});  // {2, 1}, of which half is executed: {1, 0.5}.
  EXPECT_THAT(env.ExecutedAction(), ElementsAre(7.5, 5));
  env.Step({0, 0});  // {-2, 0}.
  EXPECT_THAT(env.ExecutedAction(), ElementsAre(2.5, 0));
}

TEST(ActionRepeatTest, TheExecutedActionIsTheMeanOfTheStepsMade) {
  Wrapped env("tumbling_box", {{"wrappers", "[action_noise, action_repeat]"},
                               {"action_noise.amplitude", "0.2"},
                               {"action_repeat.steps", "3"}});
  Wrapped single("tumbling_box",
                 {{"wrappers", "[action_noise]"}, {"action_noise.amplitude", "0.2"}});
  env.Reset();
  single.Reset();
  for (int t = 0; t < 2; ++t) {
    double sum[2] = {0, 0};
    for (int k = 0; k < 3; ++k) {
      single.Step({2, -4.5});
      for (int i : {0, 1}) sum[i] += single.ExecutedAction()[i];
    }
    env.Step({2, -4.5});
    EXPECT_NEAR(env.ExecutedAction()[0], sum[0] / 3, 1e-6);
    EXPECT_NEAR(env.ExecutedAction()[1], sum[1] / 3, 1e-6);
  }
  Wrapped ending("scripted", {{"wrappers", "[action_repeat]"},
                              {"action_repeat.steps", "3"},
                              {"ends_at", "1"},
                              {"executes", "0.5"}});
  ending.Reset();
  EXPECT_TRUE(ending.Step({2, 1}).terminated);
  EXPECT_THAT(ending.ExecutedAction(), ElementsAre(1, 0.5)) << "of one step, not of three";
}

TEST(ActionNoiseTest, TheExecutedActionHasTheNoise) {
  Wrapped env("scripted", {{"wrappers", "[action_noise]"}, {"executes", "0.5"}});
  env.Reset();
  env.Step({1, 0.5});
  const std::vector<double> applied = env.Floats("applied");
  EXPECT_NE(applied[0], 1);
  EXPECT_THAT(env.ExecutedAction(), ElementsAre(applied[0] / 2, applied[1] / 2));
}

TEST(LatencyTest, ReportsAnExecutedActionOnlyIfActionsActAtOnce) {
  const auto reports = [](const std::string& action_steps) {
    return Wrapped("scripted", {{"wrappers", "[latency]"},
                                {"latency.action_steps", action_steps},
                                {"latency.observation_steps", "1"},
                                {"executes", "0.5"}})
        .spec()
        .reports_executed_action;
  };
  EXPECT_TRUE(reports("0"));
  EXPECT_FALSE(reports("1"));
}

TEST(ActionWrappersTest, ADiscreteActionIsRefusedByName) {
  for (const std::string name : {"action_noise", "rescale_action"}) {
    EXPECT_THAT(WrappedError("scripted", {{"wrappers", "[" + name + "]"}, {"discrete", "true"}}),
                HasSubstr(name + ": scripted's action is one of 3 choices; expected a Box"));
  }
}

TEST(LatencyTest, ActionsActLaterAndZerosBeforeThem) {
  Wrapped env("scripted", {{"wrappers", "[latency]"}, {"latency.action_steps", "2"}});
  for (int episode = 0; episode < 2; ++episode) {
    env.Reset();
    std::vector<double> applied;
    for (float action : {1.0f, 1.5f, 2.0f, -1.0f}) {
      env.Step({action, 0});
      applied.push_back(env.Floats("applied")[0]);
    }
    EXPECT_THAT(applied, ElementsAre(0, 0, 1, 1.5));
  }
}

TEST(LatencyTest, NoStepsOfLatencyChangeNothing) {
  Wrapped env("scripted", {{"wrappers", "[latency]"}, {"latency.action_steps", "0"}});
  env.Reset();
  env.Step({1, 0.5});
  EXPECT_THAT(env.Floats("applied"), ElementsAre(1, 0.5));
  EXPECT_THAT(env.Floats("state"), ElementsAre(1, -1));
}

}  // namespace
}  // namespace armature

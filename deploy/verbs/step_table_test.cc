#include "deploy/verbs/step_table.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

EnvSpec Reach() {
  EnvSpec spec;
  spec.id = "reach";
  spec.observation = {{"joints", v1::DTYPE_FLOAT64, {6}, {-3}, {3}},
                      {"achieved", v1::DTYPE_FLOAT32, {2}, {}, {}},
                      {"desired", v1::DTYPE_FLOAT32, {2}, {}, {}}};
  spec.action.low = {-1, -2};
  spec.action.high = {1, 2};
  spec.goal = GoalSpec{"achieved", "desired"};
  spec.horizon = 50;
  spec.control_period_s = 0.04;
  spec.reports_success = true;
  return spec;
}

const std::vector<float> kObservation = {0, 1, 2, 3, 4, 5, 0.25, 0.5, -0.25, 12.125};

TEST(StepTableTest, ShowsTheGoalBeforeOtherFieldsAndCutsLongOnes) {
  const StepTable table(Reach(), 110);
  EXPECT_EQ(table.Header(),
            " step     reward  achieved         desired          action           "
            "joints                           ");
  EXPECT_EQ(table.Row(3, -0.5, {0.5, -2}, kObservation, "terminated success"),
            "    3    -0.5000    0.250   0.500   -0.250  12.125    0.500  -2.000  "
            "  0.000   1.000   2.000   3.000 .  terminated success");
}

TEST(StepTableTest, WhatDoesNotFitTheWidthIsLeftOut) {
  const StepTable table(Reach(), 60);
  EXPECT_THAT(table.Header(), HasSubstr("desired"));
  EXPECT_THAT(table.Header(), Not(HasSubstr("action")));
  EXPECT_THAT(table.Header(), Not(HasSubstr("joints")));
  EXPECT_LE(table.Row(1, 1, {0, 0}, kObservation, "").size(), 60u);
  EXPECT_EQ(StepTable(Reach(), 10).Header(), " step     reward");
}

TEST(StepTableTest, TheFirstObservationFollowsNoAction) {
  const std::string row = StepTable(Reach(), 100).Row(0, 0, {}, kObservation, "");
  EXPECT_THAT(row, Not(HasSubstr("0.0000")));
  EXPECT_THAT(row, HasSubstr("12.125"));
}

TEST(DescribeSpecTest, NamesFieldsBoundsGoalAndHorizon) {
  EXPECT_EQ(DescribeSpec(Reach()),
            "reach\n"
            "  observation   joints float64 [6] in [-3, 3]\n"
            "  observation   achieved float32 [2]\n"
            "  observation   desired float32 [2]\n"
            "  action        float32 [2] in [-1, 1] x [-2, 2]\n"
            "  reward        in [-inf, inf] a step; success is reported\n"
            "  goal          achieved to reach desired\n"
            "  horizon       50 steps, 0.04 s each\n");
  EnvSpec discrete = Reach();
  discrete.action = {};
  discrete.action.choices = {3};
  discrete.horizon = 0;
  EXPECT_THAT(DescribeSpec(discrete), HasSubstr("  action        one of 3 choices\n"));
  EXPECT_THAT(DescribeSpec(discrete), HasSubstr("  horizon       none, 0.04 s each\n"));
}

}  // namespace
}  // namespace armature

#include "common/run_config/parameter_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

EnvSpec Spec() {
  EnvSpec env;
  env.id = "walk";
  env.reports_success = true;
  env.parameters = {{"wind", -5, 5, 0}, {"slope", 0.25, 1, 0.5}};
  return env;
}

CurriculumSection Section() {
  CurriculumSection section;
  section.parameter = "slope";
  return section;
}

TEST(ParameterConfig, ACurriculumRunsOverTheParametersLimitsFromTheLowestUp) {
  const auto plan = PlanCurriculum(Section(), Spec());
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->parameter, 1u);
  EXPECT_EQ(plan->low, 0.25);
  EXPECT_EQ(plan->high, 1);
  EXPECT_EQ(plan->start, 0.25);
  EXPECT_FALSE(plan->lower_at.has_value());

  CurriculumSection section = Section();
  section.low = "0.3";
  section.high = "0.9";
  section.start = "0.4";
  section.lower_at = "0.1";
  ASSERT_TRUE(section.Validate().ok());
  const auto narrow = PlanCurriculum(section, Spec());
  ASSERT_TRUE(narrow.ok()) << narrow.status();
  EXPECT_EQ(narrow->low, 0.3);
  EXPECT_EQ(narrow->high, 0.9);
  EXPECT_EQ(narrow->start, 0.4);
  EXPECT_EQ(narrow->lower_at, 0.1);
}

TEST(ParameterConfig, ACurriculumThatTheEnvironmentCannotHaveIsRefusedByItsKey) {
  const auto problem = [](auto change) {
    CurriculumSection section = Section();
    EnvSpec env = Spec();
    change(&section, &env);
    return std::string(PlanCurriculum(section, env).status().message());
  };
  EXPECT_EQ(problem([](auto* section, auto*) { section->parameter = "height"; }),
            "curriculum.parameter: walk has no parameter 'height'; it has wind, slope");
  EXPECT_EQ(problem([](auto*, auto* env) { env->parameters.clear(); }),
            "curriculum.parameter: walk has no parameter 'slope'; it has none");
  EXPECT_EQ(problem([](auto*, auto* env) { env->reports_success = false; }),
            "curriculum.metric=success_rate, but walk does not report success; set "
            "curriculum.metric=return and curriculum.raise_at");
  EXPECT_EQ(problem([](auto* section, auto* env) {
              env->reports_success = false;
              section->metric = "return";
            }),
            "");
  EXPECT_EQ(problem([](auto* section, auto*) { section->low = "0"; }),
            "curriculum.low=0, expected 0.25 .. 1 by the parameter slope");
  EXPECT_EQ(problem([](auto* section, auto*) { section->high = "0.2"; }),
            "curriculum.high=0.2, expected 0.25 .. 1 by curriculum.low and the parameter slope");
  EXPECT_EQ(problem([](auto* section, auto*) { section->start = "2"; }),
            "curriculum.start=2, expected 0.25 .. 1 by curriculum.low and curriculum.high");
}

TEST(ParameterConfig, WhatIsNoNumberIsRefusedByItsKey) {
  CurriculumSection section = Section();
  section.high = "steep";
  EXPECT_EQ(section.Validate().message(),
            "curriculum.high: expected a number or auto, got 'steep'");
  section = Section();
  section.lower_at = "auto";
  EXPECT_EQ(section.Validate().message(),
            "curriculum.lower_at: expected a number or off, got 'auto'");
  section.lower_at = "0.8";
  EXPECT_THAT(section.Validate().message(),
              HasSubstr("curriculum.lower_at=0.8 is not below curriculum.raise_at=0.8"));
  EXPECT_EQ(ReadParameters({{"wind", "inf"}}, "evaluation.parameters").status().message(),
            "evaluation.parameters.wind: expected a number, got 'inf'");
  EXPECT_EQ(ReadParameters({{"wind", "1e-1"}}, "").value().at("wind"), 0.1);
}

}  // namespace
}  // namespace armature

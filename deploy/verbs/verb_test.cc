#include "deploy/verbs/verb.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class EpisodeParametersTest : public ::testing::Test {
 protected:
  EpisodeParametersTest() {
    spec_.id = "walk";
    spec_.parameters = {{"slope", 0, 1, 0.5}, {"wind", -5, 5, 0}};
    config_.evaluation.parameters = {{"slope", "0.25"}};
  }
  std::string Problem(const std::vector<std::string>& given) {
    flags_.parameters = given;
    return std::string(EpisodeParameters(flags_, config_, spec_).status().message());
  }

  EpisodeFlags flags_;
  RunConfig config_;
  EnvSpec spec_;
};

TEST_F(EpisodeParametersTest, AreThoseOfTheRunsEvaluationsUnlessGiven) {
  EXPECT_THAT(EpisodeParameters(flags_, config_, spec_).value(), ElementsAre(Pair("slope", 0.25)));
  flags_.parameters = {"wind=-2", "slope=1"};
  EXPECT_THAT(EpisodeParameters(flags_, config_, spec_).value(),
              ElementsAre(Pair("slope", 1), Pair("wind", -2)));
}

TEST_F(EpisodeParametersTest, WhatTheEnvironmentDoesNotHaveIsRefusedByName) {
  EXPECT_EQ(Problem({"slope"}), "--parameter slope: expected name=value, e.g. slope=0.2");
  EXPECT_THAT(Problem({"slope=steep"}), HasSubstr("--parameter.slope: expected a number"));
  EXPECT_EQ(Problem({"height=1"}),
            "--parameter: walk has no parameter 'height'; it has slope, wind");
  EXPECT_EQ(Problem({"slope=2"}), "--parameter: parameter 'slope' of walk is 2, expected 0 .. 1");
  spec_.parameters.erase(spec_.parameters.begin());
  EXPECT_EQ(Problem({"wind=1"}),
            "evaluation.parameters: walk has no parameter 'slope'; it has wind");
}

}  // namespace
}  // namespace armature

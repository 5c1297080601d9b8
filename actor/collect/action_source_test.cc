#include "actor/collect/action_source.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

EnvSpec Env() {
  EnvSpec env;
  env.id = "arm";
  env.action = ActionSpec{{-2, 0}, {2, 10}};
  env.reports_executed_action = true;
  return env;
}

DecodedStep Step() {
  DecodedStep step;
  step.executed_action = {-2, 10, 1, 5};
  return step;
}

TEST(ActionSourceTest, TheProposedActionIsStoredAsItIs) {
  const auto source = MakeActionSource(v1::STORED_ACTION_PROPOSED, Env());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT((*source)->Choose({0.25, 0.5, -1, 1}, Step()), ElementsAre(0.25, 0.5, -1, 1));
}

TEST(ActionSourceTest, TheExecutedActionIsScaledToThePolicysRange) {
  const auto source = MakeActionSource(v1::STORED_ACTION_EXECUTED, Env());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT((*source)->Choose({0.25, 0.5, -1, 1}, Step()), ElementsAre(-1, 1, 0.5, 0));
}

TEST(ActionSourceTest, WhatCannotBeStoredIsRefused) {
  EnvSpec env = Env();
  env.reports_executed_action = false;
  EXPECT_TRUE(MakeActionSource(v1::STORED_ACTION_PROPOSED, env).ok());
  EXPECT_EQ(
      MakeActionSource(v1::STORED_ACTION_EXECUTED, env).status().message(),
      "JoinResponse.stored_action is STORED_ACTION_EXECUTED, but arm does not report executed "
      "actions");
  EXPECT_THAT(
      std::string(MakeActionSource(static_cast<v1::StoredAction>(7), Env()).status().message()),
      HasSubstr("stored_action is 7, which this version does not know"));
}

}  // namespace
}  // namespace armature

#include "learner/run/run_models.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

class RunModelsTest : public testing::Test {
 protected:
  void SetUp() override {
    run_ = NewTestPath();
    std::filesystem::create_directories(run_ + "/models");
  }
  void Model(const std::string& name) { std::ofstream(ModelPath(run_, name)) << "model"; }
  std::string Found(const std::string& which = "") {
    const absl::StatusOr<std::string> path = FindModel(run_, which);
    return path.ok() ? *path : std::string(path.status().message());
  }

  std::string run_;
};

TEST_F(RunModelsTest, StepsAreNumbersNotWords) {
  for (const char* name : {"9000", "10000", "best", "final", "x1"}) Model(name);
  EXPECT_THAT(ModelSteps(run_), ElementsAre(9000, 10000));
  EXPECT_EQ(ListModels(run_), "final, best, 9000, 10000");
}

TEST_F(RunModelsTest, TheHighestStepIsMeantUntilTheRunHasEnded) {
  for (const char* name : {"9000", "10000", "best", "final"}) Model(name);
  EXPECT_THAT(Found(), EndsWith("/models/model_10000.safetensors"));
  std::ofstream(run_ + "/result.json") << "{}";
  EXPECT_THAT(Found(), EndsWith("/models/model_final.safetensors"));
}

TEST_F(RunModelsTest, TheBestIsMeantWhereNoStepIsKept) {
  Model("best");
  EXPECT_THAT(Found(), EndsWith("/models/model_best.safetensors"));
}

TEST_F(RunModelsTest, OneIsNamed) {
  for (const char* name : {"9000", "10000", "best", "final"}) Model(name);
  EXPECT_THAT(Found("9000"), EndsWith("/models/model_9000.safetensors"));
  EXPECT_THAT(Found("best"), EndsWith("/models/model_best.safetensors"));
  EXPECT_THAT(Found("final"), EndsWith("/models/model_final.safetensors"));
}

TEST_F(RunModelsTest, WhatIsNotThereIsRefusedWithWhatIs) {
  EXPECT_THAT(Found(), HasSubstr("has no model yet"));
  EXPECT_THAT(Found("5"), HasSubstr("there are: none"));
  Model("9000");
  EXPECT_THAT(Found("5000"), HasSubstr("has no model '5000'; there are: 9000"));
  EXPECT_EQ(FindModel(run_, "newest").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Found("newest"), HasSubstr("expected final, best or a number of env steps"));
}

TEST_F(RunModelsTest, AStateToBeginFromIsTheLastOrTheOneNamed) {
  EXPECT_THAT(FindState(run_, 0).status().message(), HasSubstr("kept nothing to begin from"));
  std::filesystem::create_directories(run_ + "/checkpoints");
  for (const uint64_t step : {9000, 10000}) std::ofstream(StatePath(run_, step)) << "state";
  EXPECT_THAT(*FindState(run_, 0), EndsWith("/checkpoints/step_10000.safetensors"));
  EXPECT_THAT(*FindState(run_, 9000), EndsWith("/checkpoints/step_9000.safetensors"));
  EXPECT_THAT(FindState(run_, 9500).status().message(), HasSubstr("there are: 9000, 10000"));
}

}  // namespace
}  // namespace armature

#include "learner/run/run_end.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

class RunEndTest : public testing::Test {
 protected:
  void SetUp() override {
    run_ = NewTestPath();
    std::filesystem::create_directories(run_);
    config_.run.total_env_steps = 100;
    config_.evaluation.stop_at_success_rate = 0.9;
  }
  // Ends the run like the trainer with `config_`.
  void End(bool solved, int64_t env_steps) {
    const nlohmann::json result = {
        {"target_reached", solved}, {"env_steps", env_steps}, {"settings", EndSettings(config_)}};
    std::ofstream(run_ + "/result.json") << result;
  }
  // Empty if the run continues.
  std::string Line() {
    const auto end = FindEnd(run_, config_);
    EXPECT_TRUE(end.ok()) << end.status();
    return end->has_value() ? (*end)->line : "";
  }

  std::string run_;
  RunConfig config_;
};

TEST_F(RunEndTest, ARunWithoutAResultHasNotEnded) { EXPECT_EQ(Line(), ""); }

TEST_F(RunEndTest, ASpentBudgetStaysSpentUntilMoreIsAskedFor) {
  End(/*solved=*/false, 104);
  EXPECT_EQ(Line(), absl::StrCat("run ", run_,
                                 " is finished: it spent its budget at 104 env steps; to go on, "
                                 "give run.total_env_steps=208"));
  EXPECT_TRUE((*FindEnd(run_, config_))->target_missed);
  config_.run.seed = 9;  // Does not affect the end.
  EXPECT_NE(Line(), "");
  config_.run.total_env_steps = 104;  // This budget is used up too.
  EXPECT_NE(Line(), "");
  config_.run.total_env_steps = 208;
  EXPECT_EQ(Line(), "");
}

TEST_F(RunEndTest, ASolvedRunStaysSolvedThoughEnvStepsAreLeft) {
  End(/*solved=*/true, 40);
  EXPECT_THAT(Line(), EndsWith("solved at 40 env steps; to go on, give "
                               "evaluation.stop_at_success_rate=0"));
  EXPECT_FALSE((*FindEnd(run_, config_))->target_missed);
  config_.evaluation.stop_at_success_rate = 1;
  EXPECT_EQ(Line(), "");
}

TEST_F(RunEndTest, EveryHintIsOneThatLetsTheRunGoOn) {
  config_.evaluation.stop_at_return_enabled = true;
  End(/*solved=*/true, 100);
  EXPECT_THAT(Line(), EndsWith("give evaluation.stop_at_success_rate=0 "
                               "evaluation.stop_at_return_enabled=false run.total_env_steps=200"));
  config_.evaluation.stop_at_success_rate = 0;
  config_.evaluation.stop_at_return_enabled = false;
  config_.run.total_env_steps = 200;
  EXPECT_EQ(Line(), "");
}

TEST_F(RunEndTest, ADamagedResultIsRefusedByName) {
  for (const char* text : {"", "{", "[]", R"({"target_reached": 1})"}) {
    std::ofstream(run_ + "/result.json") << text;
    const absl::Status status = FindEnd(run_, config_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << text;
    EXPECT_THAT(status.message(), HasSubstr(run_ + "/result.json")) << text;
  }
}

TEST_F(RunEndTest, ANewRunBeginsOnlyWhereNoneHasWrittenAnything) {
  EXPECT_TRUE(CheckUnused(run_ + "/none").ok());
  std::filesystem::create_directories(run_ + "/checkpoints");
  std::ofstream(run_ + "/run.json") << "{}";  // Killed before it did anything.
  EXPECT_TRUE(CheckUnused(run_).ok());
  std::ofstream(run_ + "/checkpoints/checkpoint_000001.safetensors") << "x";
  std::ofstream(run_ + "/progress.csv") << "env_steps\n";
  const absl::Status status = CheckUnused(run_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("(progress.csv, checkpoints/)"));
}

}  // namespace
}  // namespace armature

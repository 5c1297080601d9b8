#include "deploy/launcher/report/run_result.h"

#include <cmath>

#include "common/files/atomic_file.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

absl::StatusOr<RunResult> Read(const std::string& text) {
  const std::string path = testing::TempDir() + "/result.json";
  EXPECT_TRUE(WriteDurably(path, text).ok());
  return ReadRunResult(path);
}

TEST(RunResult, ReadsWhatTheLearnerWrites) {
  const auto result = Read(
      R"({"target_reached": true, "success_rate": 0.97, "return_mean": -1.5, "env_steps": 9000,
          "learner_steps": 8000, "wall_s": 41.25, "policy_version": 12, "reason": "solved"})");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->target_reached);
  EXPECT_EQ(result->success_rate, 0.97);
  EXPECT_EQ(result->return_mean, -1.5);
  EXPECT_EQ(result->env_steps, 9000);
  EXPECT_EQ(result->wall_s, 41.25);
}

TEST(RunResult, NullIsNotANumberAndAnythingElseIsRefused) {
  const auto result = Read(
      R"({"target_reached": false, "success_rate": null, "return_mean": 1, "env_steps": 1,
          "wall_s": 1})");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(std::isnan(result->success_rate));
  for (const char* text : {"", "[]", "{}", R"({"target_reached": "yes"})"}) {
    EXPECT_EQ(Read(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(ReadRunResult("/nonexistent").status().code(), absl::StatusCode::kNotFound);
}

TEST(RunResult, LineSaysSolvedNotSolvedOrFinished) {
  RunResult result;
  result.target_reached = true;
  result.success_rate = 1;
  result.return_mean = -1.5;
  result.env_steps = 9000;
  result.wall_s = 41.25;
  EXPECT_EQ(ResultLine(result, "panda_reach", true),
            "armature: solved panda_reach success_rate=1.00 env_steps=9000 wall_s=41.2");
  result.target_reached = false;
  result.success_rate = 0.5;
  EXPECT_EQ(ResultLine(result, "panda_reach", true),
            "armature: not solved panda_reach success_rate=0.50 env_steps=9000 wall_s=41.2");
  EXPECT_EQ(ResultLine(result, "panda_reach", false),
            "armature: finished panda_reach return=-1.50 env_steps=9000 wall_s=41.2");
  result.success_rate = std::nan("");
  result.target_reached = true;
  EXPECT_EQ(ResultLine(result, "cartpole", true),
            "armature: solved cartpole return=-1.50 env_steps=9000 wall_s=41.2");
  result.return_mean = std::nan("");
  result.target_reached = false;
  EXPECT_EQ(ResultLine(result, "cartpole", false),
            "armature: finished cartpole env_steps=9000 wall_s=41.2");
}

}  // namespace
}  // namespace armature

#include "learner/run_dir/run_finder.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

class RunFinderTest : public testing::Test {
 protected:
  void SetUp() override {
    output_ = absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(output_);
    Run("reach/20260101-000000", "aaaa000000000001");
    Run("reach/20260301-000000", "aaaa000000000002");
    Run("sweeps/first/pendulum/20260201-000000", "bbbb000000000003");
  }
  void Run(const std::string& path, const std::string& run_id) {
    std::filesystem::create_directories(output_ + "/" + path);
    std::ofstream(output_ + "/" + path + "/config.yaml");
    std::ofstream(output_ + "/" + path + "/run.json") << "{\"run_id\": \"" << run_id << "\"}";
  }
  std::string Found(const std::string& run) {
    const absl::StatusOr<std::string> path = FindRun(run, output_);
    return path.ok() ? *path : std::string(path.status().message());
  }

  std::string output_;
};

TEST_F(RunFinderTest, RunsAreListedNewestFirstHoweverDeep) {
  const std::vector<FoundRun> runs = ListRuns(output_);
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].run_id, "aaaa000000000002");
  EXPECT_THAT(runs[1].path, EndsWith("sweeps/first/pendulum/20260201-000000"));
  EXPECT_EQ(runs[2].run_id, "aaaa000000000001");
  EXPECT_TRUE(ListRuns(output_ + "/none").empty());
}

TEST_F(RunFinderTest, AFolderAnIdItsBeginningAndANameAreARun) {
  EXPECT_EQ(Found(output_ + "/reach/20260101-000000"), output_ + "/reach/20260101-000000");
  EXPECT_THAT(Found("aaaa000000000001"), EndsWith("reach/20260101-000000"));
  EXPECT_THAT(Found("bbbb"), EndsWith("pendulum/20260201-000000"));
  EXPECT_THAT(Found("reach"), EndsWith("reach/20260301-000000"));
}

TEST_F(RunFinderTest, WhatIsNoRunOrSeveralIsRefusedInOneLine) {
  EXPECT_THAT(Found("aaaa"), HasSubstr("several run ids begin with aaaa: "));
  EXPECT_THAT(Found("bbb"), HasSubstr("no run 'bbb'"));
  EXPECT_THAT(Found("reacj"), EndsWith("the nearest is reach"));
  EXPECT_THAT(Found(output_ + "/reach"), EndsWith("/reach is not a run: it has no config.yaml"));
}

TEST_F(RunFinderTest, ARunWhoseFileIsDamagedIsFoundByItsNameStill) {
  std::filesystem::create_directories(output_ + "/bad/20260401-000000");
  std::ofstream(output_ + "/bad/20260401-000000/run.json") << "{";
  EXPECT_THAT(Found("bad"), EndsWith("bad/20260401-000000"));
}

}  // namespace
}  // namespace armature

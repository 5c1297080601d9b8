#include "learner/run/run_index.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class RunIndexTest : public testing::Test {
 protected:
  void SetUp() override {
    home_ = NewTestPath();
    setenv("XDG_STATE_HOME", home_.c_str(), 1);
  }

  std::string home_;
};

TEST_F(RunIndexTest, EachRunIsThereOnceInTheOrderTheyWereBegun) {
  EXPECT_THAT(RememberedRuns(), IsEmpty());
  for (const char* run : {"/b/two words", "/a/größer", "/b/two words"}) {
    ASSERT_TRUE(RememberRun(run).ok());
  }
  EXPECT_THAT(RememberedRuns(), ElementsAre("/b/two words", "/a/größer"));
}

TEST_F(RunIndexTest, ItIsWhereTheUsersStateIs) {
  EXPECT_EQ(RunIndexPath(), home_ + "/armature/runs");
  unsetenv("XDG_STATE_HOME");
  setenv("HOME", "/home/me", 1);
  EXPECT_EQ(RunIndexPath(), "/home/me/.local/state/armature/runs");
  setenv("XDG_STATE_HOME", "relative", 1);
  EXPECT_EQ(RunIndexPath(), "/home/me/.local/state/armature/runs");
  unsetenv("HOME");
  EXPECT_EQ(RunIndexPath(), "");
  EXPECT_EQ(RememberRun("/a").code(), absl::StatusCode::kNotFound);
}

TEST_F(RunIndexTest, ProcessesAtOnceLoseNoLine) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 20; ++i) EXPECT_TRUE(RememberRun(absl::StrCat("/", t, "/", i)).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(RememberedRuns(), SizeIs(160));
}

TEST_F(RunIndexTest, ALineThatWasCutSpoilsNoOther) {
  ASSERT_TRUE(RememberRun("/a").ok());
  std::ofstream(RunIndexPath(), std::ios::app) << "/b/cu";
  ASSERT_TRUE(RememberRun("/c").ok());
  EXPECT_THAT(RememberedRuns(), ElementsAre("/a", "/b/cu", "/c"));
  EXPECT_EQ(RememberRun("/d\n/e").code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RunIndexTest, APlaceThatCannotBeWrittenIsNamed) {
  setenv("XDG_STATE_HOME", "/proc/x", 1);
  EXPECT_THAT(RememberRun("/a").message(), HasSubstr("/proc/x/armature"));
  EXPECT_THAT(RememberedRuns(), IsEmpty());
}

}  // namespace
}  // namespace armature

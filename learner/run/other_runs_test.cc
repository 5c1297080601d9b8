#include "learner/run/other_runs.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/run/run_models.h"

namespace armature {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class OtherRunsTest : public testing::Test {
 protected:
  void SetUp() override {
    output_ = NewTestPath();
    setenv("XDG_STATE_HOME", (output_ + "/state").c_str(), 1);
    run_ = output_ + "/reach/20260101-000000";
    std::filesystem::create_directories(run_ + "/checkpoints");
    std::ofstream(run_ + "/run.json") << R"({"run_id": "aaaa000000000001"})";
  }

  std::string output_;
  std::string run_;
};

TEST_F(OtherRunsTest, ARunToResumeIsLookedForBelowTheOutputDirOfTheCommandLine) {
  EXPECT_EQ(FindNamedRun("reach", {"run.seed=1", "run.output_dir=" + output_}).value(), run_);
  EXPECT_THAT(FindNamedRun("reach", {}).status().message(), HasSubstr("below outputs"));
}

TEST_F(OtherRunsTest, ARunToBeginFromIsFoundWithItsStep) {
  std::ofstream(StatePath(run_, 500)) << "state";
  RunSection run;
  EXPECT_TRUE(ResolveLoad(&run).ok());
  EXPECT_EQ(run.load, "");
  run.output_dir = output_;
  run.load = "aaaa";
  run.load_step = 500;
  ASSERT_TRUE(ResolveLoad(&run).ok());
  EXPECT_EQ(run.load, run_);
}

TEST_F(OtherRunsTest, ARunOrAStepThatIsNotThereIsNamed) {
  std::ofstream(StatePath(run_, 500)) << "state";
  RunSection run;
  run.output_dir = output_;
  run.load = "reahc";
  EXPECT_THAT(ResolveLoad(&run).message(), AllOf(HasSubstr("run.load: "), HasSubstr("reach")));
  run.load = "reach";
  run.load_step = 400;
  EXPECT_THAT(ResolveLoad(&run).message(),
              AllOf(HasSubstr("run.load_step=400"), HasSubstr("there are: 500")));
}

}  // namespace
}  // namespace armature

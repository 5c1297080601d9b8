#include "learner/run/run_state.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/files/atomic_file.h"
#include "common/files/testing/test_path.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

class RunStateTest : public testing::Test {
 protected:
  void SetUp() override {
    run_ = NewTestPath();
    std::filesystem::create_directories(run_);
  }
  std::string Card() { return ReadWholeFile(run_ + "/README.md").value(); }
  void WriteCard(const std::string& results) {
    ASSERT_TRUE(
        WriteDurably(run_ + "/README.md", absl::StrCat("# x\n\n", results, "\nend\n")).ok());
  }
  std::string run_;
};

TEST_F(RunStateTest, TheCardOfARunThatIsNotOverSaysWhyItStandsStill) {
  WriteCard(absl::StrCat(kNotEnded, ".\n"));
  ASSERT_TRUE(NoteRunState(run_, "stopped by signal 2;\ngo on").ok());
  EXPECT_EQ(Card(), "# x\n\nThe run has not ended: stopped by signal 2; go on.\n\nend\n");
  ASSERT_TRUE(NoteRunState(run_, "failed").ok());
  EXPECT_EQ(Card(), "# x\n\nThe run has not ended: failed.\n\nend\n");
}

TEST_F(RunStateTest, ACardOfARunThatIsOverStaysAsItIs) {
  EXPECT_TRUE(NoteRunState(run_, "failed").ok()) << "no card";
  WriteCard("| return | 1 |\n");
  ASSERT_TRUE(NoteRunState(run_, "failed").ok());
  EXPECT_EQ(Card(), "# x\n\n| return | 1 |\n\nend\n");
}

TEST_F(RunStateTest, WithoutACheckpointARunBeginsAnew) {
  const std::string run = run_ + "/a b";
  EXPECT_EQ(
      GoOnSentence(run, "run.seed=1"),
      absl::StrCat("begin anew with bazel run //deploy:train -- --resume '", run, "' run.seed=1"));
}

}  // namespace
}  // namespace armature

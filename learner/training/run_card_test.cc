#include "learner/training/run_card.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "common/files/atomic_file.h"
#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/run/run_models.h"

namespace armature {
namespace {

using testing::HasSubstr;
using testing::Not;

class RunCardTest : public testing::Test {
 protected:
  void SetUp() override {
    run_ = NewTestPath();
    std::filesystem::create_directories(run_ + "/models");
    config_.run.seed = 7;
    config_.environment.config = {{"reward", "sparse"}};
  }
  std::string Card(const std::string& commit = "") {
    EXPECT_TRUE(WriteRunCard(run_, "f00d", config_, commit).ok());
    return ReadWholeFile(run_ + "/README.md").value();
  }

  std::string run_;
  RunConfig config_;
};

TEST_F(RunCardTest, NamesOnlyTheSettingsThatAreNotTheDefault) {
  const std::string card = Card("abc");
  EXPECT_THAT(card, HasSubstr("```\nrun.seed=7\nenvironment.config.reward=sparse\n```"));
  EXPECT_THAT(card, HasSubstr("Run `f00d`, seed 7, Armature at commit abc, LibTorch "));
  EXPECT_THAT(card, HasSubstr("bazel run //deploy:train -- --resume " + run_ + "\n"));
}

TEST_F(RunCardTest, ItsCommandsAreForAShellInAnyFolder) {
  run_ += "/it's größer";
  std::filesystem::create_directories(run_);
  EXPECT_THAT(Card(), HasSubstr("bazel run //deploy:eval -- '" + std::string(testing::TempDir()) +
                                "/" + "ItsCommandsAreForAShellInAnyFolder/it'\\''s größer'\n"));
}

TEST_F(RunCardTest, HasTheResultsOnceThereAreSome) {
  EXPECT_THAT(Card(), HasSubstr("The run has not ended."));
  std::ofstream(run_ + "/result.json")
      << R"({"return_mean": -3.5, "success_rate": null, "env_steps": 9000, "wall_s": 4,
             "reason": "solved"})";
  TensorFile best;
  best.metadata = {
      {"evaluation_return_mean", "-2"}, {"evaluation_episodes", "20"}, {"env_steps", "8000"}};
  ASSERT_TRUE(best.Write(ModelPath(run_, kBestModel)).ok());
  const std::string card = Card();
  EXPECT_THAT(card, Not(HasSubstr("has not ended")));
  EXPECT_THAT(card, HasSubstr("| return, mean | -3.5 |\n| success rate | not evaluated |\n"));
  EXPECT_THAT(card,
              HasSubstr("Best evaluation: return -2 over 20 episodes, of the policy of 8000"));
  EXPECT_THAT(card, HasSubstr("Models: best."));
}

TEST_F(RunCardTest, TheCommitIsReadFromTheClone) {
  EXPECT_EQ(CommitOf(run_), "");
  std::filesystem::create_directories(run_ + "/.git/refs/heads");
  std::ofstream(run_ + "/.git/HEAD") << "ref: refs/heads/main\n";
  EXPECT_EQ(CommitOf(run_), "");
  std::ofstream(run_ + "/.git/refs/heads/main") << "abc\n";
  EXPECT_EQ(CommitOf(run_), "abc");
  std::ofstream(run_ + "/.git/HEAD") << "def\n";
  EXPECT_EQ(CommitOf(run_), "def");
}

TEST_F(RunCardTest, TheCommitOfAPackedBranchIsFound) {
  std::filesystem::create_directories(run_ + "/.git/refs/heads");
  std::ofstream(run_ + "/.git/HEAD") << "ref: refs/heads/main\n";
  std::ofstream(run_ + "/.git/packed-refs") << "# pack-refs with: peeled fully-peeled sorted \n"
                                            << "111 refs/heads/main-2\n"
                                            << "222 refs/heads/main\n"
                                            << "333 refs/tags/v1\n^444\n";
  EXPECT_EQ(CommitOf(run_), "222");
  std::ofstream(run_ + "/.git/refs/heads/main") << "555\n";  // Newer than the packed one.
  EXPECT_EQ(CommitOf(run_), "555");
}

TEST_F(RunCardTest, TheCommitOfAWorktreeIsThatOfItsOwnBranch) {
  const std::string clone = run_ + "/clone/.git";
  std::filesystem::create_directories(clone + "/worktrees/w");
  std::filesystem::create_directories(clone + "/refs/heads");
  std::filesystem::create_directories(run_ + "/w");
  std::ofstream(clone + "/HEAD") << "ref: refs/heads/main\n";
  std::ofstream(clone + "/refs/heads/main") << "abc\n";
  std::ofstream(clone + "/refs/heads/w") << "def\n";
  std::ofstream(clone + "/worktrees/w/HEAD") << "ref: refs/heads/w\n";
  std::ofstream(clone + "/worktrees/w/commondir") << "../..\n";
  for (const std::string& gitdir : {clone, std::string("../clone/.git")}) {
    std::ofstream(run_ + "/w/.git") << "gitdir: " << gitdir << "/worktrees/w\n";
    EXPECT_EQ(CommitOf(run_ + "/w"), "def") << gitdir;
  }
  std::filesystem::remove(clone + "/refs/heads/w");
  std::ofstream(clone + "/packed-refs") << "fed refs/heads/w\n";
  EXPECT_EQ(CommitOf(run_ + "/w"), "fed");
}

}  // namespace
}  // namespace armature

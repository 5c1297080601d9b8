#include "learner/run/run_lock.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using testing::HasSubstr;

std::string NewFolder(const std::string& name) {
  const std::string path = testing::TempDir() + "/" + name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

TEST(RunLock, ASecondOneIsRefusedAndToldWhoHasTheRun) {
  const std::string run = NewFolder("second");
  EXPECT_TRUE(RunLock::CheckFree(run, RunLock::kLearner).ok());
  {
    const auto first = RunLock::Take(run, RunLock::kLearner);
    ASSERT_TRUE(first.ok()) << first.status();
    const absl::Status second = RunLock::Take(run, RunLock::kLearner).status();
    EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(second.message(), HasSubstr(absl::StrCat("held by process ", getpid(), " on ")));
    EXPECT_EQ(RunLock::CheckFree(run, RunLock::kLearner), second);
    EXPECT_TRUE(RunLock::CheckFree(run, RunLock::kLauncher).ok()) << "that is another lock";
  }
  EXPECT_TRUE(RunLock::CheckFree(run, RunLock::kLearner).ok());
  EXPECT_TRUE(RunLock::Take(run, RunLock::kLearner).ok());
}

TEST(RunLock, TheNextProcessHasItAtOnceWhenTheOneBeforeWasKilled) {
  const std::string run = NewFolder("killed");
  int taken[2];
  ASSERT_EQ(pipe(taken), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = RunLock::Take(run, RunLock::kLearner);
    const char ok = lock.ok() ? 1 : 0;
    if (write(taken[1], &ok, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char ok = 0;
  ASSERT_EQ(read(taken[0], &ok, 1), 1);
  ASSERT_EQ(ok, 1);
  EXPECT_THAT(RunLock::Take(run, RunLock::kLearner).status().message(),
              HasSubstr(absl::StrCat("process ", child, " on ")));
  // Like resuming at once: the killed process may not be gone yet.
  kill(child, SIGKILL);
  EXPECT_TRUE(RunLock::Take(run, RunLock::kLearner).ok());
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
}

TEST(RunLock, WhatAnEarlierProcessLeftInTheFileIsNoLock) {
  const std::string run = NewFolder("left");
  std::ofstream(run + "/" + RunLock::kLearner) << "1 elsewhere\n";
  EXPECT_TRUE(RunLock::CheckFree(run, RunLock::kLearner).ok());
  EXPECT_TRUE(RunLock::Take(run, RunLock::kLearner).ok());
}

TEST(RunLock, AFolderThatCannotBeWrittenIsNamed) {
  const absl::Status status = RunLock::Take("/dev/null", RunLock::kLearner).status();
  EXPECT_THAT(status.message(), HasSubstr("/dev/null/learner.lock"));
}

}  // namespace
}  // namespace armature

#include "deploy/launcher/process/child_process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;

class ChildProcessTest : public testing::Test {
 protected:
  // Runs a shell command to its end.
  void Run(const std::string& command) {
    ASSERT_TRUE(child_.Start({"/bin/sh", "-c", command}, log_).ok());
    loop_.Run();
  }

  const std::string log_ = NewTestPath(".log");
  EventLoop loop_;
  std::vector<std::string> lines_;
  int wait_status_ = -1;
  std::function<void(const std::string&)> on_line_ = [](const std::string&) {};
  ChildProcess child_{&loop_,
                      [this](const std::string& line) {
                        lines_.push_back(line);
                        on_line_(line);
                      },
                      [this](int wait_status) {
                        wait_status_ = wait_status;
                        loop_.Stop();
                      }};
};

TEST_F(ChildProcessTest, OutputComesByLineAndIsKeptInTheLog) {
  Run("echo one; echo two >&2; printf three; exit 3");
  EXPECT_THAT(lines_, ElementsAre("one", "two", "three"));
  EXPECT_EQ(DescribeExit(wait_status_), "exited with status 3");
  EXPECT_FALSE(child_.running());
  std::ostringstream log;
  log << std::ifstream(log_).rdbuf();
  EXPECT_EQ(log.str(), "one\ntwo\nthree");
}

TEST_F(ChildProcessTest, CanBeStartedAgain) {
  Run("echo one");
  Run("echo two");
  EXPECT_THAT(lines_, ElementsAre("one", "two"));
}

TEST_F(ChildProcessTest, ALineWithoutEndIsPassedOnInBoundedParts) {
  Run("head -c 20000 /dev/zero | tr '\\0' x");
  size_t bytes = 0;
  for (const std::string& line : lines_) bytes += line.size();
  EXPECT_EQ(bytes, 20000u);
  EXPECT_GT(lines_.size(), 1u);
}

TEST_F(ChildProcessTest, SignalReachesTheWholeGroup) {
  on_line_ = [this](const std::string&) { child_.Signal(SIGTERM); };
  Run("sh -c 'echo ready; sleep 1000' & wait");
  EXPECT_EQ(DescribeExit(wait_status_), "was killed by signal 15");
}

TEST_F(ChildProcessTest, WhatTheChildLeavesBehindIsKilled) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Run("sleep 1000 &");  // Holds the pipe open while it lives.
  close(ends[1]);
  char c = 0;
  EXPECT_EQ(read(ends[0], &c, 1), 0);
  close(ends[0]);
}

TEST_F(ChildProcessTest, SignalMaskIsNotInherited) {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  Run("kill -TERM $$");
  EXPECT_EQ(DescribeExit(wait_status_), "was killed by signal 15");
}

TEST_F(ChildProcessTest, AProgramThatIsNotThereSaysSo) {
  ASSERT_TRUE(child_.Start({"/nonexistent"}, log_).ok());
  loop_.Run();
  EXPECT_EQ(DescribeExit(wait_status_), "exited with status 127");
  EXPECT_THAT(lines_, ElementsAre("the program cannot be executed"));
}

TEST_F(ChildProcessTest, AnUnwritableLogIsRefused) {
  EXPECT_EQ(child_.Start({"/bin/true"}, "/nonexistent/log").code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(child_.running());
}

// Here the parent is a separate process that gets SIGKILL.
TEST(ChildProcess, DiesWithItsParent) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    EventLoop loop;
    ChildProcess child(
        &loop, [](const std::string&) { raise(SIGKILL); }, [](int) {});
    // The grandchild holds the pipe open while it lives.
    if (!child.Start({"/bin/sh", "-c", "echo ready; exec sleep 1000"}, "/dev/null").ok()) _exit(1);
    loop.Run();
    _exit(0);
  }
  close(ends[1]);
  int wait_status = 0;
  waitpid(parent, &wait_status, 0);
  EXPECT_TRUE(WIFSIGNALED(wait_status));
  char c = 0;
  EXPECT_EQ(read(ends[0], &c, 1), 0);  // End of file: nobody is left.
  close(ends[0]);
}

}  // namespace
}  // namespace armature

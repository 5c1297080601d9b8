#include "deploy/film/part_file.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class PartFileTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }

  void Put(const std::string& text) { std::ofstream(path_) << text; }
  std::string Text() {
    std::stringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  std::vector<std::string> Parts() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (absl::EndsWith(entry.path().string(), ".part")) names.push_back(entry.path());
    }
    return names;
  }
  static void Write(const PartFile& part, const std::string& text) {
    ASSERT_EQ(write(part.descriptor(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }
  // Leaves what a process leaves that is killed while it writes.
  void KillAWriter() {
    int pipe_fds[2];
    ASSERT_EQ(pipe(pipe_fds), 0);
    const pid_t child = fork();
    if (child == 0) {
      const auto part = PartFile::Open(path_);
      const char ready = part.ok() ? 'y' : 'n';
      (void)!write(pipe_fds[1], &ready, 1);
      for (;;) pause();
    }
    char ready = 0;
    ASSERT_EQ(read(pipe_fds[0], &ready, 1), 1);
    ASSERT_EQ(ready, 'y');
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
  }

  const std::string folder_ = NewTestPath();
  const std::string path_ = folder_ + "/x.gif";
};

TEST_F(PartFileTest, TheOlderFileStaysUntilTheNewOneIsComplete) {
  Put("old");
  auto part = PartFile::Open(path_);
  ASSERT_TRUE(part.ok()) << part.status();
  Write(**part, "new");
  EXPECT_EQ(Text(), "old");
  ASSERT_EQ((*part)->Commit(), absl::OkStatus());
  part->reset();
  EXPECT_EQ(Text(), "new");
  EXPECT_THAT(Parts(), IsEmpty());
}

TEST_F(PartFileTest, OneThatIsGivenUpLeavesTheOlderFileAndNothingElse) {
  Put("old");
  auto part = PartFile::Open(path_);
  ASSERT_TRUE(part.ok()) << part.status();
  Write(**part, "new");
  part->reset();
  EXPECT_EQ(Text(), "old");
  EXPECT_THAT(Parts(), IsEmpty());
}

TEST_F(PartFileTest, WhatAKilledWriterLeftIsRemovedByTheNextAndTheOlderFileStays) {
  Put("old");
  KillAWriter();
  EXPECT_EQ(Text(), "old");
  ASSERT_THAT(Parts(), SizeIs(1));
  const std::string left = Parts()[0];
  const auto part = PartFile::Open(path_);
  ASSERT_TRUE(part.ok()) << part.status();
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_THAT(Parts(), SizeIs(1));
}

TEST_F(PartFileTest, APartThatIsBeingWrittenIsLeftAlone) {
  auto first = PartFile::Open(path_);
  auto second = PartFile::Open(path_);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(Parts(), SizeIs(2));
  Write(**first, "first");
  Write(**second, "second");
  ASSERT_EQ((*first)->Commit(), absl::OkStatus());
  EXPECT_EQ(Text(), "first");
  ASSERT_EQ((*second)->Commit(), absl::OkStatus());
  EXPECT_EQ(Text(), "second");
}

TEST_F(PartFileTest, OtherFilesPartsAreLeftAlone) {
  std::ofstream(folder_ + "/.y.gif.1.0.part") << "of another";
  ASSERT_TRUE(PartFile::Open(path_).ok());
  EXPECT_THAT(Parts(), SizeIs(1));
}

TEST_F(PartFileTest, APlaceThatCannotBeWrittenIsNamed) {
  EXPECT_EQ(PartFile::Open("/no/such/folder/x.gif").status().message(),
            "cannot write /no/such/folder/x.gif: No such file or directory");
  EXPECT_EQ(PartFile::Open(folder_).status().message(),
            "cannot write " + folder_ + ": Is a directory");
}

}  // namespace
}  // namespace armature

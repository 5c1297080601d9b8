#include "common/files/atomic_file.h"

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/testing/file_size_limit.h"

namespace armature {
namespace {

std::string PathOf(const std::string& name) { return testing::TempDir() + "/" + name; }

TEST(AtomicFile, ReplacesTheWholeContent) {
  const std::string path = PathOf("replaced");
  ASSERT_TRUE(WriteDurably(path, "a long first content").ok());
  ASSERT_TRUE(WriteDurably(path, "short").ok());
  EXPECT_EQ(ReadWholeFile(path).value(), "short");
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

TEST(AtomicFile, AnUncommittedFileLeavesTheOldOneAndNoTemporary) {
  const std::string path = PathOf("uncommitted");
  ASSERT_TRUE(WriteDurably(path, "old").ok());
  {
    absl::StatusOr<AtomicFile> file = AtomicFile::Open(path);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Append("half of the new").ok());
  }
  EXPECT_EQ(ReadWholeFile(path).value(), "old");
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

TEST(AtomicFile, AFullDiskLeavesTheOldContent) {
  const std::string path = PathOf("full");
  ASSERT_TRUE(WriteDurably(path, "old").ok());
  absl::Status status;
  {
    const FileSizeLimit limit(1000);
    status = WriteDurably(path, std::string(5000, 'x'));
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), testing::HasSubstr(path));
  EXPECT_EQ(ReadWholeFile(path).value(), "old");
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

TEST(AtomicFile, AMissingFolderIsNamed) {
  const absl::Status status = WriteDurably(PathOf("no/such/folder"), "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), testing::HasSubstr("no/such/folder"));
}

}  // namespace
}  // namespace armature

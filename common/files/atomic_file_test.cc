#include "common/files/atomic_file.h"

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "common/files/testing/file_size_limit.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// In a new, empty folder.
std::string PathOf(const std::string& name) {
  const std::string folder = testing::TempDir() + "/" + name + "_folder";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder + "/" + name;
}

// Whether nothing but `path` is in its folder.
bool IsAlone(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return std::filesystem::exists(path) &&
         std::distance(std::filesystem::directory_iterator(folder), {}) == 1;
}

TEST(AtomicFile, ReplacesTheWholeContent) {
  const std::string path = PathOf("replaced");
  ASSERT_TRUE(WriteDurably(path, "a long first content").ok());
  ASSERT_TRUE(WriteDurably(path, "short").ok());
  EXPECT_EQ(ReadWholeFile(path).value(), "short");
  EXPECT_TRUE(IsAlone(path));
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
  EXPECT_TRUE(IsAlone(path));
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
  EXPECT_THAT(status.message(), HasSubstr(path));
  EXPECT_EQ(ReadWholeFile(path).value(), "old");
  EXPECT_TRUE(IsAlone(path));
}

TEST(AtomicFile, AMissingFolderIsNamed) {
  const absl::Status status = WriteDurably("/no/such/folder", "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("no/such/folder"), HasSubstr("No such file")));
}

TEST(ReadWholeFile, ReadsEmptyFilesAndThoseOfUnknownSize) {
  const std::string path = PathOf("empty");
  EXPECT_EQ(ReadWholeFile(path).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(WriteDurably(path, "").ok());
  EXPECT_EQ(ReadWholeFile(path).value(), "");
  EXPECT_THAT(ReadWholeFile("/proc/self/status").value(), HasSubstr("atomic_file_te"));
}

TEST(ReadWholeFile, AFolderIsNoFile) {
  EXPECT_EQ(ReadWholeFile("/").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace armature

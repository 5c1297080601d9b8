#include "common/files/files.h"

#include <cstdlib>
#include <filesystem>

#include "common/files/atomic_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

// A new, empty folder.
std::string Folder(const std::string& name) {
  const std::string folder = testing::TempDir() + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

TEST(Files, PortFileReadsBack) {
  const std::string path = Folder("ports") + "/file";
  ASSERT_TRUE(WritePortFile(path, {"127.0.0.1:1", ""}).ok());
  EXPECT_EQ(*ReadWholeFile(path), "127.0.0.1:1\n-\n");
  EXPECT_EQ(ReadPortFile(path)->rpc_address, "127.0.0.1:1");
  EXPECT_EQ(ReadPortFile(path)->metrics_address, "");
  ASSERT_TRUE(WriteDurably(path, "127.0.0.1:1").ok());
  EXPECT_EQ(ReadPortFile(path).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Files, BazelRunWorksInTheUsersFolder) {
  const std::string before = std::filesystem::current_path();
  const std::string folder = Folder("users");
  setenv("BUILD_WORKING_DIRECTORY", folder.c_str(), 1);
  EnterUsersFolder();
  EXPECT_TRUE(std::filesystem::equivalent(std::filesystem::current_path(), folder));
  unsetenv("BUILD_WORKING_DIRECTORY");
  std::filesystem::current_path(before);
  EnterUsersFolder();
  EXPECT_EQ(std::filesystem::current_path(), before);
}

TEST(Files, ProgramDataIsFoundInRunfilesOrWhereTheVariableSays) {
  const std::string folder = Folder("runfiles");
  std::filesystem::create_directories(folder + "/armature/some/data");
  setenv("RUNFILES_DIR", folder.c_str(), 1);
  EXPECT_EQ(*FindProgramData("armature/some/data", "data", "TEST_DATA"),
            folder + "/armature/some/data");
  setenv("TEST_DATA", folder.c_str(), 1);
  EXPECT_EQ(*FindProgramData("armature/some/data", "data", "TEST_DATA"), folder);
  setenv("TEST_DATA", "/nonexistent", 1);
  const absl::Status status = FindProgramData("armature/some/data", "data", "TEST_DATA").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent"));
  unsetenv("TEST_DATA");
  unsetenv("RUNFILES_DIR");
}

}  // namespace
}  // namespace armature

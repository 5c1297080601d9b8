#include "envserver/bullet/model_folder.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(ModelFolderTest, TheEnvironmentVariableComesFirst) {
  const std::string models = testing::TempDir() + "/models";
  std::filesystem::create_directories(models + "/robot");
  setenv("ARMATURE_MODELS", models.c_str(), 1);
  const auto folder = FindModelFolder("robot", "nowhere");
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(*folder, models + "/robot");
}

TEST(ModelFolderTest, RunfilesOfATestAreFound) {
  unsetenv("ARMATURE_MODELS");
  const std::string runfiles = testing::TempDir() + "/runfiles";
  std::filesystem::create_directories(runfiles + "/wheel/robot");
  setenv("TEST_SRCDIR", runfiles.c_str(), 1);
  unsetenv("RUNFILES_DIR");
  const auto folder = FindModelFolder("robot", "wheel/robot");
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(*folder, runfiles + "/wheel/robot");
}

TEST(ModelFolderTest, AMissingModelNamesAllThatWasTried) {
  setenv("ARMATURE_MODELS", "/first", 1);
  setenv("TEST_SRCDIR", "/second", 1);
  unsetenv("RUNFILES_DIR");
  const auto folder = FindModelFolder("robot", "wheel/robot");
  EXPECT_EQ(folder.status().code(), absl::StatusCode::kNotFound);
  for (const char* part : {"'robot'", "ARMATURE_MODELS", "/first/robot", "/second/wheel/robot",
                           ".runfiles/wheel/robot", "/models/robot"}) {
    EXPECT_NE(std::string(folder.status().message()).find(part), std::string::npos) << part;
  }
}

}  // namespace
}  // namespace armature

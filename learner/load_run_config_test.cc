#include "learner/load_run_config.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

std::string WriteConfig(const std::string& text) {
  const std::string path = testing::TempDir() + "/config.yaml";
  std::ofstream(path) << text;
  return path;
}

std::string Error(const std::vector<std::string>& words, const std::string& resume_dir = "") {
  return std::string(LoadRunConfig({words, "", "", ""}, resume_dir).status().message());
}

TEST(LoadRunConfig, OverridesComeAfterTheFile) {
  const std::string path = WriteConfig("run: {seed: 3, name: a}\n");
  const auto config = LoadRunConfig({{path, "run.seed=4"}, "", "", ""}, "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->run.seed, 4);
  EXPECT_EQ(config->run.name, "a");
}

TEST(LoadRunConfig, AResumedRunHasItsOwnFile) {
  WriteConfig("run: {seed: 3}\n");
  const auto config = LoadRunConfig({{"run.name=b"}, "", "", ""}, testing::TempDir());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->run.seed, 3);
  EXPECT_EQ(config->run.name, "b");
}

TEST(LoadRunConfig, WhatIsWrongIsNamed) {
  const std::string path = WriteConfig("run: {seed: 3}\n");
  EXPECT_EQ(Error({path, "x"}), "'x': expected key=value");
  EXPECT_EQ(Error({path}, testing::TempDir()), "'" + path + "': expected key=value");
  EXPECT_THAT(Error({"/nonexistent.yaml"}), HasSubstr("no configuration '/nonexistent.yaml'"));
  EXPECT_THAT(Error({path, "run.sed=1"}), HasSubstr("did you mean 'run.seed'"));
  EXPECT_THAT(Error({path, "replay.size_min=2000000"}), HasSubstr("learning would never begin"));
}

}  // namespace
}  // namespace armature

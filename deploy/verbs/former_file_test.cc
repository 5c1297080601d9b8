#include "deploy/verbs/former_file.h"

#include <filesystem>

#include "common/files/atomic_file.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(FormerFile, WhatIsThereIsKeptByNumberUnlessItIsTheSame) {
  const std::string folder = testing::TempDir() + "/former";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/evaluation.json";
  EXPECT_EQ(KeepFormerFile(path, "a").value(), "");
  ASSERT_TRUE(WriteDurably(path, "a").ok());
  EXPECT_EQ(KeepFormerFile(path, "a").value(), "");
  EXPECT_EQ(KeepFormerFile(path, "b").value(), folder + "/evaluation_1.json");
  ASSERT_TRUE(WriteDurably(path, "b").ok());
  EXPECT_EQ(KeepFormerFile(path, "c").value(), folder + "/evaluation_2.json");
  EXPECT_EQ(ReadWholeFile(folder + "/evaluation_1.json").value(), "a");
  EXPECT_EQ(ReadWholeFile(folder + "/evaluation_2.json").value(), "b");
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace armature

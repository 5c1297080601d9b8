#include "learner/checkpoint/checkpoint_folder.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "common/files/testing/file_size_limit.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

std::string NewFolder(const std::string& name) {
  const std::string path = testing::TempDir() + "/" + name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

std::set<std::string> Files(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

TensorFile Content(const std::string& mark) {
  return {{{"mark", mark}}, {{"x", at::full({4000}, 1.5, at::kFloat)}}};
}

TEST(CheckpointFolder, LoadsTheNewestAndKeepsOnlySoMany) {
  const std::string path = NewFolder("kept");
  CheckpointFolder folder(path, /*keep=*/2);
  EXPECT_EQ(folder.LoadNewest().status().code(), absl::StatusCode::kNotFound);
  for (const char* mark : {"a", "b", "c"}) ASSERT_TRUE(folder.Save(Content(mark)).ok());
  EXPECT_EQ(folder.LoadNewest()->metadata.at("mark"), "c");
  EXPECT_EQ(Files(path), (std::set<std::string>{"checkpoint_000002.safetensors",
                                                "checkpoint_000003.safetensors"}));
}

TEST(CheckpointFolder, ADamagedCheckpointIsSkippedForTheOneBefore) {
  const std::string path = NewFolder("damaged");
  CheckpointFolder folder(path, /*keep=*/3);
  for (const char* mark : {"a", "b"}) ASSERT_TRUE(folder.Save(Content(mark)).ok());
  std::filesystem::resize_file(path + "/checkpoint_000002.safetensors", 5000);
  EXPECT_EQ(folder.LoadNewest()->metadata.at("mark"), "a");
  // The number of a damaged one is never reused.
  ASSERT_TRUE(folder.Save(Content("c")).ok());
  EXPECT_TRUE(std::filesystem::exists(path + "/checkpoint_000003.safetensors"));
}

TEST(CheckpointFolder, WhereAllAreDamagedEachIsNamedWithItsReason) {
  const std::string path = NewFolder("all_damaged");
  CheckpointFolder folder(path, /*keep=*/2);
  for (const char* mark : {"a", "b"}) ASSERT_TRUE(folder.Save(Content(mark)).ok());
  std::filesystem::resize_file(path + "/checkpoint_000001.safetensors", 3);
  std::filesystem::resize_file(path + "/checkpoint_000002.safetensors", 5000);
  const absl::Status status = folder.LoadNewest().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(
      status.message(),
      testing::AllOf(
          testing::HasSubstr("/checkpoint_000001.safetensors is damaged: cut short"),
          testing::HasSubstr("/checkpoint_000002.safetensors is damaged: checksum differs")));
}

TEST(CheckpointFolder, AFullDiskLeavesTheCheckpointsBefore) {
  const std::string path = NewFolder("full");
  CheckpointFolder folder(path, /*keep=*/1);
  ASSERT_TRUE(folder.Save(Content("a")).ok());
  {
    const FileSizeLimit limit(8000);
    EXPECT_EQ(folder.Save(Content("b")).code(), absl::StatusCode::kResourceExhausted);
  }
  EXPECT_EQ(Files(path), (std::set<std::string>{"checkpoint_000001.safetensors"}));
  EXPECT_EQ(folder.LoadNewest()->metadata.at("mark"), "a");
}

TEST(CheckpointFolder, WhatAKilledProcessLeftIsIgnored) {
  const std::string path = NewFolder("killed");
  CheckpointFolder folder(path, /*keep=*/2);
  ASSERT_TRUE(folder.Save(Content("a")).ok());
  std::ofstream(path + "/checkpoint_000002.safetensors.tmp") << "half";
  EXPECT_EQ(folder.LoadNewest()->metadata.at("mark"), "a");
}

}  // namespace
}  // namespace armature

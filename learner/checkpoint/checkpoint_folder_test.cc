#include "learner/checkpoint/checkpoint_folder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "common/files/atomic_file.h"
#include "common/files/testing/file_size_limit.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/testing/counted_ring.h"
#include "spdlog/spdlog.h"

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
    EXPECT_EQ(folder.Save(Content("b")).status().code(), absl::StatusCode::kResourceExhausted);
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

// How many files of segments there are.
int64_t Segments(const std::string& folder) {
  const std::set<std::string> files = Files(folder);
  return std::count_if(files.begin(), files.end(),
                       [](const std::string& name) { return name.rfind("replay_", 0) == 0; });
}

TensorFile Newest(const std::string& path) {
  absl::StatusOr<TensorFile> newest = CheckpointFolder(path, 2).LoadNewest();
  EXPECT_TRUE(newest.ok()) << newest.status();
  return newest.ok() ? *std::move(newest) : TensorFile();
}

absl::Status Save(CheckpointFolder* folder, CountedRing* ring) {
  const auto rows = ring->Snapshot();
  return folder->Save(ring->Content(), rows.get()).status();
}

std::string Bytes(const std::string& path) { return ReadWholeFile(path).value(); }

void Replace(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

TEST(CheckpointFolder, RowsAreLoadedAsTheyWereSavedHoweverFullTheRingIs) {
  const std::string path = NewFolder("rows");
  CheckpointFolder folder(path, /*keep=*/1);
  CountedRing ring;
  for (const int64_t added : {0, 1, 6, 1, 1, 20, 11, 3, 17, 100, 0}) {
    ring.Add(added);
    ASSERT_TRUE(Save(&folder, &ring).ok());
    EXPECT_TRUE(AreEqual(Newest(path), ring.Whole())) << added;
  }
}

TEST(CheckpointFolder, OnlySegmentsThatChangedAreWrittenAndNoneIsLeftThatNobodyNames) {
  const std::string path = NewFolder("shared");
  CheckpointFolder folder(path, /*keep=*/2);
  CountedRing ring;
  ring.Add(40);
  for (const auto& [added, segments] : std::vector<std::pair<int64_t, int64_t>>{
           {0, 5}, {0, 5}, {1, 6}, {1, 6}, {1, 6}, {16, 8}, {0, 5}, {0, 5}}) {
    ring.Add(added);
    ASSERT_TRUE(Save(&folder, &ring).ok());
    EXPECT_EQ(Segments(path), segments) << added;
    EXPECT_TRUE(AreEqual(Newest(path), ring.Whole()));
  }
}

TEST(CheckpointFolder, AnotherProcessGoesOnWithTheFolder) {
  const std::string path = NewFolder("resumed");
  CountedRing ring;
  ring.Add(30);
  for (int process = 0; process < 4; ++process) {
    CheckpointFolder folder(path, /*keep=*/2);
    ring.Add(3);
    ASSERT_TRUE(Save(&folder, &ring).ok());
    EXPECT_TRUE(AreEqual(Newest(path), ring.Whole()));
    EXPECT_LE(Segments(path), 2 * 5) << "of two checkpoints";
  }
}

TEST(CheckpointFolder, TwoRingsOfOneProcessShareNothing) {
  const std::string path = NewFolder("two_rings");
  CheckpointFolder folder(path, /*keep=*/1);
  for (int i = 0; i < 3; ++i) {
    CountedRing ring;
    ring.Add(10 + i);
    ASSERT_TRUE(Save(&folder, &ring).ok());
    EXPECT_TRUE(AreEqual(Newest(path), ring.Whole()));
  }
}

TEST(CheckpointFolder, ACheckpointInOneFileAsOfEarlierVersionsIsReadAndGoneOnFrom) {
  const std::string path = NewFolder("one_file");
  CountedRing ring;
  ring.Add(20);
  ASSERT_TRUE(ring.Whole().Write(path + "/checkpoint_000007.safetensors").ok());
  EXPECT_TRUE(AreEqual(Newest(path), ring.Whole()));
  CheckpointFolder folder(path, /*keep=*/2);
  ring.Add(1);
  ASSERT_TRUE(Save(&folder, &ring).ok());
  EXPECT_TRUE(AreEqual(Newest(path), ring.Whole()));
  EXPECT_THAT(Files(path), testing::IsSupersetOf(
                               {"checkpoint_000007.safetensors", "checkpoint_000008.safetensors"}));
}

// Two checkpoints, of which the newer has segments of its own and some of the older one.
class DamagedCheckpoints : public testing::Test {
 protected:
  DamagedCheckpoints() : path_(NewFolder("damages")) {
    CheckpointFolder folder(path_, /*keep=*/2);
    ring_.Add(30);
    EXPECT_TRUE(Save(&folder, &ring_).ok());
    older_ = ring_.Whole();
    ring_.Add(3);
    EXPECT_TRUE(Save(&folder, &ring_).ok());
    newer_ = ring_.Whole();
  }
  // Whether what is there is a good state or a clear error, which names the file.
  testing::AssertionResult IsHandled(const std::string& file, bool is_older) const {
    const absl::StatusOr<TensorFile> found = CheckpointFolder(path_, 2).LoadNewest();
    if (found.ok() && AreEqual(*found, newer_)) return testing::AssertionSuccess();
    // What both need is the older one's.
    if (found.ok() && !is_older && AreEqual(*found, older_)) return testing::AssertionSuccess();
    if (absl::IsDataLoss(found.status()) && is_older &&
        found.status().message().find(file) != std::string::npos) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << (found.ok() ? "another state" : "") << found.status();
  }

  const std::string path_;
  CountedRing ring_;
  TensorFile older_, newer_;
};

TEST_F(DamagedCheckpoints, AnyFlippedByteIsHarmlessOrFoundAndTheOneBeforeLoaded) {
  spdlog::set_level(spdlog::level::err);
  for (const std::string& file : Files(path_)) {
    const std::string bytes = Bytes(path_ + "/" + file);
    const bool is_older = file.find("_000001") != std::string::npos;
    for (size_t i = 0; i < bytes.size(); i += 3) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
      Replace(path_ + "/" + file, damaged);
      ASSERT_TRUE(IsHandled(file, is_older)) << file << " " << i;
    }
    Replace(path_ + "/" + file, bytes);
  }
  spdlog::set_level(spdlog::level::info);
}

TEST_F(DamagedCheckpoints, AnyTruncationAndAnyMissingFileIsFound) {
  spdlog::set_level(spdlog::level::err);
  for (const std::string& file : Files(path_)) {
    const std::string bytes = Bytes(path_ + "/" + file);
    const bool is_older = file.find("_000001") != std::string::npos;
    for (size_t size = 0; size < bytes.size(); size += 11) {
      Replace(path_ + "/" + file, bytes.substr(0, size));
      ASSERT_TRUE(IsHandled(file, is_older)) << file << " " << size;
    }
    std::filesystem::remove(path_ + "/" + file);
    EXPECT_TRUE(IsHandled(file, is_older)) << "without " << file;
    Replace(path_ + "/" + file, bytes + "more");
    EXPECT_TRUE(IsHandled(file, is_older)) << file << ", and more";
    Replace(path_ + "/" + file, bytes);
  }
  spdlog::set_level(spdlog::level::info);
}

TEST_F(DamagedCheckpoints, SegmentsInEachOthersPlaceAreFound) {
  spdlog::set_level(spdlog::level::err);
  const std::string one = path_ + "/replay_000001_00000.safetensors";
  const std::string other = path_ + "/replay_000001_00001.safetensors";
  const std::string bytes = Bytes(one);
  Replace(one, Bytes(other));
  Replace(other, bytes);
  EXPECT_TRUE(absl::IsDataLoss(CheckpointFolder(path_, 2).LoadNewest().status()));
  spdlog::set_level(spdlog::level::info);
}

TEST_F(DamagedCheckpoints, OneThatCannotBeReadLosesNoneOfItsSegments) {
  const std::string manifest = path_ + "/checkpoint_000002.safetensors";
  const std::string bytes = Bytes(manifest);
  Replace(manifest, bytes.substr(0, 10));
  CheckpointFolder folder(path_, /*keep=*/2);
  ring_.Add(20);
  ASSERT_TRUE(Save(&folder, &ring_).ok());
  EXPECT_TRUE(AreEqual(Newest(path_), ring_.Whole()));
  std::filesystem::remove(path_ + "/checkpoint_000003.safetensors");
  Replace(manifest, bytes);
  EXPECT_TRUE(AreEqual(Newest(path_), newer_)) << "once it is mended";
}

TEST(CheckpointFolder, ASegmentThatSomebodyRemovedIsWrittenAgain) {
  const std::string path = NewFolder("removed");
  CheckpointFolder folder(path, /*keep=*/2);
  CountedRing ring;
  ring.Add(40);
  ASSERT_TRUE(Save(&folder, &ring).ok());
  std::filesystem::remove(path + "/replay_000001_00003.safetensors");
  std::filesystem::resize_file(path + "/replay_000001_00004.safetensors", 10);
  ASSERT_TRUE(Save(&folder, &ring).ok());
  EXPECT_TRUE(AreEqual(Newest(path), ring.Whole()));
}

// All checksums are right, so only the counts can tell.
TEST(CheckpointFolder, CountsOfRowsThatNoFileHoldsAreRefusedWithoutRoomForThem) {
  const std::string path = NewFolder("counts");
  CheckpointFolder folder(path, /*keep=*/1);
  CountedRing ring;
  ring.Add(8);
  ASSERT_TRUE(Save(&folder, &ring).ok());
  const std::string checkpoint = path + "/checkpoint_000001.safetensors";
  TensorFile file = TensorFile::Read(checkpoint).value();
  std::string& segments = file.metadata.at("segments");
  for (const char* name : {"\"rows\":", "\"rows_per_segment\":"}) {
    const size_t at = segments.find(name);
    ASSERT_NE(at, segments.npos) << segments;
    segments.replace(at + std::string(name).size(), 1, "4000000000000000000");
  }
  ASSERT_TRUE(file.Write(checkpoint).ok());
  EXPECT_TRUE(absl::IsDataLoss(CheckpointFolder(path, 1).LoadNewest().status()));
}

TEST(CheckpointFolder, AFullDiskLeavesNothingOfTheNewOne) {
  const std::string path = NewFolder("full_of_rows");
  CheckpointFolder folder(path, /*keep=*/1);
  CountedRing ring(/*size=*/500);
  ring.Add(40);
  ASSERT_TRUE(Save(&folder, &ring).ok());
  const std::set<std::string> files = Files(path);
  const TensorFile saved = ring.Whole();
  ring.Add(20);
  for (const rlim_t bytes : {100, 1000, 5000, 16000}) {
    const FileSizeLimit limit(bytes);
    EXPECT_EQ(Save(&folder, &ring).code(), absl::StatusCode::kResourceExhausted) << bytes;
    EXPECT_EQ(Files(path), files);
  }
  EXPECT_TRUE(AreEqual(Newest(path), saved));
  ASSERT_TRUE(Save(&folder, &ring).ok()) << "there is room again";
  EXPECT_TRUE(AreEqual(Newest(path), ring.Whole()));
}

}  // namespace
}  // namespace armature

#include "learner/checkpoint/checkpoint_writer.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/files/testing/file_size_limit.h"
#include "common/files/testing/test_path.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/testing/counted_ring.h"

namespace armature {
namespace {

class CheckpointWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = NewTestPath();
    std::filesystem::create_directories(path_);
    folder_.emplace(path_, /*keep=*/2);
    writer_.emplace(&*folder_);
  }
  void Begin() { writer_->Begin(ring_->Content(), ring_->Snapshot()); }
  absl::StatusOr<uint64_t> Wait() {
    return writer_->Wait([](uint64_t, uint64_t) {}).bytes;
  }
  TensorFile Newest() const { return CheckpointFolder(path_, 2).LoadNewest().value(); }

  std::string path_;
  std::optional<CheckpointFolder> folder_;
  std::unique_ptr<CountedRing> ring_ = std::make_unique<CountedRing>(/*size=*/10000);
  std::optional<CheckpointWriter> writer_;
};

TEST_F(CheckpointWriterTest, WhatTheRingTakesInMeanwhileIsInTheNextCheckpoint) {
  ring_->Add(33);
  for (int i = 0; i < 10; ++i) {
    const TensorFile expected = ring_->Whole();
    Begin();
    EXPECT_TRUE(writer_->is_writing());
    ring_->Add(27);
    ASSERT_TRUE(Wait().ok());
    EXPECT_FALSE(writer_->is_writing());
    EXPECT_FALSE(writer_->TakeOutcome().has_value()) << "it was taken";
    ASSERT_TRUE(AreEqual(Newest(), expected)) << i;
  }
}

TEST_F(CheckpointWriterTest, TheOutcomeComesWithoutWaitingToo) {
  EXPECT_FALSE(writer_->TakeOutcome().has_value());
  ring_->Add(5);
  Begin();
  std::optional<CheckpointWriter::Outcome> outcome;
  while (!outcome.has_value()) {
    ring_->Add(1);  // The trainer's own work, however long it takes.
    outcome = writer_->TakeOutcome();
  }
  EXPECT_GT(outcome->bytes.value(), 0u);
  EXPECT_GT(outcome->duration, absl::ZeroDuration());
}

TEST_F(CheckpointWriterTest, WhoWaitsHearsOfProgressUpToTheEnd) {
  ring_->Add(40);
  Begin();
  std::vector<uint64_t> told;
  uint64_t total = 0;
  const auto outcome = writer_->Wait([&](uint64_t written_bytes, uint64_t total_bytes) {
    told.push_back(written_bytes);
    total = total_bytes;
    EXPECT_LE(written_bytes, total_bytes);
  });
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), total);
  EXPECT_EQ(outcome.bytes.value(), total);
}

TEST_F(CheckpointWriterTest, ItsEndWaitsForTheCheckpoint) {
  ring_->Add(40);
  const TensorFile expected = ring_->Whole();
  Begin();
  writer_.reset();
  EXPECT_TRUE(AreEqual(Newest(), expected));
}

TEST_F(CheckpointWriterTest, ARingThatGoesFirstCostsThisCheckpointOnly) {
  ring_->Add(40);
  const TensorFile expected = ring_->Whole();
  Begin();
  ASSERT_TRUE(Wait().ok());
  ring_->Add(40);
  const TensorFile newer = ring_->Whole();
  Begin();
  ring_.reset();
  const absl::Status status = Wait().status();
  EXPECT_TRUE(status.ok() || absl::IsCancelled(status)) << status;
  EXPECT_TRUE(AreEqual(Newest(), status.ok() ? newer : expected));
}

TEST_F(CheckpointWriterTest, AFullDiskIsTheOutcome) {
  ring_->Add(40);
  {
    const FileSizeLimit limit(1000);
    Begin();
    EXPECT_TRUE(absl::IsResourceExhausted(Wait().status()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(path_));
  Begin();
  EXPECT_TRUE(Wait().ok());
}

}  // namespace
}  // namespace armature

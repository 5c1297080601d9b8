#include "learner/training/divergence.h"

#include <filesystem>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "common/files/testing/test_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/training/run_checkpoint.h"

namespace armature {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

NamedTensors Batch(double observation, double reward) {
  return {{"observation", at::full({4, 3}, observation)},
          {"next_observation", at::full({4, 3}, -observation)},
          {"reward", at::full({4}, reward)}};
}

std::string NewRun() {
  const std::string run = NewTestPath();
  std::filesystem::create_directories(run + "/checkpoints");
  return run;
}

void WriteCheckpoint(const std::string& run) {
  RunCheckpoint checkpoint;
  checkpoint.counters.env_steps = 1200;
  ASSERT_TRUE(checkpoint.ToFile().Write(run + "/checkpoints/checkpoint_000001.safetensors").ok());
}

std::string Describe(const RunConfig& config, const NamedTensors& batch,
                     const std::string& run = testing::TempDir()) {
  const absl::Status status =
      DescribeDivergence(absl::DataLossError("train/critic_loss is nan"), config, 37, batch, run);
  EXPECT_TRUE(absl::IsDataLoss(status));
  return std::string(status.message());
}

TEST(DivergenceTest, TheSentenceNamesWhatWhereWhyAndTheCommandToGoOnWith) {
  const std::string run = NewRun();
  RunConfig config;
  config.algorithm.sac.learning_rate = 10;
  const std::string begin = absl::StrCat(
      "train/critic_loss is nan by gradient step 37, most likely because of "
      "algorithm.sac.learning_rate=10; lower it: its batch (observations -2 to 2, rewards -1 to "
      "-1) is in ",
      run, "/diverged_batch.safetensors,");
  const std::string command = absl::StrCat("with bazel run //deploy:train -- --resume ", run,
                                           " algorithm.sac.learning_rate=0.0003");
  EXPECT_EQ(Describe(config, Batch(2, -1), run),
            absl::StrCat(begin, " no checkpoint had been written; begin anew ", command));
  WriteCheckpoint(run);
  EXPECT_EQ(
      Describe(config, Batch(2, -1), run),
      absl::StrCat(begin, " the newest checkpoint, of 1200 env steps, is from before it; go on ",
                   command));
}

TEST(DivergenceTest, ASettingThatACheckpointDoesNotFitNeedsAnotherRun) {
  const std::string run = NewRun();
  EXPECT_THAT(
      Describe(RunConfig(), Batch(1e8, 0), run),
      EndsWith(absl::StrCat("--resume ", run, " algorithm.network.normalize_observation=true")));
  WriteCheckpoint(run);
  EXPECT_THAT(Describe(RunConfig(), Batch(1e8, 0), run),
              EndsWith(absl::StrCat("begin another run with bazel run //deploy:train -- ", run,
                                    "/config.yaml "
                                    "algorithm.network.normalize_observation=true")));
}

TEST(DivergenceTest, WhatARunHasGotOverIsForgotten) {
  const std::string run = NewRun();
  Describe(RunConfig(), Batch(2, -1), run);
  EXPECT_TRUE(std::filesystem::exists(absl::StrCat(run, "/", kDivergedBatch)));
  ForgetDivergence(run);
  EXPECT_FALSE(std::filesystem::exists(absl::StrCat(run, "/", kDivergedBatch)));
}

TEST(DivergenceTest, TheBatchIsKeptForALook) {
  std::filesystem::remove(absl::StrCat(testing::TempDir(), "/", kDivergedBatch));
  Describe(RunConfig(), Batch(2, -1));
  const auto file = TensorFile::Read(absl::StrCat(testing::TempDir(), "/", kDivergedBatch));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->metadata.at("learner_steps"), "37");
  ASSERT_EQ(file->tensors.size(), 3u);
  EXPECT_TRUE(at::equal(file->tensors[0].second, at::full({4, 3}, 2.0f)));
}

TEST(DivergenceTest, HugeValuesAreTheMoreLikelyCauseWhereTheLearningRateIsModest) {
  RunConfig config;
  EXPECT_THAT(Describe(config, Batch(1e8, 0)),
              HasSubstr("observations of up to 1e+08 with "
                        "algorithm.network.normalize_observation=false; set it to true"));
  config.algorithm.network.normalize_observation = true;
  EXPECT_THAT(Describe(config, Batch(1e8, -1e9)),
              HasSubstr("rewards of up to 1e+09; scale them down in the environment: "));
  config.algorithm.name = "ppo";
  EXPECT_THAT(Describe(config, Batch(1, 1)),
              HasSubstr("algorithm.ppo.learning_rate=0.0003; lower it"));
}

TEST(DivergenceTest, WithoutABatchThereIsNoWordOfIt) {
  EXPECT_THAT(Describe(RunConfig(), {}), Not(HasSubstr("batch")));
}

}  // namespace
}  // namespace armature

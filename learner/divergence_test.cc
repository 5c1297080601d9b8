#include "learner/divergence.h"

#include <filesystem>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/tensor_file.h"

namespace armature {
namespace {

using testing::HasSubstr;
using testing::Not;

NamedTensors Batch(double observation, double reward) {
  return {{"observation", at::full({4, 3}, observation)},
          {"next_observation", at::full({4, 3}, -observation)},
          {"reward", at::full({4}, reward)}};
}

std::string Describe(const RunConfig& config, const NamedTensors& batch) {
  const absl::Status status = DescribeDivergence(absl::DataLossError("train/critic_loss is nan"),
                                                 config, 37, batch, testing::TempDir());
  EXPECT_TRUE(absl::IsDataLoss(status));
  return std::string(status.message());
}

TEST(DivergenceTest, TheSentenceNamesWhatWhereWhyAndWhatToDo) {
  RunConfig config;
  config.algorithm.sac.learning_rate = 10;
  EXPECT_EQ(Describe(config, Batch(2, -1)),
            absl::StrCat("train/critic_loss is nan by gradient step 37, most likely because of "
                         "algorithm.sac.learning_rate=10; lower it and go on with --resume: its "
                         "batch (observations -2 to 2, rewards -1 to -1) is in ",
                         testing::TempDir(),
                         "/diverged_batch.safetensors, the newest checkpoint "
                         "and model are from before it"));
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
              HasSubstr("rewards of up to 1e+09; scale them down in the environment"));
  config.algorithm.name = "ppo";
  EXPECT_THAT(Describe(config, Batch(1, 1)),
              HasSubstr("algorithm.ppo.learning_rate=0.0003; lower it"));
}

TEST(DivergenceTest, WithoutABatchThereIsNoWordOfIt) {
  EXPECT_THAT(Describe(RunConfig(), {}), Not(HasSubstr("batch")));
}

}  // namespace
}  // namespace armature

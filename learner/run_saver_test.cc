#include "learner/run_saver.h"

#include <filesystem>
#include <memory>
#include <string>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/metrics/metrics.h"
#include "common/policy/policy_wire.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/run_dir/run_models.h"
#include "learner/testing/experience.h"
#include "learner/testing/file_size_limit.h"

namespace armature {
namespace {

using testing::Contains;
using testing::Pair;

class RunSaverTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = absl::StrCat(testing::TempDir(), "/",
                         testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(path_);
    directory_ = RunDirectory::Open(path_, absl::Now()).value();
    settings_.every_s = 60;
    settings_.keep = 2;
  }
  RunSaver NewSaver() { return RunSaver(settings_, directory_.get(), &metrics_, absl::Now()); }
  static RunCheckpoint CheckpointAt(uint64_t env_steps) {
    RunCheckpoint checkpoint;
    checkpoint.env = PointSpec();
    checkpoint.counters.env_steps = env_steps;
    return checkpoint;
  }
  static v1::PolicyUpdate Policy(uint64_t version) {
    v1::PolicyUpdate policy;
    policy.set_version(version);
    policy.set_env_steps(100);
    EncodePolicy({{"actor.0.bias", at::full({2}, 0.5)}}, &policy);
    return policy;
  }

  std::string path_;
  CheckpointSection settings_;
  std::unique_ptr<RunDirectory> directory_;
  MetricsRegistry registry_{"learner"};
  LearnerMetrics metrics_{&registry_};
};

TEST_F(RunSaverTest, WhatIsSavedIsLoadedAndTheModelBesideIt) {
  RunSaver saver = NewSaver();
  EXPECT_TRUE(absl::IsNotFound(saver.LoadNewest().status()));
  const v1::PolicyUpdate policy = Policy(7);
  saver.Save(CheckpointAt(100), v1::PolicySpec(), &policy);
  const absl::StatusOr<RunCheckpoint> back = NewSaver().LoadNewest();
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->counters.env_steps, 100u);
  EXPECT_EQ(back->run_id, directory_->run_id());
  const TensorFile model = TensorFile::Read(ModelPath(path_, "100")).value();
  EXPECT_THAT(model.metadata, Contains(Pair("policy_version", "7")));
  EXPECT_TRUE(model.tensors.front().second.equal(at::full({2}, 0.5)));
}

TEST_F(RunSaverTest, TheNextIsDueAnIntervalAfterTheLast) {
  const absl::Time before = absl::Now();
  RunSaver saver = NewSaver();
  EXPECT_GE(saver.next_due(), before + absl::Seconds(60));
  const absl::Time first = saver.next_due();
  saver.Save(CheckpointAt(1), v1::PolicySpec(), nullptr);
  EXPECT_GT(saver.next_due(), first);
  settings_.every_s = 0;
  EXPECT_EQ(NewSaver().next_due(), absl::InfiniteFuture());
}

TEST_F(RunSaverTest, AFullDiskCostsTheNewCheckpointOnly) {
  RunSaver saver = NewSaver();
  saver.Save(CheckpointAt(1), v1::PolicySpec(), nullptr);
  {
    const FileSizeLimit limit(100);
    saver.Save(CheckpointAt(2), v1::PolicySpec(), nullptr);
  }
  EXPECT_EQ(metrics_.checkpoint_failures.value(), 1);
  EXPECT_EQ(saver.LoadNewest()->counters.env_steps, 1u);
}

}  // namespace
}  // namespace armature

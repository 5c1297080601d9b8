#include "learner/training/run_saver.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/time/clock.h"
#include "common/files/atomic_file.h"
#include "common/files/testing/file_size_limit.h"
#include "common/files/testing/test_path.h"
#include "common/metrics/metrics.h"
#include "common/policy/policy_wire.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/replay/row_segments.h"
#include "learner/run/run_models.h"
#include "learner/run/run_videos.h"
#include "learner/run/saved_steps.h"
#include "learner/testing/experience.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Pair;

class RunSaverTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = NewTestPath();
    directory_ = RunDirectory::Open(path_).value();
    settings_.every_s = 60;
    settings_.keep = 2;
  }
  RunSaver NewSaver() { return RunSaver(settings_, directory_.get(), &metrics_); }
  static RunCheckpoint CheckpointAt(uint64_t env_steps) {
    RunCheckpoint checkpoint;
    checkpoint.env = PointSpec();
    checkpoint.counters.env_steps = env_steps;
    return checkpoint;
  }
  static v1::PolicyUpdate Policy(uint64_t version) {
    v1::PolicyUpdate policy;
    policy.set_version(version);
    EncodePolicy({{"actor.0.bias", at::full({2}, 0.5)}}, &policy);
    return policy;
  }

  // To its end.
  static void Save(RunSaver* saver, RunCheckpoint checkpoint) {
    saver->Save(std::move(checkpoint));
    EXPECT_EQ(saver->next_due(), absl::InfiniteFuture()) << "one at a time";
    saver->Wait();
  }
  static void SaveStep(RunSaver* saver, uint64_t step) {
    saver->SaveStep(step, CheckpointAt(step), v1::PolicySpec(), Policy(7));
  }
  static void Offer(RunSaver* saver, uint64_t version, double success_rate, double return_mean) {
    EvaluationOutcome outcome;
    outcome.episodes = 20;
    outcome.success_rate = success_rate;
    outcome.return_mean = return_mean;
    saver->OfferBest(outcome, PointSpec(), v1::PolicySpec(), Policy(version));
  }
  std::string BestVersion() const {
    return TensorFile::Read(ModelPath(path_, kBestModel))->metadata["policy_version"];
  }

  std::string path_;
  CheckpointSection settings_;
  std::unique_ptr<RunDirectory> directory_;
  MetricsRegistry registry_{"learner"};
  LearnerMetrics metrics_{&registry_};
};

TEST_F(RunSaverTest, WhatIsSavedIsLoaded) {
  RunSaver saver = NewSaver();
  EXPECT_TRUE(absl::IsNotFound(saver.LoadNewest().status()));
  Save(&saver, CheckpointAt(100));
  const absl::StatusOr<RunCheckpoint> back = NewSaver().LoadNewest();
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->counters.env_steps, 100u);
  EXPECT_EQ(back->run_id, directory_->run_id());
}

TEST_F(RunSaverTest, TheReplaysRowsAreWrittenBesideAndLoadedWithTheState) {
  RunSaver saver = NewSaver();
  const at::Tensor rewards = at::arange(10, at::kFloat);
  RowSegments segments({{"replay.reward", rewards}}, /*segment_bytes_max=*/16);
  RunCheckpoint checkpoint = CheckpointAt(100);
  checkpoint.state = {{"x", at::ones({2})}};
  checkpoint.rows = segments.Snapshot(10, 0);
  Save(&saver, std::move(checkpoint));
  const RunCheckpoint back = NewSaver().LoadNewest().value();
  const std::map<std::string, at::Tensor> state(back.state.begin(), back.state.end());
  EXPECT_TRUE(at::equal(state.at("replay.reward"), rewards));
  EXPECT_TRUE(at::equal(state.at("x"), at::ones({2})));
  EXPECT_EQ(TensorFile::Read(path_ + "/checkpoints/checkpoint_000001.safetensors")
                ->metadata["format_version"],
            "2")
      << "earlier versions refuse it by this";
}

TEST_F(RunSaverTest, WhereNoCheckpointCanBeReadItSaysWhatCan) {
  RunSaver saver = NewSaver();
  Save(&saver, CheckpointAt(100));
  const std::string checkpoint = path_ + "/checkpoints/checkpoint_000001.safetensors";
  std::filesystem::resize_file(checkpoint, 20);
  const auto refusal = [&] {
    const absl::Status status = NewSaver().LoadNewest().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(refusal(), AllOf(HasSubstr(checkpoint + " is damaged: cut short"),
                               HasSubstr("nor can any of its models")));
  Offer(&saver, 1, 0.5, -9);
  EXPECT_THAT(refusal(), HasSubstr("can be used: " + ModelPath(path_, kBestModel)));
  for (const uint64_t step : {100, 200}) SaveStep(&saver, step);
  std::filesystem::resize_file(StatePath(path_, 200), 20);
  EXPECT_THAT(refusal(), HasSubstr("run.load=" + path_ + " run.load_step=100"));
  std::filesystem::remove(StatePath(path_, 100));
  EXPECT_THAT(refusal(), HasSubstr("can be used: " + ModelPath(path_, "200")));
  std::filesystem::remove(checkpoint);
  EXPECT_THAT(refusal(), HasSubstr("no checkpoint in ")) << "there was one";
}

TEST_F(RunSaverTest, AStepIsDueOnceAtEachMultipleAndIsNamedByIt) {
  settings_.save_freq = 100;
  RunSaver saver = NewSaver();
  EXPECT_FALSE(saver.StepDue(99));
  EXPECT_TRUE(saver.StepDue(230));
  EXPECT_EQ(saver.StepOf(230), 200u);
  SaveStep(&saver, 200);
  EXPECT_FALSE(saver.StepDue(299));
  EXPECT_TRUE(saver.StepDue(300));
  const TensorFile model = TensorFile::Read(ModelPath(path_, "200")).value();
  EXPECT_THAT(model.metadata, Contains(Pair("policy_version", "7")));
  EXPECT_TRUE(model.tensors.front().second.equal(at::full({2}, 0.5)));
  EXPECT_EQ(RunSaver::LoadStep(path_, 200)->counters.env_steps, 200u);
  settings_.save_freq = 0;
  EXPECT_FALSE(NewSaver().StepDue(1000000));
}

TEST_F(RunSaverTest, OnlyTheNewestModelsAndStatesByStepAreKept) {
  settings_.models_keep = 2;
  RunSaver saver = NewSaver();
  for (const uint64_t step : {100, 900, 1000}) SaveStep(&saver, step);
  EXPECT_THAT(ModelSteps(path_), ElementsAre(900, 1000));
  EXPECT_THAT(StateSteps(path_), ElementsAre(900, 1000));
}

TEST_F(RunSaverTest, ARunThatGoesOnForgetsTheStepsThatItMakesAgain) {
  settings_.save_freq = 100;
  RunSaver saver = NewSaver();
  for (const uint64_t step : {100, 200}) SaveStep(&saver, step);
  RunSaver resumed = NewSaver();
  resumed.GoOnFrom(150);
  EXPECT_THAT(ModelSteps(path_), ElementsAre(100));
  EXPECT_THAT(StateSteps(path_), ElementsAre(100));
  EXPECT_FALSE(resumed.StepDue(199));
  EXPECT_TRUE(resumed.StepDue(200));
}

TEST_F(RunSaverTest, TheBestIsReplacedByABetterEvaluationOnlyAlsoAfterAResume) {
  RunSaver saver = NewSaver();
  Offer(&saver, 1, /*success_rate=*/0.5, /*return_mean=*/-9);
  EXPECT_EQ(BestVersion(), "1");
  Offer(&saver, 2, 0.4, -1);
  EXPECT_EQ(BestVersion(), "1") << "success comes first";
  Offer(&saver, 3, 0.5, -8);
  EXPECT_EQ(BestVersion(), "3") << "then the return";
  RunSaver resumed = NewSaver();
  Offer(&resumed, 4, 0.5, -8);
  EXPECT_EQ(BestVersion(), "3") << "as good is not better";
  Offer(&resumed, 5, 0.6, -9);
  EXPECT_EQ(BestVersion(), "5");
  const auto metadata = TensorFile::Read(ModelPath(path_, kBestModel))->metadata;
  EXPECT_THAT(metadata, IsSupersetOf({Pair("evaluation_return_mean", "-9"),
                                      Pair("evaluation_success_rate", "0.6"),
                                      Pair("evaluation_episodes", "20")}));
}

TEST_F(RunSaverTest, ARecordingIsKeptByItsStepUntilTheRunMakesThatStepAgain) {
  RunSaver saver = NewSaver();
  EvaluationOutcome outcome;
  for (const uint64_t env_steps : {1000, 2000}) {
    outcome.env_steps = env_steps;
    outcome.recording = "bytes";
    saver.SaveRecording(outcome);
  }
  std::ofstream(VideoPath(path_, 2000)) << "video";
  EXPECT_THAT(RecordingSteps(path_), ElementsAre(1000, 2000));
  EXPECT_EQ(ReadWholeFile(RecordingPath(path_, 2000)).value(), "bytes");
  saver.GoOnFrom(1500);
  EXPECT_THAT(RecordingSteps(path_), ElementsAre(1000));
  EXPECT_FALSE(std::filesystem::exists(VideoPath(path_, 2000)));
}

TEST_F(RunSaverTest, WhyThereIsNoRecordingIsSaidOnce) {
  RunSaver saver = NewSaver();
  EvaluationOutcome outcome;
  outcome.recording_problem = "swing has no scene";
  testing::internal::CaptureStdout();
  for (int i = 0; i < 3; ++i) saver.SaveRecording(outcome);
  spdlog::default_logger()->flush();
  const std::string said = testing::internal::GetCapturedStdout();
  EXPECT_THAT(said, HasSubstr("no video of the evaluation at 0 env steps: swing has no scene"));
  EXPECT_EQ(said.find("swing"), said.rfind("swing"));
  EXPECT_THAT(RecordingSteps(path_), ElementsAre());
}

TEST_F(RunSaverTest, TheReturnAloneDecidesWhereItIsAskedToAndOffKeepsNone) {
  settings_.keep_best = "off";
  RunSaver off = NewSaver();
  Offer(&off, 1, 1, 1);
  EXPECT_FALSE(std::filesystem::exists(ModelPath(path_, kBestModel)));
  settings_.keep_best = "return";
  RunSaver saver = NewSaver();
  Offer(&saver, 2, 0.5, -9);
  Offer(&saver, 3, 0.1, -8);
  EXPECT_EQ(BestVersion(), "3");
}

TEST_F(RunSaverTest, TheNextIsDueAnIntervalAfterTheLast) {
  RunSaver saver = NewSaver();
  EXPECT_EQ(saver.next_due(), absl::InfiniteFuture()) << "there is nothing to save yet";
  const absl::Time before = absl::Now();
  saver.Begin(before);
  const absl::Time first = saver.next_due();
  EXPECT_EQ(first, before + absl::Seconds(60));
  Save(&saver, CheckpointAt(1));
  EXPECT_GT(saver.next_due(), first);
  settings_.every_s = 0;
  RunSaver only_at_the_end = NewSaver();
  only_at_the_end.Begin(before);
  EXPECT_EQ(only_at_the_end.next_due(), absl::InfiniteFuture());
}

TEST_F(RunSaverTest, WhoWaitsForACheckpointIsToldHowFarItIs) {
  RunSaver saver = NewSaver();
  std::vector<std::string> sentences;
  saver.set_on_progress([&](const std::string& sentence) { sentences.push_back(sentence); });
  RunCheckpoint checkpoint = CheckpointAt(1);
  checkpoint.state = {{"x", at::zeros({100'000'000}, at::kByte)}};
  saver.Save(std::move(checkpoint));
  saver.Wait();
  EXPECT_THAT(sentences, Contains("writes a checkpoint: 100.0 of 100.0 MB"));
  EXPECT_GT(metrics_.checkpoint_bytes.value(), 100e6);
}

TEST_F(RunSaverTest, ItsEndWaitsForWhatIsBeingWritten) {
  RunCheckpoint checkpoint = CheckpointAt(7);
  checkpoint.state = {{"x", at::zeros({10'000'000}, at::kByte)}};
  NewSaver().Save(std::move(checkpoint));
  EXPECT_EQ(NewSaver().LoadNewest()->counters.env_steps, 7u);
}

TEST_F(RunSaverTest, HowAWritingWentIsNotedOnce) {
  RunSaver saver = NewSaver();
  saver.NoteIfWritten();
  saver.Save(CheckpointAt(1));
  saver.Save(CheckpointAt(2));  // Waits for the first.
  saver.Wait();
  saver.NoteIfWritten();
  EXPECT_EQ(SavedEnvSteps(path_).value(), 2u);
  EXPECT_THAT(registry_.Text(),
              HasSubstr("armature_learner_checkpoint_duration_seconds_count 2\n"));
}

TEST_F(RunSaverTest, HowFarTheNewestCheckpointGoesIsReadWithoutItsTensors) {
  EXPECT_EQ(SavedEnvSteps(path_).status().code(), absl::StatusCode::kNotFound);
  RunSaver saver = NewSaver();
  Save(&saver, CheckpointAt(1000));
  Save(&saver, CheckpointAt(2000));
  EXPECT_EQ(SavedEnvSteps(path_).value(), 2000u);
  {
    const FileSizeLimit limit(100);
    Save(&saver, CheckpointAt(3000));
  }
  EXPECT_EQ(SavedEnvSteps(path_).value(), 2000u);
}

TEST_F(RunSaverTest, AFullDiskCostsTheNewCheckpointOnly) {
  RunSaver saver = NewSaver();
  Save(&saver, CheckpointAt(1));
  {
    const FileSizeLimit limit(100);
    Save(&saver, CheckpointAt(2));
    SaveStep(&saver, 2);
    Offer(&saver, 1, 1, 1);
  }
  EXPECT_THAT(ModelSteps(path_), ElementsAre());
  EXPECT_EQ(metrics_.checkpoint_failures.value(), 1);
  EXPECT_EQ(saver.LoadNewest()->counters.env_steps, 1u);
}

}  // namespace
}  // namespace armature

// What a run keeps, and what another process goes on with.
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/files/atomic_file.h"
#include "common/files/testing/file_size_limit.h"
#include "common/files/testing/test_path.h"
#include "common/metrics/metrics.h"
#include "common/policy/policy_wire.h"
#include "common/run_config/run_config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/learner.h"
#include "learner/run/run_directory.h"
#include "learner/testing/experience.h"
#include "learner/testing/fake_actor.h"
#include "learner/testing/running_learner.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using testing::HasSubstr;
using Kind = v1::LearnerEvent;

TEST(LearnerResume, PublishesAtOnceWhenAFormerProcessHadPublishedAfterItsLastCheckpoint) {
  const std::string path = NewTestPath();
  {
    RunningLearner learner(PointSacConfig(), path);
    const auto actor = learner.NewActor("actor-0", 7);
    actor->Open();
    actor->SendAndWait(MakeTransitions(1, 8));  // Half of the random steps; then it stops.
  }
  ASSERT_TRUE(RunDirectory::Open(path).value()->ReservePolicyVersion(1).ok());
  RunningLearner learner(PointSacConfig(), path, RunningLearner::Begin::kResume);
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Subscribe(false);
  EXPECT_GT(actor->NextEvent(Kind::kPolicy).policy().version(), 1u);
  actor->Open();
  EXPECT_EQ(actor->SendAndWait(MakeTransitions(2, 8, /*policy_version=*/1)).refused(), 0u);
}

TEST(LearnerResume, AfterAStopThePoliciesAreNumberedOn) {
  const std::string path = NewTestPath();
  double last = 0;
  {
    RunningLearner learner(PointSacConfig(), path);
    const auto actor = learner.NewActor("actor-0", 7);
    actor->Open();
    for (uint64_t i = 1; i <= 3; ++i) actor->SendAndWait(MakeTransitions(i, 8));
    ASSERT_TRUE(learner.StopAndJoin().ok());
    last = learner.metrics().policy_version.value();
    ASSERT_GT(last, 0);
  }
  RunningLearner learner(PointSacConfig(), path, RunningLearner::Begin::kResume);
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Subscribe(false);
  const v1::PolicyUpdate policy = actor->NextEvent(Kind::kPolicy).policy();
  EXPECT_GT(policy.version(), last);
  // It may have learned on before the actor came: a policy a step, and no number left out.
  EXPECT_LE(policy.version(), last + 1 + policy.learner_steps());
}

TEST(LearnerResume, AResumedRunGoesOnWithCountersWeightsAndVersions) {
  const std::string path = NewTestPath();
  const RunConfig config = PointSacConfig();
  uint64_t version_before = 0;
  std::string run_id;
  {
    RunningLearner learner(config, path);
    const auto actor = learner.NewActor("actor-0", 7);
    actor->Open();
    for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
      actor->SendAndWait(MakeTransitions(sequence, 8));
    }
    run_id = actor->Status().run_id();
    ASSERT_FALSE(learner.StopAndJoin().value());
    version_before = static_cast<uint64_t>(learner.metrics().policy_version.value());
  }
  const TensorFile checkpoint =
      TensorFile::Read(path + "/checkpoints/checkpoint_000001.safetensors").value();
  const auto counters = nlohmann::json::parse(checkpoint.metadata.at("counters"));
  EXPECT_EQ(counters["env_steps"], 160);

  RunningLearner learner(config, path, RunningLearner::Begin::kResumeHeld);
  const auto actor = learner.NewActor("actor-0", 8);
  const v1::StatusResponse status = actor->Status();
  EXPECT_EQ(status.run_id(), run_id);
  EXPECT_EQ(status.env_steps(), 160u);
  EXPECT_EQ(status.learner_steps(), counters["learner_steps"]);
  // Of 1000 rows; no step continues the one before, so that each takes two.
  EXPECT_DOUBLE_EQ(status.replay_fill_ratio(), 0.32);
  actor->Subscribe(false);
  const v1::PolicyUpdate update = actor->NextEvent(Kind::kPolicy).policy();
  EXPECT_GT(update.version(), version_before);
  EXPECT_EQ(update.learner_steps(), counters["learner_steps"]);
  const std::map<std::string, at::Tensor> stored(checkpoint.tensors.begin(),
                                                 checkpoint.tensors.end());
  const absl::StatusOr<NamedTensors> weights = DecodePolicy(update);
  ASSERT_TRUE(weights.ok());
  for (const auto& [name, tensor] : *weights) {
    ASSERT_EQ(stored.count(name), 1u) << name;
    EXPECT_TRUE(at::equal(stored.at(name), tensor)) << name;
  }
  learner.Start();
  actor->Open();
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    EXPECT_EQ(actor->SendAndWait(MakeTransitions(sequence, 8)).sequence(), sequence);
  }
  EXPECT_GT(actor->NextEvent(Kind::kPolicy).policy().version(), update.version());
  ASSERT_TRUE(learner.StopAndJoin().ok());
  EXPECT_EQ(learner.metrics().env_steps.value(), 200);
}

TEST(LearnerResume, ACheckpointHoldsAllThatTheRunIsMadeOf) {
  const std::string path = NewTestPath();
  RunConfig config = PointSacConfig();
  config.algorithm.network.normalize_observation = true;
  TrainAndStop(config, path, 20);
  const TensorFile file =
      TensorFile::Read(path + "/checkpoints/checkpoint_000001.safetensors").value();
  const auto count = [&file](const std::string& prefix) {
    return std::count_if(file.tensors.begin(), file.tensors.end(),
                         [&](const auto& tensor) { return tensor.first.rfind(prefix, 0) == 0; });
  };
  for (const char* part :
       {"actor.", "critics", "target_critics", "log_alpha", "policy_adam.", "critic_adam.",
        "log_alpha_adam.", "observation_normalizer", "generator", "replay.generator", "replay.",
        "limiter.inserted", "limiter.sampled", "learner_steps"}) {
    EXPECT_GT(count(part), 0) << part;
  }
  const auto counters = nlohmann::json::parse(file.metadata.at("counters"));
  EXPECT_EQ(counters["env_steps"], 160);
  EXPECT_EQ(counters["episodes"], 20);
  EXPECT_EQ(file.metadata.at("acknowledged"), R"([["actor-0",7,20]])");
}

TEST(LearnerResume, Float16ObservationsArePartOfTheCheckpoint) {
  const std::string path = NewTestPath();
  RunConfig config = PointSacConfig();
  config.replay.observation_type = "float16";
  {
    RunningLearner learner(config, path);
    const auto actor = learner.NewActor("actor-0", 7);
    actor->Open();
    for (uint64_t sequence = 1; sequence <= 4; ++sequence) {
      actor->SendAndWait(MakeTransitions(sequence, 8));
    }
    ASSERT_TRUE(learner.StopAndJoin().ok());
    EXPECT_EQ(learner.metrics().checkpoint_failures.value(), 0);
  }
  RunningLearner learner(config, path, RunningLearner::Begin::kResume);
  const auto actor = learner.NewActor("actor-0", 7);
  EXPECT_EQ(actor->Status().env_steps(), 32u);
  EXPECT_DOUBLE_EQ(actor->Status().replay_fill_ratio(), 0.064);
}

TEST(LearnerResume, ARunWhoseCheckpointsAreDamagedIsRefusedAndLosesNothing) {
  const std::string path = NewTestPath();
  const RunConfig config = PointSacConfig();
  TrainAndStop(config, path, 4);
  const std::string rows = ReadWholeFile(path + "/progress.csv").value();
  const std::string checkpoint = path + "/checkpoints/checkpoint_000001.safetensors";
  std::filesystem::resize_file(checkpoint, 100);
  const auto restore = [&] {
    const auto directory = RunDirectory::Open(path).value();
    MetricsRegistry registry("learner");
    LearnerMetrics metrics(&registry);
    Learner learner(config, ReplicaRole(), TransportOptions(), directory.get(), &metrics,
                    c10::kCPU);
    return learner.trainer().Restore();
  };
  const absl::Status status = restore();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr(checkpoint));
  EXPECT_THAT(status.message(), HasSubstr("run.load=" + path + " run.load_step=32"));
  EXPECT_EQ(ReadWholeFile(path + "/progress.csv").value(), rows);

  // Killed before its first checkpoint, it would have begun anew, and its rows be kept.
  std::filesystem::remove(checkpoint);
  nlohmann::json run = nlohmann::json::parse(ReadWholeFile(path + "/run.json").value());
  run["has_checkpointed"] = false;
  ASSERT_TRUE(WriteDurably(path + "/run.json", run.dump()).ok());
  EXPECT_EQ(restore().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadWholeFile(path + "/earlier_1/progress.csv").value(), rows);
}

TEST(LearnerResume, OnAFullDiskTrainingGoesOnWithoutCheckpoints) {
  const std::string path = NewTestPath();
  RunConfig config = PointSacConfig();
  config.checkpoint.every_s = 1;
  RunningLearner learner(config, path);
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Open();
  uint64_t sequence = 0;
  {
    const FileSizeLimit limit(1000);
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (learner.metrics().checkpoint_failures.value() == 0 && absl::Now() < deadline) {
      ++sequence;
      ASSERT_EQ(actor->SendAndWait(MakeTransitions(sequence, 8)).sequence(), sequence);
    }
    EXPECT_GT(learner.metrics().checkpoint_failures.value(), 0);
    ++sequence;
    EXPECT_EQ(actor->SendAndWait(MakeTransitions(sequence, 8)).sequence(), sequence);
  }
  ASSERT_TRUE(learner.StopAndJoin().ok());  // There is room again.
  EXPECT_TRUE(std::filesystem::exists(path + "/checkpoints/checkpoint_000001.safetensors"));
}

TEST(LearnerResume, ANewRunBeginsWithWhatAnotherHadLearned) {
  const std::string other = NewTestPath("_other");
  TrainAndStop(PointSacConfig(), other, 20);
  const TensorFile learned = TensorFile::Read(other + "/models/model_160.safetensors").value();
  RunConfig config = PointSacConfig();
  config.run.load = other;
  config.run.load_step = 160;
  RunningLearner learner(config, NewTestPath());
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Subscribe(false);
  actor->Open();
  actor->SendAndWait(MakeTransitions(1, 8));
  actor->SendAndWait(MakeTransitions(2, 8));
  const v1::PolicyUpdate first = actor->NextEvent(Kind::kPolicy).policy();
  EXPECT_GE(first.learner_steps(), std::stoull(learned.metadata.at("learner_steps")));
  EXPECT_LT(first.env_steps(), 100u) << "it counts its own env steps";
}

TEST(LearnerResume, SeedsThatBeginWithOneRunDrawApart) {
  const std::string other = NewTestPath("_other");
  TrainAndStop(PointSacConfig(), other, 4);
  const auto generator_of_seed = [&other](int64_t seed) {
    const std::string path = NewTestPath(absl::StrCat("_", seed));
    RunConfig config = PointSacConfig();
    config.run.seed = seed;
    config.run.load = other;
    RunningLearner learner(config, path);
    const auto actor = learner.NewActor("actor-0", 7);
    actor->Open();
    actor->SendAndWait(MakeTransitions(1, 8));  // Too few to learn from, and so to draw.
    EXPECT_TRUE(learner.StopAndJoin().ok());
    const TensorFile file =
        TensorFile::Read(path + "/checkpoints/checkpoint_000001.safetensors").value();
    return std::map<std::string, at::Tensor>(file.tensors.begin(), file.tensors.end())
        .at("generator");
  };
  EXPECT_FALSE(at::equal(generator_of_seed(2), generator_of_seed(3)));
}

}  // namespace
}  // namespace armature

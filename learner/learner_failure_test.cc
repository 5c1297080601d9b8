// How a run ends that cannot go on, and what is kept of it.
#include <filesystem>
#include <map>
#include <string>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/files/testing/test_path.h"
#include "common/run_config/run_config.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/testing/experience.h"
#include "learner/testing/fake_actor.h"
#include "learner/testing/running_learner.h"

namespace armature {
namespace {

using testing::HasSubstr;

// The tensors of a run's file by name; none where there is no such file.
std::map<std::string, at::Tensor> TensorsOf(const std::string& path) {
  const absl::StatusOr<TensorFile> file = TensorFile::Read(path);
  if (!file.ok()) return {};
  return {file->tensors.begin(), file->tensors.end()};
}

// How a run of `config` ends by itself that is sent so many batches.
absl::Status EndOf(const RunConfig& config, const std::string& path, int batches,
                   v1::ExperienceBatch (*make)(uint64_t sequence)) {
  RunningLearner learner(config, path);
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Open();
  for (int sequence = 1; sequence <= batches; ++sequence) actor->Send(make(sequence));
  return learner.Join().status();
}

v1::ExperienceBatch Usual(uint64_t sequence) { return MakeTransitions(sequence, 8); }

v1::ExperienceBatch AllVoid(uint64_t sequence) {
  v1::ExperienceBatch batch;
  batch.set_sequence(sequence);
  batch.set_restarted_slots(40);
  batch.set_fault("env point slot 2 step 7: reward is None");
  return batch;
}

v1::ExperienceBatch TooLargeForFloat16(uint64_t sequence) {
  v1::ExperienceBatch batch = MakeTransitions(sequence, 8);
  ResizeTensor<float>({8, 3}, batch.mutable_transitions()->mutable_observation())[4] = 1e5f;
  return batch;
}

// The newest checkpoint, the newest model and the batch of a run that diverged.
void ExpectAllFiniteButTheBatch(const std::string& path, bool has_checkpoint) {
  EXPECT_FALSE(std::filesystem::exists(path + "/checkpoints/checkpoint_000002.safetensors"));
  EXPECT_EQ(std::filesystem::exists(path + "/checkpoints/checkpoint_000001.safetensors"),
            has_checkpoint);
  int files = 0;
  for (const char* folder : {"/checkpoints", "/models"}) {
    for (const auto& entry : std::filesystem::directory_iterator(path + folder)) {
      ++files;
      for (const auto& [name, tensor] : TensorsOf(entry.path().string())) {
        if (!tensor.is_floating_point()) continue;
        EXPECT_TRUE(at::isfinite(tensor).all().item<bool>()) << entry.path() << " " << name;
      }
    }
  }
  EXPECT_GE(files, has_checkpoint ? 2 : 1) << "there is a model at least";
  EXPECT_GT(TensorsOf(path + "/diverged_batch.safetensors").count("reward"), 0u);
}

TEST(LearnerFailure, ALossThatIsNotFiniteEndsTheRunAndKeepsWhatWas) {
  for (const char* name : {"sac", "tqc", "td3", "ddpg"}) {
    for (const bool prioritized : {false, true}) {
      RunConfig config = PointSacConfig();
      config.algorithm.name = name;
      const auto set = [](auto* algorithm) {
        algorithm->batch_size = 8;
        algorithm->random_env_steps = 16;
        algorithm->learning_rate = 1e30;
      };
      set(&config.algorithm.sac);
      set(&config.algorithm.tqc);
      set(&config.algorithm.td3);
      set(&config.algorithm.ddpg);
      config.replay.prioritized.enabled = prioritized;
      const std::string path = NewTestPath(absl::StrCat("_", name, prioritized));
      const absl::Status status = EndOf(config, path, 8, Usual);
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      EXPECT_THAT(status.message(),
                  AllOf(HasSubstr(absl::StrCat("algorithm.", name, ".learning_rate=1e+30; lower")),
                        HasSubstr("begin anew with bazel run //deploy:train -- --resume")));
      ExpectAllFiniteButTheBatch(path, /*has_checkpoint=*/false);
    }
  }
}

TEST(LearnerFailure, ARunThatDivergesAfterItsCheckpointCanGoOnFromIt) {
  const std::string path = NewTestPath();
  RunConfig config = PointSacConfig();
  TrainAndStop(config, path, 4);
  config.algorithm.sac.learning_rate = 1e30;
  {
    RunningLearner learner(config, path, RunningLearner::Begin::kResume);
    const auto actor = learner.NewActor("actor-0", 8);
    actor->Open();
    for (uint64_t sequence = 1; sequence <= 8; ++sequence) {
      actor->Send(MakeTransitions(sequence, 8));
    }
    EXPECT_TRUE(absl::IsDataLoss(learner.Join().status()));
  }
  ExpectAllFiniteButTheBatch(path, /*has_checkpoint=*/true);
  config.algorithm.sac.learning_rate = 1e-3;
  RunningLearner learner(config, path, RunningLearner::Begin::kResume);
  const auto actor = learner.NewActor("actor-0", 9);
  actor->Open();
  EXPECT_EQ(actor->SendAndWait(MakeTransitions(1, 8)).sequence(), 1u);
  EXPECT_TRUE(learner.StopAndJoin().ok());
  EXPECT_FALSE(std::filesystem::exists(path + "/diverged_batch.safetensors"))
      << "the run has got over it";
}

TEST(LearnerFailure, OnPolicyALossThatIsNotFiniteEndsTheRunToo) {
  const std::string path = NewTestPath();
  RunConfig config = PointPpoConfig();
  config.algorithm.ppo.learning_rate = 1e30;
  RunningLearner learner(config, path);
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Open();
  for (uint64_t group = 0; group < 2; ++group) actor->Collect(group, 8);
  for (uint64_t sequence = 1; sequence <= 2; ++sequence) {
    actor->Send(MakeTrajectory(sequence, 2, actor->NextGrant().grant_id(), 1));
  }
  const absl::Status status = learner.Join().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("algorithm.ppo.learning_rate=1e+30; lower it"));
  ExpectAllFiniteButTheBatch(path, /*has_checkpoint=*/false);
}

TEST(LearnerFailure, ARunWhoseEveryStepIsVoidEndsWithTheCause) {
  RunConfig config = PointSacConfig();
  config.learner.unusable_experience_timeout_s = 1e-9;
  const absl::Status status = EndOf(config, NewTestPath(), 4, AllVoid);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("were void, for their simulators failed"));
  EXPECT_THAT(status.message(), HasSubstr("env point slot 2 step 7: reward is None"));
}

// Of a trajectory void steps are part, and so of the budget.
TEST(LearnerFailure, ARunThatHasSpentItsBudgetOnVoidStepsHasFailed) {
  const std::string path = NewTestPath();
  RunConfig config = PointPpoConfig();
  config.run.total_env_steps = 16;
  RunningLearner learner(config, path);
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Open();
  for (uint64_t group = 0; group < 2; ++group) actor->Collect(group, 8);
  for (uint64_t sequence = 1; sequence <= 2; ++sequence) {
    v1::ExperienceBatch batch = MakeTrajectory(sequence, 2, actor->NextGrant().grant_id(), 1);
    ResizeTensor<uint8_t>({4, 2}, batch.mutable_trajectory()->mutable_valid());
    batch.set_restarted_slots(8);
    batch.set_fault("env point slot 1 step 2: reward is None");
    actor->Send(batch);
  }
  const absl::Status status = learner.Join().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("reward is None"));
  EXPECT_FALSE(std::filesystem::exists(path + "/result.json"));
}

TEST(LearnerFailure, ARunWhoseEveryBatchIsRefusedEndsWithTheCause) {
  RunConfig config = PointSacConfig();
  config.replay.observation_type = "float16";
  config.learner.unusable_experience_timeout_s = 1e-9;
  const absl::Status status = EndOf(config, NewTestPath(), 20, TooLargeForFloat16);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("set replay.observation_type=float32"));
}

}  // namespace
}  // namespace armature

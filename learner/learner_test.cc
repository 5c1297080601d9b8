// The learner as actors and its operator see it: gRPC on loopback, a run directory, tiny networks.

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/files/atomic_file.h"
#include "common/files/testing/file_size_limit.h"
#include "common/policy/policy_wire.h"
#include "common/run_config/run_config.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/run/run_directory.h"
#include "learner/run/run_end.h"
#include "learner/testing/experience.h"
#include "learner/testing/fake_actor.h"
#include "learner/testing/fake_reward_server.h"
#include "learner/testing/running_learner.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using testing::HasSubstr;
using Kind = v1::LearnerEvent;

// Answers grants for `groups` groups of 2 slots until the learner publishes
// `version`.
void CollectUntil(FakeActor* actor, uint64_t version, uint64_t* sequence) {
  for (uint64_t group = 0; group < 2; ++group) actor->Collect(group, 8);
  for (uint64_t newest = actor->NextEvent(Kind::kPolicy).policy().version(); newest < version;) {
    for (int unroll = 0; unroll < 2; ++unroll) {
      const v1::CollectGrant grant = actor->NextGrant();
      actor->Send(MakeTrajectory(++*sequence, 2, grant.grant_id(), grant.policy_version_min()));
      actor->Collect(grant.group(), 8);
    }
    newest = actor->NextEvent(Kind::kPolicy).policy().version();
  }
}

TEST(Learner, OffPolicyStoresLearnsAndPublishes) {
  RunningLearner learner(PointSacConfig(), NewRunPath());
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Subscribe(false);
  actor->Open();
  for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
    EXPECT_EQ(actor->SendAndWait(MakeTransitions(sequence, 8)).sequence(), sequence);
  }
  const v1::LearnerEvent event = actor->NextEvent(Kind::kPolicy);
  EXPECT_TRUE(DecodePolicy(event.policy()).ok());
  ASSERT_TRUE(learner.StopAndJoin().ok());
  EXPECT_EQ(learner.metrics().env_steps.value(), 160);
  EXPECT_EQ(learner.metrics().episodes.value(), 20);
  // One sample per insert: (160 - 16) inserts in batches of 8, less the band.
  EXPECT_GT(learner.metrics().learner_steps.value(), 100);
  EXPECT_LE(learner.metrics().learner_steps.value(), 160);
}

TEST(Learner, PublishesAtOnceWhenAFormerProcessHadPublishedAfterItsLastCheckpoint) {
  const std::string path = NewRunPath();
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

TEST(Learner, AfterAStopThePoliciesAreNumberedOn) {
  const std::string path = NewRunPath();
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
  EXPECT_EQ(actor->NextEvent(Kind::kPolicy).policy().version(), last + 1);
}

TEST(Learner, NoPolicyIsPublishedBeforeTheRandomStepsAreOver) {
  RunningLearner learner(PointSacConfig(), NewRunPath());
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Open();
  actor->SendAndWait(MakeTransitions(1, 8));
  EXPECT_EQ(learner.metrics().policy_version.value(), 0);
  actor->Subscribe(false);
  actor->SendAndWait(MakeTransitions(2, 8));  // 16 steps now.
  const v1::PolicyUpdate policy = actor->NextEvent(Kind::kPolicy).policy();
  EXPECT_GE(policy.version(), 1u);
  EXPECT_GE(policy.env_steps(), 16u);
}

TEST(Learner, AResentBatchIsStoredOnceWhateverBreaks) {
  const std::string path = NewRunPath();
  const RunConfig config = PointSacConfig();
  {
    RunningLearner learner(config, path);
    auto actor = learner.NewActor("actor-0", 7);
    actor->Open();
    actor->SendAndWait(MakeTransitions(1, 8));
    actor->SendAndWait(MakeTransitions(2, 8));
    actor->Break();
    actor->Open();  // E.g. the acknowledgement of 2 was lost.
    EXPECT_EQ(actor->SendAndWait(MakeTransitions(2, 8)).sequence(), 2u);
    EXPECT_EQ(actor->SendAndWait(MakeTransitions(3, 8)).sequence(), 3u);
    ASSERT_TRUE(learner.StopAndJoin().ok());
    EXPECT_EQ(learner.metrics().env_steps.value(), 24);
    EXPECT_EQ(learner.metrics().batches_duplicate.value(), 1);
  }
  RunningLearner learner(config, path, RunningLearner::Begin::kResume);
  auto actor = learner.NewActor("actor-0", 7);
  const absl::StatusOr<v1::JoinResponse> joined = actor->Join(PointSpec());
  EXPECT_EQ(joined->acknowledged_sequence(), 3u);
  actor->Open();
  EXPECT_EQ(actor->SendAndWait(MakeTransitions(3, 8)).sequence(), 3u);
  EXPECT_EQ(actor->SendAndWait(MakeTransitions(4, 8)).sequence(), 4u);
  ASSERT_TRUE(learner.StopAndJoin().ok());
  EXPECT_EQ(learner.metrics().env_steps.value(), 32);
}

// PointSpec with its three values as observation and goals of size one.
EnvSpec GoalPointSpec() {
  EnvSpec spec = PointSpec();
  spec.observation = {{"observation", v1::DTYPE_FLOAT32, {1}, {}, {}},
                      {"achieved_goal", v1::DTYPE_FLOAT32, {1}, {}, {}},
                      {"desired_goal", v1::DTYPE_FLOAT32, {1}, {}, {}}};
  spec.goal = GoalSpec{"achieved_goal", "desired_goal"};
  return spec;
}

TEST(Learner, HindsightLearnsWithTheEnvServersRewardsAndAnotherServersWhenOneDies) {
  RunConfig config = PointSacConfig();
  config.replay.hindsight.enabled = true;
  config.replay.hindsight.batches_ahead = 1;
  auto first = std::make_unique<FakeRewardServer>();
  FakeRewardServer second;
  RunningLearner learner(config, NewRunPath());
  FakeActor actor(learner.NewChannel(), "actor-0", 1);
  ASSERT_TRUE(actor.Join(GoalPointSpec(), {first->address(), second.address()}).ok());
  actor.Open();
  actor.Subscribe(false);
  uint64_t sequence = 0;
  actor.SendAndWait(MakeTransitions(++sequence, 8));
  const auto learn_until = [&](uint64_t learner_steps) {
    uint64_t now = 0;
    while (now < learner_steps) {
      actor.SendAndWait(MakeTransitions(++sequence, 8));
      now = actor.NextEvent(Kind::kPolicy).policy().learner_steps();
    }
    return now;
  };
  const uint64_t before = learn_until(16);
  EXPECT_GE(first->calls(), 16);
  EXPECT_EQ(second.calls(), 0);
  first.reset();
  learn_until(before + 32);
  EXPECT_GE(second.calls(), 16);
}

TEST(Learner, AnEnvironmentThatHasNoRewardsOfOtherGoalsEndsARunWithHindsight) {
  RunConfig config = PointSacConfig();
  config.replay.hindsight.enabled = true;
  FakeRewardServer server([](const auto&, auto*) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "a step's was -1, theirs is -0.5");
  });
  RunningLearner learner(config, NewRunPath());
  FakeActor actor(learner.NewChannel(), "actor-0", 1);
  ASSERT_TRUE(actor.Join(GoalPointSpec(), {server.address()}).ok());
  actor.Open();
  for (uint64_t sequence = 1; sequence <= 8; ++sequence) actor.Send(MakeTransitions(sequence, 8));
  const absl::Status status = learner.Join().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("replay.hindsight.enabled=true, but rewards of other "
                                          "goals cannot be had: "));
  EXPECT_THAT(status.message(), HasSubstr("a step's was -1, theirs is -0.5"));
}

TEST(Learner, AnEnvironmentWithoutGoalsEndsARunWithHindsight) {
  RunConfig config = PointSacConfig();
  config.replay.hindsight.enabled = true;
  RunningLearner learner(config, NewRunPath());
  const auto actor = learner.NewActor("actor-0", 1);
  const absl::Status status = learner.Join().status();
  EXPECT_EQ(status.message(),
            "replay.hindsight.enabled=true: environment \"point\" has no goals: hindsight needs "
            "them");
}

TEST(Learner, AResumedRunGoesOnWithCountersWeightsAndVersions) {
  const std::string path = NewRunPath();
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
  // Of 1000 rows. No step continues the one before, so each takes two.
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

TEST(Learner, OnPolicyASetFillsThoughAnActorDiesWithItsGrants) {
  RunningLearner learner(PointPpoConfig(), NewRunPath());
  auto doomed = learner.NewActor("actor-0", 7);
  doomed->Open();
  for (uint64_t group = 0; group < 2; ++group) doomed->Collect(group, 8);
  EXPECT_EQ(doomed->NextGrant().policy_version_min(), 1u);
  doomed->NextGrant();  // All 16 steps of the set are granted to it.

  const auto actor = learner.NewActor("actor-1", 8);
  actor->Subscribe(false);
  actor->Open();
  doomed->Break();
  uint64_t sequence = 0;
  CollectUntil(actor.get(), /*version=*/4, &sequence);
  EXPECT_EQ(sequence, 6u);  // Three sets of two unrolls; not a step too many.
  ASSERT_TRUE(learner.StopAndJoin().ok());
  EXPECT_EQ(learner.metrics().env_steps.value(), 48);
  EXPECT_EQ(learner.metrics().learner_steps.value(), 3 * 2 * 2);  // Sets, epochs, minibatches.
}

TEST(Learner, OnPolicyATrajectoryThatIsTooOldIsRefusedAndCollectedAnew) {
  RunningLearner learner(PointPpoConfig(), NewRunPath());
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Subscribe(false);
  actor->Open();
  uint64_t sequence = 0;
  CollectUntil(actor.get(), /*version=*/2, &sequence);
  const v1::CollectGrant grant = actor->NextGrant();
  v1::ExperienceAck ack =
      actor->SendAndWait(MakeTrajectory(++sequence, 2, grant.grant_id(), /*policy_version=*/1));
  EXPECT_EQ(ack.sequence(), sequence);
  EXPECT_THAT(ack.refusal(), HasSubstr("too old"));
  actor->Collect(grant.group(), 8);
  EXPECT_EQ(actor->NextGrant().policy_version_min(), 2u);
}

TEST(Learner, AnEvaluationThatReachesTheTargetEndsTheRun) {
  const std::string path = NewRunPath();
  RunConfig config = PointSacConfig();
  config.evaluation.every_env_steps = 24;
  config.evaluation.stop_at_success_rate = 0.9;
  RunningLearner learner(config, path);
  const auto actor = learner.NewActor("actor-0", 7);
  const auto flaky = learner.NewActor("actor-1", 8);
  flaky->Subscribe(/*can_evaluate=*/true);
  actor->Open();
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    actor->SendAndWait(MakeTransitions(sequence, 8));
  }
  const v1::EvaluationRequest lost = flaky->NextEvent(Kind::kEvaluation).evaluation();
  actor->Subscribe(/*can_evaluate=*/true);
  flaky->Unsubscribe();  // The evaluation dies with it; another actor is asked.
  v1::EvaluationRequest request = actor->NextEvent(Kind::kEvaluation).evaluation();
  EXPECT_NE(request.evaluation_id(), lost.evaluation_id());
  EXPECT_EQ(request.episodes(), 2u);
  EXPECT_TRUE(actor->Report(request.evaluation_id(), request.policy_version_min(), 1, 2).ok());

  // Success rate 0.5 is not enough; the next is 1.
  for (uint64_t sequence = 4; sequence <= 6; ++sequence) {
    actor->SendAndWait(MakeTransitions(sequence, 8));
  }
  request = actor->NextEvent(Kind::kEvaluation).evaluation();
  EXPECT_TRUE(actor->Report(request.evaluation_id(), request.policy_version_min(), 2, 2).ok());
  EXPECT_THAT(actor->NextEvent(Kind::kRunOver).run_over().reason(), HasSubstr("solved"));
  EXPECT_TRUE(actor->Leave().ok());
  EXPECT_TRUE(learner.Join().value());

  const auto result = nlohmann::json::parse(ReadWholeFile(path + "/result.json").value());
  EXPECT_EQ(result["target_reached"], true);
  EXPECT_EQ(result["success_rate"], 1.0);
  EXPECT_EQ(result["policy_version"], request.policy_version_min());
  const TensorFile policy = TensorFile::Read(path + "/models/model_final.safetensors").value();
  EXPECT_EQ(policy.metadata.at("policy_version"), absl::StrCat(request.policy_version_min()));
  EXPECT_THAT(policy.metadata.at("policy"), HasSubstr("HEAD_SQUASHED_GAUSSIAN"));
  for (const char* file : {"/progress.csv", "/evaluations.csv"}) {
    EXPECT_TRUE(std::filesystem::exists(path + file)) << file;
  }
}

TEST(Learner, TheBestModelIsThePolicyEvaluatedNotALaterOne) {
  const std::string path = NewRunPath();
  RunConfig config = PointSacConfig();
  config.evaluation.every_env_steps = 24;
  RunningLearner learner(config, path);
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Subscribe(/*can_evaluate=*/true);
  actor->Open();
  uint64_t sequence = 0;
  const auto send = [&](int batches) {
    for (int i = 0; i < batches; ++i) actor->SendAndWait(MakeTransitions(++sequence, 8));
  };
  send(3);
  v1::EvaluationRequest request = actor->NextEvent(Kind::kEvaluation).evaluation();
  const uint64_t evaluated = request.policy_version_min();
  do {
    send(1);
  } while (actor->NextEvent(Kind::kPolicy).policy().version() <= evaluated);
  EXPECT_TRUE(actor->Report(request.evaluation_id(), evaluated, 2, 2).ok());
  send(6);
  request = actor->NextEvent(Kind::kEvaluation).evaluation();  // So the first was judged.
  EXPECT_TRUE(actor->Report(request.evaluation_id(), request.policy_version_min(), 1, 2).ok());
  ASSERT_TRUE(learner.StopAndJoin().ok());
  const TensorFile best = TensorFile::Read(path + "/models/model_best.safetensors").value();
  EXPECT_EQ(best.metadata.at("policy_version"), absl::StrCat(evaluated));
  EXPECT_EQ(best.metadata.at("evaluation_success_rate"), "1");
}

TEST(Learner, ACheckpointHoldsAllThatTheRunIsMadeOf) {
  const std::string path = NewRunPath();
  RunConfig config = PointSacConfig();
  config.algorithm.network.normalize_observation = true;
  {
    RunningLearner learner(config, path);
    const auto actor = learner.NewActor("actor-0", 7);
    actor->Open();
    for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
      actor->SendAndWait(MakeTransitions(sequence, 8));
    }
    ASSERT_TRUE(learner.StopAndJoin().ok());
  }
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

TEST(Learner, ANewRunBeginsWithWhatAnotherHadLearned) {
  const std::string other = NewRunPath() + "_other";
  std::filesystem::remove_all(other);
  {
    RunningLearner learner(PointSacConfig(), other);
    const auto actor = learner.NewActor("actor-0", 7);
    actor->Open();
    for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
      actor->SendAndWait(MakeTransitions(sequence, 8));
    }
    ASSERT_TRUE(learner.StopAndJoin().ok());
  }
  const TensorFile learned = TensorFile::Read(other + "/models/model_160.safetensors").value();
  RunConfig config = PointSacConfig();
  config.run.load = other;
  config.run.load_step = 160;
  RunningLearner learner(config, NewRunPath());
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Subscribe(false);
  actor->Open();
  actor->SendAndWait(MakeTransitions(1, 8));
  actor->SendAndWait(MakeTransitions(2, 8));
  const v1::PolicyUpdate first = actor->NextEvent(Kind::kPolicy).policy();
  EXPECT_GE(first.learner_steps(), std::stoull(learned.metadata.at("learner_steps")));
  EXPECT_LT(first.env_steps(), 100u) << "it counts its own env steps";
}

TEST(Learner, ASpentBudgetEndsTheRunAfterAFinalEvaluation) {
  const std::string path = NewRunPath();
  RunConfig config = PointSacConfig();
  config.run.total_env_steps = 32;
  config.evaluation.every_env_steps = 1000;
  config.evaluation.stop_at_success_rate = 0.9;
  RunningLearner learner(config, path);
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Subscribe(/*can_evaluate=*/true);
  actor->Open();
  for (uint64_t sequence = 1; sequence <= 4; ++sequence) {
    actor->SendAndWait(MakeTransitions(sequence, 8));
  }
  const v1::EvaluationRequest request = actor->NextEvent(Kind::kEvaluation).evaluation();
  EXPECT_THAT(actor->Status().waiting(), HasSubstr("final"));
  EXPECT_TRUE(actor->Report(request.evaluation_id(), request.policy_version_min(), 1, 2).ok());
  actor->NextEvent(Kind::kRunOver);
  // What it still sends is acknowledged, so that it can leave.
  EXPECT_EQ(actor->SendAndWait(MakeTransitions(5, 8)).sequence(), 5u);
  EXPECT_TRUE(actor->Leave().ok());
  EXPECT_TRUE(learner.Join().value());
  const auto result = nlohmann::json::parse(ReadWholeFile(path + "/result.json").value());
  EXPECT_EQ(result["target_reached"], false);
  EXPECT_EQ(result["success_rate"], 0.5);
  EXPECT_EQ(result["env_steps"], 32);
  EXPECT_THAT(result["reason"].get<std::string>(), HasSubstr("total_env_steps"));
  // The run stays over until more is asked for.
  EXPECT_TRUE(FindEnd(path, config)->has_value());
  config.run.total_env_steps = 64;
  EXPECT_FALSE(FindEnd(path, config)->has_value());
}

TEST(Learner, ARunWhoseCheckpointsAreDamagedIsRefusedAndLosesNothing) {
  const std::string path = NewRunPath();
  const RunConfig config = PointSacConfig();
  {
    RunningLearner learner(config, path);
    const auto actor = learner.NewActor("actor-0", 7);
    actor->Open();
    for (uint64_t sequence = 1; sequence <= 4; ++sequence) {
      actor->SendAndWait(MakeTransitions(sequence, 8));
    }
    ASSERT_TRUE(learner.StopAndJoin().ok());
  }
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

  // Killed before its first checkpoint, it would start over and put its rows aside.
  std::filesystem::remove(checkpoint);
  nlohmann::json run = nlohmann::json::parse(ReadWholeFile(path + "/run.json").value());
  run["has_checkpointed"] = false;
  ASSERT_TRUE(WriteDurably(path + "/run.json", run.dump()).ok());
  EXPECT_EQ(restore().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadWholeFile(path + "/earlier_1/progress.csv").value(), rows);
}

TEST(Learner, OnAFullDiskTrainingGoesOnWithoutCheckpoints) {
  const std::string path = NewRunPath();
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

TEST(Learner, OneSentenceSaysWhoWaitsForWhom) {
  RunningLearner learner(PointSacConfig(), NewRunPath());
  FakeActor watcher(learner.NewChannel(), "watcher", 1);
  EXPECT_THAT(watcher.Status().waiting(), HasSubstr("waits for an actor to join"));
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Subscribe(false);
  actor->Open();
  actor->SendAndWait(MakeTransitions(1, 8));
  actor->SendAndWait(MakeTransitions(2, 8));
  actor->NextEvent(Kind::kPolicy);
  // It sets the status before it waits, and it waits after each message.
  const v1::StatusResponse status = watcher.Status();
  EXPECT_EQ(status.actors_connected(), 1u);
  EXPECT_FALSE(status.waiting().empty());
}

// The tensors of a run's file by name; empty if there is no such file.
std::map<std::string, at::Tensor> TensorsOf(const std::string& path) {
  const absl::StatusOr<TensorFile> file = TensorFile::Read(path);
  if (!file.ok()) return {};
  return {file->tensors.begin(), file->tensors.end()};
}

TEST(Learner, Float16ObservationsArePartOfTheCheckpoint) {
  const std::string path = NewRunPath();
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

TEST(Learner, SeedsThatBeginWithOneRunDrawApart) {
  const std::string other = NewRunPath("_other");
  {
    RunningLearner learner(PointSacConfig(), other);
    const auto actor = learner.NewActor("actor-0", 7);
    actor->Open();
    for (uint64_t sequence = 1; sequence <= 4; ++sequence) {
      actor->SendAndWait(MakeTransitions(sequence, 8));
    }
    ASSERT_TRUE(learner.StopAndJoin().ok());
  }
  const auto generator_of_seed = [&other](int64_t seed) {
    const std::string path = NewRunPath(absl::StrCat("_", seed));
    RunConfig config = PointSacConfig();
    config.run.seed = seed;
    config.run.load = other;
    RunningLearner learner(config, path);
    const auto actor = learner.NewActor("actor-0", 7);
    actor->Open();
    actor->SendAndWait(MakeTransitions(1, 8));  // Too few to learn from, so nothing is drawn.
    EXPECT_TRUE(learner.StopAndJoin().ok());
    return TensorsOf(path + "/checkpoints/checkpoint_000001.safetensors").at("generator");
  };
  EXPECT_FALSE(at::equal(generator_of_seed(2), generator_of_seed(3)));
}

// Returns how a run of `config` ends by itself after `batches` batches.
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

// Checks the newest checkpoint, the newest model and the batch of a diverged run.
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

TEST(Learner, ALossThatIsNotFiniteEndsTheRunAndKeepsWhatWas) {
  for (const char* name : {"sac", "td3", "ddpg"}) {
    for (const bool prioritized : {false, true}) {
      RunConfig config = PointSacConfig();
      config.algorithm.name = name;
      const auto set = [](auto* algorithm) {
        algorithm->batch_size = 8;
        algorithm->random_env_steps = 16;
        algorithm->learning_rate = 1e30;
      };
      set(&config.algorithm.sac);
      set(&config.algorithm.td3);
      set(&config.algorithm.ddpg);
      config.replay.prioritized.enabled = prioritized;
      const std::string path = NewRunPath(absl::StrCat("_", name, prioritized));
      const absl::Status status = EndOf(config, path, 8, Usual);
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      EXPECT_THAT(status.message(),
                  AllOf(HasSubstr(absl::StrCat("algorithm.", name, ".learning_rate=1e+30; lower")),
                        HasSubstr("begin anew with bazel run //deploy:train -- --resume")));
      ExpectAllFiniteButTheBatch(path, /*has_checkpoint=*/false);
    }
  }
}

TEST(Learner, ARunThatDivergesAfterItsCheckpointCanGoOnFromIt) {
  const std::string path = NewRunPath();
  RunConfig config = PointSacConfig();
  {
    RunningLearner learner(config, path);
    const auto actor = learner.NewActor("actor-0", 7);
    actor->Open();
    for (uint64_t sequence = 1; sequence <= 4; ++sequence) {
      actor->SendAndWait(MakeTransitions(sequence, 8));
    }
    ASSERT_TRUE(learner.StopAndJoin().ok());
  }
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

TEST(Learner, OnPolicyALossThatIsNotFiniteEndsTheRunToo) {
  const std::string path = NewRunPath();
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

TEST(Learner, ARunWhoseEveryStepIsVoidEndsWithTheCause) {
  RunConfig config = PointSacConfig();
  config.learner.unusable_experience_timeout_s = 1e-9;
  const absl::Status status = EndOf(config, NewRunPath(), 4, AllVoid);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("were void, for their simulators failed"));
  EXPECT_THAT(status.message(), HasSubstr("env point slot 2 step 7: reward is None"));
}

// Void steps are part of a trajectory, and so count against the budget.
TEST(Learner, ARunThatHasSpentItsBudgetOnVoidStepsHasFailed) {
  const std::string path = NewRunPath();
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

TEST(Learner, ARunWhoseEveryBatchIsRefusedEndsWithTheCause) {
  RunConfig config = PointSacConfig();
  config.replay.observation_type = "float16";
  config.learner.unusable_experience_timeout_s = 1e-9;
  const absl::Status status = EndOf(config, NewRunPath(), 20, TooLargeForFloat16);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("set replay.observation_type=float32"));
}

}  // namespace
}  // namespace armature

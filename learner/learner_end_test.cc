// How a run ends that has done what it was to do.
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/files/atomic_file.h"
#include "common/files/testing/test_path.h"
#include "common/run_config/run_config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/run/run_end.h"
#include "learner/testing/experience.h"
#include "learner/testing/fake_actor.h"
#include "learner/testing/running_learner.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using testing::HasSubstr;
using Kind = v1::LearnerEvent;

TEST(LearnerEnd, AnEvaluationThatReachesTheTargetEndsTheRun) {
  const std::string path = NewTestPath();
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
  flaky->Unsubscribe();  // Dies with it: it is asked of another.
  v1::EvaluationRequest request = actor->NextEvent(Kind::kEvaluation).evaluation();
  EXPECT_NE(request.evaluation_id(), lost.evaluation_id());
  EXPECT_EQ(request.episodes(), 2u);
  EXPECT_TRUE(actor->Report(request.evaluation_id(), request.policy_version_min(), 1, 2).ok());

  // Half is not enough; the next one is.
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

TEST(LearnerEnd, TheBestModelIsThePolicyEvaluatedNotALaterOne) {
  const std::string path = NewTestPath();
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

TEST(LearnerEnd, ASpentBudgetEndsTheRunAfterAFinalEvaluation) {
  const std::string path = NewTestPath();
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
  // What it still had to send is acknowledged, so that it can leave.
  EXPECT_EQ(actor->SendAndWait(MakeTransitions(5, 8)).sequence(), 5u);
  EXPECT_TRUE(actor->Leave().ok());
  EXPECT_TRUE(learner.Join().value());
  const auto result = nlohmann::json::parse(ReadWholeFile(path + "/result.json").value());
  EXPECT_EQ(result["target_reached"], false);
  EXPECT_EQ(result["success_rate"], 0.5);
  EXPECT_EQ(result["env_steps"], 32);
  EXPECT_THAT(result["reason"].get<std::string>(), HasSubstr("total_env_steps"));
  // It stays over until more is asked for.
  EXPECT_TRUE(FindEnd(path, config)->has_value());
  config.run.total_env_steps = 64;
  EXPECT_FALSE(FindEnd(path, config)->has_value());
}

}  // namespace
}  // namespace armature

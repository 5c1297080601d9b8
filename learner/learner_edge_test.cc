// Peers that break the rules of learner_service.proto get nothing into the learner that they were
// not granted. gRPC on loopback, as in learner_test.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/files/testing/test_path.h"
#include "common/run_config/run_config.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/testing/experience.h"
#include "learner/testing/fake_actor.h"
#include "learner/testing/running_learner.h"

namespace armature {
namespace {

using testing::HasSubstr;
using Kind = v1::LearnerEvent;

RunConfig SolvedBySuccess() {
  RunConfig config = PointSacConfig();
  config.evaluation.every_env_steps = 8;
  config.evaluation.stop_at_success_rate = 0.9;
  return config;
}

TEST(LearnerEdge, AReportCountsFromWhomItWasAskedOnly) {
  RunningLearner learner(SolvedBySuccess(), NewTestPath());
  const auto actor = learner.NewActor("actor-0", 7);
  const auto stranger = learner.NewActor("stranger", 8);
  const auto namesake = learner.NewActor("actor-0", 9);
  actor->Subscribe(/*can_evaluate=*/true);
  actor->Open();
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    actor->SendAndWait(MakeTransitions(sequence, 8));
  }
  const v1::EvaluationRequest request = actor->NextEvent(Kind::kEvaluation).evaluation();
  for (uint64_t id = 0; id <= 64; ++id) {
    EXPECT_FALSE(stranger->Report(id, request.policy_version_min(), 2, 2).ok()) << id;
  }
  EXPECT_FALSE(stranger->Report(request.evaluation_id(), request.policy_version_min(), 2, 2).ok());
  EXPECT_FALSE(namesake->Report(request.evaluation_id(), request.policy_version_min(), 2, 2).ok());
  EXPECT_TRUE(actor->Report(request.evaluation_id(), request.policy_version_min(), 2, 2).ok());
}

TEST(LearnerEdge, WhoHasNotJoinedHearsNothing) {
  RunningLearner learner(PointSacConfig(), NewTestPath());
  FakeActor stranger(learner.NewChannel(), "stranger", 8);
  stranger.Subscribe(/*can_evaluate=*/true);
  const absl::Status status = stranger.SubscriptionEnd();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("stranger"));
}

TEST(LearnerEdge, EnvStepsAreThoseThatCameNotThoseThatAreClaimed) {
  RunningLearner learner(PointSacConfig(), NewTestPath());
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Open();
  v1::ExperienceBatch batch = MakeTransitions(1, 8);
  // A removed field that once gave the number of steps.
  batch.GetReflection()->MutableUnknownFields(&batch)->AddVarint(5, 1 << 20);
  actor->SendAndWait(batch);
  ASSERT_TRUE(learner.StopAndJoin().ok());
  EXPECT_EQ(learner.metrics().env_steps.value(), 8);
}

TEST(LearnerEdge, ASlotThatNoActorHasIsRefused) {
  RunningLearner learner(PointSacConfig(), NewTestPath());
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Open();
  uint64_t sequence = 0;
  for (const int32_t slot : {-1, 4}) {  // Valid: 0 .. 3.
    v1::ExperienceBatch batch = MakeTransitions(++sequence, 1);
    SetTensor<int32_t>({1}, std::vector<int32_t>{slot},
                       batch.mutable_transitions()->mutable_slot());
    EXPECT_THAT(actor->SendAndWait(batch).refusal(), HasSubstr("transitions.slot[0]"));
  }
}

TEST(LearnerEdge, ATrajectoryAnswersAGrantOfItsOwnActor) {
  RunningLearner learner(PointPpoConfig(), NewTestPath());
  const auto actor = learner.NewActor("actor-0", 7);
  const auto stranger = learner.NewActor("stranger", 8);
  actor->Open();
  stranger->Open();
  actor->Collect(0, 8);
  const v1::CollectGrant grant = actor->NextGrant();
  EXPECT_GT(grant.grant_id(), uint64_t{1} << 32) << "nobody guesses it";
  EXPECT_THAT(stranger->SendAndWait(MakeTrajectory(1, 2, grant.grant_id(), 1)).refusal(),
              HasSubstr("grant_id"));
  EXPECT_THAT(stranger->SendAndWait(MakeTrajectory(2, 2, 5, 1)).refusal(), HasSubstr("grant_id"));
  EXPECT_EQ(actor->SendAndWait(MakeTrajectory(1, 2, grant.grant_id(), 1)).refusal(), "");
  EXPECT_THAT(actor->SendAndWait(MakeTrajectory(2, 2, grant.grant_id(), 1)).refusal(),
              HasSubstr("grant_id"))
      << "once";
}

TEST(LearnerEdge, AnActorAsksForGroupsThatItCanHaveOnly) {
  RunningLearner learner(PointPpoConfig(), NewTestPath());
  const auto actor = learner.NewActor("actor-0", 7);
  actor->Open();
  actor->Collect(/*group=*/4, 8);  // It has 4 slots.
  const absl::Status status = actor->Leave();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("collect.group=4"));
}

}  // namespace
}  // namespace armature

// The learner as actors see it: gRPC on loopback, a real run directory, tiny networks.
#include <string>

#include "absl/status/status.h"
#include "common/files/testing/test_path.h"
#include "common/policy/policy_wire.h"
#include "common/run_config/run_config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/testing/experience.h"
#include "learner/testing/fake_actor.h"
#include "learner/testing/running_learner.h"

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
  RunningLearner learner(PointSacConfig(), NewTestPath());
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

TEST(Learner, NoPolicyIsPublishedBeforeTheRandomStepsAreOver) {
  RunningLearner learner(PointSacConfig(), NewTestPath());
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
  const std::string path = NewTestPath();
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

TEST(Learner, OnPolicyASetFillsThoughAnActorDiesWithItsGrants) {
  RunningLearner learner(PointPpoConfig(), NewTestPath());
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
  RunningLearner learner(PointPpoConfig(), NewTestPath());
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

TEST(Learner, OneSentenceSaysWhoWaitsForWhom) {
  RunningLearner learner(PointSacConfig(), NewTestPath());
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

}  // namespace
}  // namespace armature

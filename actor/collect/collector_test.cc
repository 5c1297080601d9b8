// Tests both collectors step by step.
#include "actor/collect/trajectory_collector.h"
#include "actor/collect/transition_collector.h"
#include "actor/testing/scripted_steps.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kSlots = 2;
const absl::Time kStart = absl::UnixEpoch();
const std::vector<Collector::Group> kGroups = {{0, kSlots}, {kSlots, kSlots}};

// Steps group `group` from `step` to the next one.
void Step(Collector* collector, size_t group, uint64_t step, absl::Time now,
          Outcome outcome = Outcome::kGoesOn) {
  collector->OnActions(group, ScriptedActions(step, kSlots, 1));
  collector->OnStep(group, ScriptedStep(step + 1, {outcome, Outcome::kGoesOn}), now);
}
void Begin(Collector* collector, size_t group) {
  collector->OnStep(group, ScriptedStep(0, {Outcome::kGoesOn, Outcome::kGoesOn}), kStart);
}
v1::CollectGrant GrantFor(uint64_t group, uint64_t id, uint64_t version_min = 0) {
  v1::CollectGrant grant;
  grant.set_group(group);
  grant.set_grant_id(id);
  grant.set_policy_version_min(version_min);
  return grant;
}

TEST(TransitionCollectorTest, SendsFullBatchesAtOnceAndOthersInTime) {
  TransitionCollector collector(kGroups, ScriptedEnv(), ProposedActions(),
                                /*transitions_per_batch=*/4);
  Begin(&collector, 0);
  EXPECT_EQ(collector.NextDeadline(), absl::InfiniteFuture());
  Step(&collector, 0, 0, kStart);
  EXPECT_THAT(collector.Take(9, kStart), IsEmpty());
  EXPECT_EQ(collector.NextDeadline(), kStart + TransitionCollector::kFlushAfter);
  Step(&collector, 0, 1, kStart);
  Step(&collector, 0, 2, kStart);
  const auto batches = collector.Take(9, kStart);
  ASSERT_THAT(batches, SizeIs(1));
  EXPECT_EQ(batches[0].transitions().reward().shape(0), 4u);
  EXPECT_THAT(collector.Take(9, kStart), IsEmpty());
  const auto late = collector.Take(9, collector.NextDeadline());
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(late[0].transitions().reward().shape(0), 2u);
  EXPECT_EQ(collector.NextDeadline(), absl::InfiniteFuture());
}

TEST(TransitionCollectorTest, GivesNoMoreBatchesThanThereIsRoomFor) {
  TransitionCollector collector(kGroups, ScriptedEnv(), ProposedActions(),
                                /*transitions_per_batch=*/1);
  Begin(&collector, 0);
  Step(&collector, 0, 0, kStart);
  EXPECT_FALSE(collector.PrepareToAct(0, 1, /*room=*/0));
  EXPECT_THAT(collector.Take(0, absl::InfiniteFuture()), IsEmpty());
  EXPECT_TRUE(collector.PrepareToAct(0, 1, /*room=*/1));
  EXPECT_THAT(collector.Take(1, kStart), SizeIs(1));
  EXPECT_THAT(collector.Flush(), SizeIs(1));
}

TEST(TransitionCollectorTest, TellsOfVoidStepsThoughTheyLeaveNoTransition) {
  TransitionCollector collector(kGroups, ScriptedEnv(), ProposedActions(),
                                /*transitions_per_batch=*/4);
  Begin(&collector, 0);
  DecodedStep step = ScriptedStep(1, {Outcome::kRestarted, Outcome::kRestarted});
  step.fault = {"slot 0: reward is None", "slot 1: reward is None"};
  collector.OnActions(0, ScriptedActions(0, kSlots, 1));
  collector.OnStep(0, step, kStart);
  EXPECT_THAT(collector.Take(9, kStart), IsEmpty());
  const auto batches = collector.Take(9, collector.NextDeadline());
  ASSERT_THAT(batches, SizeIs(1));
  EXPECT_FALSE(batches[0].has_transitions());
  EXPECT_EQ(batches[0].restarted_slots(), 2u);
  EXPECT_EQ(batches[0].fault(), "slot 1: reward is None");
  EXPECT_EQ(collector.NextDeadline(), absl::InfiniteFuture());
}

TEST(TransitionCollectorTest, ALongFaultIsCutBetweenCharacters) {
  TransitionCollector collector(kGroups, ScriptedEnv(), ProposedActions(),
                                /*transitions_per_batch=*/4);
  Begin(&collector, 0);
  DecodedStep step = ScriptedStep(1, {Outcome::kRestarted, Outcome::kRestarted});
  std::string fault = "?";
  for (int i = 0; i < 1000; ++i) fault += "\u00e9";
  step.fault = {fault};
  collector.OnActions(0, ScriptedActions(0, kSlots, 1));
  collector.OnStep(0, step, kStart);
  const auto batches = collector.Flush();
  ASSERT_THAT(batches, SizeIs(1));
  EXPECT_EQ(batches[0].fault(), fault.substr(0, 499)) << "its 250th two-byte character";
}

TEST(TransitionCollectorTest, EveryEpisodeIsReportedOnce) {
  TransitionCollector collector(kGroups, ScriptedEnv(), ProposedActions(),
                                /*transitions_per_batch=*/3);
  Begin(&collector, 0);
  Begin(&collector, 1);
  int64_t episodes = 0;
  for (uint64_t step = 0; step < 20; ++step) {
    Step(&collector, 0, step, kStart, Outcome::kTruncated);
    Step(&collector, 1, step, kStart, step % 2 == 0 ? Outcome::kRestarted : Outcome::kTerminated);
    for (const auto& batch : collector.Take(1, kStart)) episodes += batch.episodes_size();
  }
  for (const auto& batch : collector.Flush()) episodes += batch.episodes_size();
  EXPECT_EQ(episodes, 20 + 10);
}

class TrajectoryCollectorTest : public ::testing::Test {
 protected:
  TrajectoryCollectorTest() {
    Begin(&collector_, 0);
    Begin(&collector_, 1);
  }
  TrajectoryCollector collector_{kGroups, ScriptedEnv(), /*unroll_length=*/2};
};

TEST_F(TrajectoryCollectorTest, AsksOnceForEachGroupThatStandsReady) {
  const auto requests = collector_.TakeRequests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0].group(), 0u);
  EXPECT_EQ(requests[0].steps(), 2u * kSlots);
  EXPECT_EQ(requests[1].group(), 1u);
  EXPECT_THAT(collector_.TakeRequests(), IsEmpty());
  EXPECT_TRUE(collector_.waits_for_grant());
}

TEST_F(TrajectoryCollectorTest, ActsOnlyOnAGrantWithAPolicyAndRoom) {
  EXPECT_FALSE(collector_.PrepareToAct(0, 9, 9)) << "not asked";
  collector_.TakeRequests();
  EXPECT_FALSE(collector_.PrepareToAct(0, 9, 9)) << "not granted";
  collector_.OnGrant(GrantFor(0, 5, /*version_min=*/3));
  EXPECT_FALSE(collector_.PrepareToAct(0, 2, 9)) << "an older policy";
  EXPECT_FALSE(collector_.PrepareToAct(0, 3, 0)) << "no room";
  EXPECT_FALSE(collector_.PrepareToAct(1, 3, 9)) << "the other group's grant";
  EXPECT_TRUE(collector_.PrepareToAct(0, 3, 1));
  collector_.OnGrant(GrantFor(1, 6));
  EXPECT_FALSE(collector_.PrepareToAct(1, 3, 1)) << "the room is taken by group 0";
  EXPECT_TRUE(collector_.PrepareToAct(1, 3, 2));
}

TEST_F(TrajectoryCollectorTest, GoesOnWithoutRoomAndAsksAgainAtTheEnd) {
  collector_.TakeRequests();
  collector_.OnGrant(GrantFor(0, 5));
  ASSERT_TRUE(collector_.PrepareToAct(0, 1, 1));
  Step(&collector_, 0, 0, kStart, Outcome::kTruncated);
  EXPECT_THAT(collector_.TakeRequests(), IsEmpty());
  ASSERT_TRUE(collector_.PrepareToAct(0, 1, 0)) << "what was begun is finished";
  Step(&collector_, 0, 1, kStart);
  const auto batches = collector_.Take(1, kStart);
  ASSERT_THAT(batches, SizeIs(1));
  EXPECT_EQ(batches[0].trajectory().grant_id(), 5u);
  EXPECT_EQ(batches[0].episodes_size(), 1);
  const auto requests = collector_.TakeRequests();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].group(), 0u);
  EXPECT_FALSE(collector_.PrepareToAct(0, 1, 9)) << "one grant, one trajectory";
}

TEST_F(TrajectoryCollectorTest, GrantsThatNobodyAskedForAreIgnored) {
  collector_.OnGrant(GrantFor(0, 5));
  collector_.OnGrant(GrantFor(17, 6));
  EXPECT_FALSE(collector_.PrepareToAct(0, 1, 9));
  collector_.TakeRequests();
  collector_.OnGrant(GrantFor(0, 7));
  collector_.OnGrant(GrantFor(0, 8));
  ASSERT_TRUE(collector_.PrepareToAct(0, 1, 9));
  Step(&collector_, 0, 0, kStart);
  Step(&collector_, 0, 1, kStart);
  EXPECT_EQ(collector_.Take(1, kStart)[0].trajectory().grant_id(), 7u);
}

TEST_F(TrajectoryCollectorTest, ANewStreamForgetsGrantsButNotStepsInProgress) {
  collector_.TakeRequests();
  collector_.OnGrant(GrantFor(0, 5));
  collector_.OnGrant(GrantFor(1, 6));
  ASSERT_TRUE(collector_.PrepareToAct(0, 1, 9));
  Step(&collector_, 0, 0, kStart);
  collector_.OnStreamReopened();
  EXPECT_FALSE(collector_.PrepareToAct(1, 1, 9)) << "the new learner granted nothing";
  const auto requests = collector_.TakeRequests();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].group(), 1u);
  ASSERT_TRUE(collector_.PrepareToAct(0, 1, 9));
  Step(&collector_, 0, 1, kStart);
  EXPECT_THAT(collector_.Take(1, kStart), SizeIs(1));
}

TEST_F(TrajectoryCollectorTest, GrantsAreAtWorkFromWhenTheyCameWhileTheirGroupsHaveASession) {
  EXPECT_THAT(collector_.grants_at_work(), IsEmpty());
  collector_.TakeRequests();
  EXPECT_THAT(collector_.grants_at_work(), IsEmpty());
  collector_.OnGrant(GrantFor(0, 5, /*version_min=*/3));
  collector_.OnGrant(GrantFor(1, 6));
  EXPECT_THAT(collector_.grants_at_work(), ElementsAre(5, 6)) << "though 5 waits for a policy";
  ASSERT_TRUE(collector_.PrepareToAct(0, 3, 9));
  Step(&collector_, 0, 0, kStart);
  EXPECT_THAT(collector_.grants_at_work(), ElementsAre(5, 6));
  collector_.OnLost(0);
  EXPECT_THAT(collector_.grants_at_work(), ElementsAre(6));
  Begin(&collector_, 0);
  EXPECT_THAT(collector_.grants_at_work(), ElementsAre(5, 6));
  ASSERT_TRUE(collector_.PrepareToAct(0, 3, 9));
  Step(&collector_, 0, 0, kStart);
  Step(&collector_, 0, 1, kStart);
  EXPECT_THAT(collector_.grants_at_work(), ElementsAre(6)) << "5 is answered";
}

TEST_F(TrajectoryCollectorTest, ALostSessionBeginsAnewUnderItsGrant) {
  collector_.TakeRequests();
  collector_.OnGrant(GrantFor(0, 5));
  ASSERT_TRUE(collector_.PrepareToAct(0, 1, 9));
  Step(&collector_, 0, 0, kStart);
  Begin(&collector_, 0);
  EXPECT_THAT(collector_.TakeRequests(), IsEmpty());
  ASSERT_TRUE(collector_.PrepareToAct(0, 1, 9));
  Step(&collector_, 0, 0, kStart);
  Step(&collector_, 0, 1, kStart);
  const auto batches = collector_.Take(1, kStart);
  ASSERT_THAT(batches, SizeIs(1));
  EXPECT_EQ(batches[0].trajectory().grant_id(), 5u);
}

}  // namespace
}  // namespace armature

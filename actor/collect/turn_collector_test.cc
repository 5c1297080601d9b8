// A turn gives the same batch, however slots are divided into groups and whichever group is
// faster.
#include "actor/collect/turn_collector.h"

#include "actor/testing/scripted_steps.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kSlots = 4;
constexpr int64_t kTurnLength = 3;
const absl::Time kStart = absl::UnixEpoch();
using Groups = std::vector<Collector::Group>;

// Slot 1 ends in step 2, slot 3 in steps 1 and 2.
DecodedStep WholeStep(uint64_t step) {
  std::vector<Outcome> outcomes(kSlots, Outcome::kGoesOn);
  if (step == 2) outcomes[1] = Outcome::kTerminated;
  if (step == 1 || step == 2) outcomes[3] = Outcome::kTruncated;
  return ScriptedStep(step, outcomes);
}

template <typename T>
std::vector<T> Rows(const std::vector<T>& values, int64_t first, int64_t count, int64_t width) {
  return {values.begin() + first * width, values.begin() + (first + count) * width};
}

// Returns the part of it that `group` sees.
DecodedStep StepOf(uint64_t step, const Collector::Group& group) {
  const DecodedStep whole = WholeStep(step);
  DecodedStep part;
  part.step = step;
  part.observation = Rows(whole.observation, group.first_slot, group.size, 2);
  part.reward = Rows(whole.reward, group.first_slot, group.size, 1);
  part.terminated = Rows(whole.terminated, group.first_slot, group.size, 1);
  part.truncated = Rows(whole.truncated, group.first_slot, group.size, 1);
  part.restarted = Rows(whole.restarted, group.first_slot, group.size, 1);
  part.is_success = Rows(whole.is_success, group.first_slot, group.size, 1);
  part.goal_extra = Rows(whole.goal_extra, group.first_slot, group.size, 1);
  part.executed_action = Rows(whole.executed_action, group.first_slot, group.size, 1);
  int64_t final_row = 0;
  for (int64_t slot = 0; slot < kSlots; ++slot) {
    if (!whole.ended(slot)) continue;
    if (slot >= group.first_slot && slot < group.first_slot + group.size) {
      const std::vector<float> row = Rows(whole.final_observation, final_row, 1, 2);
      part.final_observation.insert(part.final_observation.end(), row.begin(), row.end());
    }
    ++final_row;
  }
  return part;
}

GroupActions ActionsOf(uint64_t step, const Collector::Group& group) {
  const GroupActions whole = ScriptedActions(step, kSlots, 5);
  return {Rows(whole.stored, group.first_slot, group.size, 1),
          Rows(whole.sent, group.first_slot, group.size, 1),
          Rows(whole.log_prob, group.first_slot, group.size, 1), whole.policy_version};
}

TurnCollector Make(const Groups& groups, bool trajectories,
                   std::shared_ptr<const ActionSource> actions = ProposedActions()) {
  return TurnCollector(groups, {trajectories, ScriptedEnv(), kTurnLength, actions});
}

v1::CollectGrant Grant(uint64_t version_min = 5) {
  v1::CollectGrant grant;
  grant.set_grant_id(7);
  grant.set_policy_version_min(version_min);
  return grant;
}

void BeginAll(TurnCollector* collector, const Groups& groups) {
  for (size_t group = 0; group < groups.size(); ++group) {
    collector->OnStep(group, StepOf(0, groups[group]), kStart);
  }
}

// Steps `group` once, with step number `step`.
void StepOnce(TurnCollector* collector, const Groups& groups, size_t group, uint64_t step) {
  ASSERT_TRUE(collector->PrepareToAct(group, 5, 1));
  collector->OnActions(group, ActionsOf(step - 1, groups[group]));
  collector->OnStep(group, StepOf(step, groups[group]), kStart);
}

// Plays one turn: each group to its end before the next, the last one first.
std::string Turn(const Groups& groups, bool trajectories,
                 const std::shared_ptr<const ActionSource>& actions = ProposedActions()) {
  TurnCollector collector = Make(groups, trajectories, actions);
  BeginAll(&collector, groups);
  EXPECT_THAT(collector.TakeRequests(), SizeIs(1));
  collector.OnGrant(Grant());
  for (size_t group = groups.size(); group-- > 0;) {
    for (uint64_t step = 1; step <= kTurnLength; ++step) {
      EXPECT_THAT(collector.Take(1, kStart), IsEmpty());
      StepOnce(&collector, groups, group, step);
    }
  }
  const auto batches = collector.Take(1, kStart);
  EXPECT_THAT(batches, SizeIs(1));
  return batches.front().SerializeAsString();
}

TEST(TurnCollector, ATurnIsTheSameHoweverItsSlotsAreCutIntoGroups) {
  for (bool trajectories : {false, true}) {
    const std::string whole = Turn({{0, kSlots}}, trajectories);
    for (const Groups& groups : {Groups{{0, 2}, {2, 2}}, Groups{{0, 1}, {1, 2}, {3, 1}}}) {
      EXPECT_TRUE(Turn(groups, trajectories) == whole) << groups.size();
    }
  }
}

TEST(TurnCollector, TransitionsStandStepByStepSlotsAscending) {
  v1::ExperienceBatch batch;
  ASSERT_TRUE(batch.ParseFromString(Turn({{0, 3}, {3, 1}}, /*trajectories=*/false)));
  const v1::TransitionBatch& rows = batch.transitions();
  EXPECT_THAT(TensorValues<int32_t>(rows.slot()), ElementsAre(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3));
  EXPECT_THAT(rows.observation().shape(), ElementsAre(12, 2));
  for (uint64_t step = 0; step < kTurnLength; ++step) {
    for (int64_t slot = 0; slot < kSlots; ++slot) {
      const size_t row = step * kSlots + slot;
      EXPECT_EQ(TensorValues<float>(rows.observation())[2 * row], ObservationAt(step, slot));
      EXPECT_EQ(TensorValues<float>(rows.reward())[row], RewardAt(step + 1, slot));
      EXPECT_EQ(TensorValues<float>(rows.action())[row], ActionAt(step, slot));
      EXPECT_EQ(TensorValues<float>(rows.goal_extra())[row], ExtraAt(step + 1, slot));
    }
  }
  EXPECT_EQ(batch.episodes_size(), 3);
}

TEST(TurnCollector, TransitionsHaveTheExecutedActionsIfTheyAreAskedFor) {
  v1::ExperienceBatch batch;
  const auto executed = ExecutedActions(ScriptedEnv().action);
  ASSERT_TRUE(batch.ParseFromString(Turn({{0, 3}, {3, 1}}, /*trajectories=*/false, executed)));
  for (uint64_t step = 0; step < kTurnLength; ++step) {
    for (int64_t slot = 0; slot < kSlots; ++slot) {
      EXPECT_EQ(TensorValues<float>(batch.transitions().action())[step * kSlots + slot],
                ExecutedAt(step + 1, slot));
    }
  }
}

TEST(TurnCollector, TrajectoriesHaveTheirFinalObservationsInRowMajorOrder) {
  v1::ExperienceBatch batch;
  ASSERT_TRUE(batch.ParseFromString(Turn({{0, 2}, {2, 2}}, /*trajectories=*/true)));
  const v1::TrajectoryBatch& trajectory = batch.trajectory();
  EXPECT_THAT(trajectory.observation().shape(), ElementsAre(4, 4, 2));
  EXPECT_THAT(trajectory.final_observation().shape(), ElementsAre(3, 2));
  const auto finals = TensorValues<float>(trajectory.final_observation());
  EXPECT_EQ(finals[0], FinalAt(1, 3));
  EXPECT_EQ(finals[2], FinalAt(2, 1));
  EXPECT_EQ(finals[4], FinalAt(2, 3));
  EXPECT_EQ(trajectory.grant_id(), 7u);
  EXPECT_EQ(trajectory.policy_version(), 5u);
}

TEST(TurnCollector, StandsStillWithoutAGrantAndBetweenTurns) {
  const Groups groups = {{0, 2}, {2, 2}};
  TurnCollector collector = Make(groups, false);
  collector.OnStep(0, StepOf(0, groups[0]), kStart);
  EXPECT_THAT(collector.TakeRequests(), IsEmpty()) << "a group is not ready yet";
  collector.OnStep(1, StepOf(0, groups[1]), kStart);
  const auto requests = collector.TakeRequests();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].steps(), 12u);
  EXPECT_THAT(collector.TakeRequests(), IsEmpty());
  EXPECT_FALSE(collector.PrepareToAct(0, 9, 1));
  collector.OnGrant(Grant(/*version_min=*/5));
  EXPECT_FALSE(collector.PrepareToAct(0, 4, 1)) << "an older policy";
  EXPECT_FALSE(collector.PrepareToAct(0, 5, 0)) << "no room";
  for (uint64_t step = 1; step <= kTurnLength; ++step) StepOnce(&collector, groups, 0, step);
  EXPECT_FALSE(collector.PrepareToAct(0, 5, 1)) << "the group's turn is over";
  for (uint64_t step = 1; step <= kTurnLength; ++step) StepOnce(&collector, groups, 1, step);
  EXPECT_FALSE(collector.PrepareToAct(1, 5, 1)) << "all wait for the next grant";
  EXPECT_THAT(collector.TakeRequests(), SizeIs(1));
}

TEST(TurnCollector, ASeedLetsEverySlotBeginAnewBeforeTheTurn) {
  const Groups groups = {{0, 2}, {2, 2}};
  TurnCollector collector = Make(groups, false);
  BeginAll(&collector, groups);
  collector.TakeRequests();
  v1::CollectGrant grant = Grant();
  grant.set_seed(99);
  collector.OnGrant(grant);
  EXPECT_EQ(collector.TakeSeed(4), std::nullopt) << "the parameters come with a newer policy";
  EXPECT_EQ(collector.TakeSeed(5), 99u);
  EXPECT_EQ(collector.TakeSeed(5), std::nullopt);
  collector.OnStep(0, StepOf(0, groups[0]), kStart);
  EXPECT_FALSE(collector.PrepareToAct(0, 5, 1)) << "the other group has not begun anew";
  collector.OnStep(1, StepOf(0, groups[1]), kStart);
  EXPECT_TRUE(collector.PrepareToAct(0, 5, 1));
  EXPECT_THAT(collector.TakeRequests(), IsEmpty());
}

}  // namespace
}  // namespace armature

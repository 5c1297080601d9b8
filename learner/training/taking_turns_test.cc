// Tests the order of a reproducible run, with a trainer that only records what it is asked to do.
#include "learner/training/taking_turns.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/metrics/metrics.h"
#include "common/sync/wake_signal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/replicas/alone.h"
#include "learner/testing/experience.h"

namespace armature {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kSlots = 4;
constexpr int64_t kStepsOfAnActor = 8;

// Two actors, turns of 16 env steps, periods of two turns.
RunConfig TwoActors() {
  RunConfig config = PointSacConfig();
  config.run.total_env_steps = 64;
  config.collect.envs_per_actor = kSlots;
  config.cluster.actors = 2;
  config.reproducible.enabled = true;
  config.reproducible.round_length = kStepsOfAnActor / kSlots;
  config.reproducible.period_env_steps = 32;
  return config;
}

class NotedActions final : public TrainingActions {
 public:
  explicit NotedActions(int64_t total_env_steps) : progress_(total_env_steps, &alone_) {}

  bool CanInsert(int64_t) const override { return true; }
  bool CanUpdate() const override { return can_update; }
  const RunProgress& progress() const override { return progress_; }
  uint64_t newest_policy_version() const override { return 1; }
  void Store(const ExperienceIntake::Entry& entry) override {
    progress_.CountBatch(entry.batch);
    stored.push_back(entry.batch);
    Note("store " + entry.actor.first);
  }
  void DeliverGrants() override { Note("grant"); }
  void PublishAgain() override { Note("publish"); }
  void EvaluateIfDue() override { Note("evaluate"); }
  void SaveStepIfDue() override { Note("keep"); }
  void Checkpoint() override { Note("checkpoint"); }
  bool GoesOnWithinBudget() override { return !progress_.is_budget_spent(); }

  // Returns what was asked for since the last call.
  std::vector<std::string> Take() { return std::exchange(notes_, {}); }

  bool can_update = false;
  std::vector<v1::ExperienceBatch> stored;

 private:
  void Note(const std::string& what) { notes_.push_back(what); }

  Alone alone_;
  RunProgress progress_;
  std::vector<std::string> notes_;
};

class SilentPeer final : public ExperiencePeer {
 public:
  void SendAck(const v1::ExperienceAck&) override {}
  void SendGrant(const v1::CollectGrant&) override {}
  void ResumeReading() override {}
  void End(const absl::Status&) override {}
};

class TakingTurnsTest : public testing::Test {
 protected:
  TakingTurnsTest() {
    intake_.SetSchema(PointSchema(v1::COLLECT_MODE_TRANSITIONS));
    intake_.SetNewestVersion(1);
    for (const auto& actor : actors_) {
      streams_.push_back(intake_.OpenStream(actor, std::make_shared<SilentPeer>()).value());
    }
  }

  // Makes all actors ready. Returns the seed in each actor's grant.
  std::vector<std::optional<uint64_t>> Ready() {
    for (size_t i = 0; i < actors_.size(); ++i) {
      EXPECT_TRUE(turns_.coordinator().Request(streams_[i], actors_[i], 0, kStepsOfAnActor).ok());
    }
    std::vector<std::optional<uint64_t>> seeds;
    for (const auto& grant : turns_.coordinator().Issue(absl::InfinitePast())) {
      seeds.push_back(grant.seed);
    }
    return seeds;
  }
  void Send(size_t actor, v1::ExperienceBatch batch) {
    EXPECT_TRUE(intake_.Offer(streams_[actor], std::move(batch)).ok());
  }
  // A whole turn, including learning.
  void Turn(uint64_t sequence) {
    Ready();
    for (const size_t actor : {1, 0}) Send(actor, MakeTransitions(sequence, kStepsOfAnActor));
    EXPECT_TRUE(turns_.TakeExperience(&intake_, &actions_));
  }

  const RunConfig config_ = TwoActors();
  const std::vector<ActorKey> actors_ = {{"actor-0", 7}, {"actor-1", 8}};
  MetricsRegistry registry_{"learner"};
  LearnerMetrics metrics_{&registry_};
  WakeSignal wake_;
  EvaluationScheduler evaluations_{{}};
  TakingTurns turns_{config_, &evaluations_};
  ExperienceIntake intake_{{}, &turns_.coordinator(), &metrics_, &wake_};
  NotedActions actions_{config_.run.total_env_steps};
  std::vector<uint64_t> streams_;
};

TEST_F(TakingTurnsTest, ATurnIsStoredOnceAllOfItIsThereInTheOrderOfNames) {
  ASSERT_TRUE(turns_.FinishPass(&actions_));
  EXPECT_THAT(actions_.Take(), ElementsAre("grant"));
  Ready();
  Send(1, MakeTransitions(1, kStepsOfAnActor));
  EXPECT_FALSE(turns_.TakeExperience(&intake_, &actions_)) << "one actor is missing";
  EXPECT_FALSE(turns_.FinishPass(&actions_)) << "the turn is open";
  Send(0, MakeTransitions(1, kStepsOfAnActor));
  EXPECT_TRUE(turns_.TakeExperience(&intake_, &actions_));
  EXPECT_THAT(actions_.Take(), ElementsAre("store actor-0", "store actor-1"));
}

TEST_F(TakingTurnsTest, WhatIsDueIsDoneInOneOrderAndBeforeTheNextTurn) {
  turns_.FinishPass(&actions_);
  Turn(1);
  actions_.Take();
  actions_.can_update = true;
  EXPECT_FALSE(turns_.FinishPass(&actions_)) << "it is not learned from yet";
  actions_.can_update = false;
  EXPECT_TRUE(turns_.FinishPass(&actions_));
  EXPECT_THAT(actions_.Take(), ElementsAre("publish", "keep", "evaluate", "grant"));
  Turn(2);
  actions_.Take();
  EXPECT_TRUE(turns_.FinishPass(&actions_));
  EXPECT_THAT(actions_.Take(), ElementsAre("publish", "keep", "evaluate", "checkpoint", "grant"));
}

TEST_F(TakingTurnsTest, NothingIsSavedOrGrantedWhileAnEvaluationIsUnderWay) {
  turns_.FinishPass(&actions_);
  Turn(1);
  evaluations_.Ask(1, 16);
  actions_.Take();
  EXPECT_FALSE(turns_.FinishPass(&actions_));
  EXPECT_THAT(actions_.Take(), ElementsAre("publish", "keep", "evaluate"));
  EXPECT_EQ(turns_.Waiting(actions_)->reason, WaitReason::kEvaluation);
}

TEST_F(TakingTurnsTest, SlotsBeginAnewWithASeedOfTheirOwnWhereAPeriodDoes) {
  turns_.FinishPass(&actions_);
  const auto first = Ready();
  ASSERT_TRUE(first.at(0).has_value());
  EXPECT_EQ(first.at(0), first.at(1));
  Turn(1);
  turns_.FinishPass(&actions_);
  EXPECT_THAT(Ready(), ElementsAre(std::nullopt, std::nullopt));
  Turn(2);
  turns_.FinishPass(&actions_);
  const auto second = Ready();
  ASSERT_TRUE(second.at(0).has_value());
  EXPECT_NE(first.at(0), second.at(0));
}

TEST_F(TakingTurnsTest, ThePeriodsLastStepsAreTruncated) {
  turns_.FinishPass(&actions_);
  Turn(1);
  turns_.FinishPass(&actions_);
  Turn(2);
  const auto last_truncated = [this](size_t batch) {
    const v1::TransitionBatch& steps = actions_.stored.at(batch).transitions();
    const size_t last = steps.truncated().packed().size() - 1;
    return steps.truncated().packed()[last] != 0 || steps.terminated().packed()[last] != 0;
  };
  EXPECT_FALSE(last_truncated(0));
  EXPECT_TRUE(last_truncated(2));
  EXPECT_TRUE(last_truncated(3));
}

TEST_F(TakingTurnsTest, ARefusedBatchOfTheRunsActorBreaksIt) {
  turns_.FinishPass(&actions_);
  Ready();
  Send(0, MakeTransitions(1, kStepsOfAnActor / 2));
  EXPECT_FALSE(turns_.TakeExperience(&intake_, &actions_));
  EXPECT_EQ(turns_.Check().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(turns_.Check().message(), HasSubstr("expected 8"));
}

TEST_F(TakingTurnsTest, ASpentBudgetOpensNoTurn) {
  turns_.FinishPass(&actions_);
  for (uint64_t sequence = 1; sequence <= 4; ++sequence) {
    Turn(sequence);
    turns_.FinishPass(&actions_);
  }
  EXPECT_EQ(actions_.progress().env_steps(), 64u);
  EXPECT_THAT(Ready(), IsEmpty());
}

TEST_F(TakingTurnsTest, AResumedRunDoesNotSaveAgainWhereItWasSaved) {
  turns_.FinishPass(&actions_);
  Turn(1);
  turns_.FinishPass(&actions_);
  Turn(2);  // 32 env steps: a period.
  actions_.Take();
  turns_.GoOnFrom(32);
  turns_.FinishPass(&actions_);
  EXPECT_THAT(actions_.Take(), ElementsAre("publish", "keep", "evaluate", "grant"));
}

}  // namespace
}  // namespace armature

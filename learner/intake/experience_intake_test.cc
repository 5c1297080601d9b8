#include "learner/intake/experience_intake.h"

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/metrics/metrics.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/intake/free_coordinator.h"
#include "learner/intake/rollout_coordinator.h"
#include "learner/testing/experience.h"

namespace armature {
namespace {

using testing::HasSubstr;
using Next = ExperienceIntake::Next;

class FakePeer : public ExperiencePeer {
 public:
  void SendAck(const v1::ExperienceAck& ack) override { acks.push_back(ack); }
  void SendGrant(const v1::CollectGrant& grant) override { grants.push_back(grant); }
  void ResumeReading() override { ++resumed; }
  void End(const absl::Status& status) override { ended = status; }

  std::vector<v1::ExperienceAck> acks;
  std::vector<v1::CollectGrant> grants;
  int resumed = 0;
  std::optional<absl::Status> ended;
};

class ExperienceIntakeTest : public testing::Test {
 protected:
  ExperienceIntakeTest() { intake_.SetSchema(PointSchema(v1::COLLECT_MODE_TRANSITIONS)); }

  uint64_t Open(const ActorKey& actor, const std::shared_ptr<FakePeer>& peer) {
    return intake_.OpenStream(actor, peer).value();
  }
  // Stores everything in the queue, like the trainer; returns how many.
  int StoreAll() {
    int stored = 0;
    while (const std::optional<ExperienceIntake::Entry> entry = intake_.Pop()) {
      if (entry->refusal.empty()) ++stored;
      if (entry->refusal.empty()) {
        intake_.Stored(*entry);
      } else {
        intake_.Refused(*entry, entry->refusal);
      }
    }
    return stored;
  }

  const ActorKey actor_ = {"actor-0", 77};
  MetricsRegistry registry_{"learner"};
  LearnerMetrics metrics_{&registry_};
  WakeSignal wake_;
  FreeCoordinator coordinator_;
  ExperienceIntake intake_{{/*queue_batches_max=*/3}, &coordinator_, &metrics_, &wake_};
  std::shared_ptr<FakePeer> peer_ = std::make_shared<FakePeer>();
};

TEST_F(ExperienceIntakeTest, AcknowledgesOnlyWhatTheTrainerHasStored) {
  const uint64_t stream = Open(actor_, peer_);
  ASSERT_TRUE(intake_.Offer(stream, MakeTransitions(1, 4)).ok());
  EXPECT_TRUE(peer_->acks.empty());
  EXPECT_EQ(intake_.AcknowledgedSequence(actor_), 0u);
  const std::optional<ExperienceIntake::Entry> entry = intake_.Pop();
  EXPECT_TRUE(peer_->acks.empty());
  intake_.Stored(*entry);
  ASSERT_EQ(peer_->acks.size(), 1u);
  EXPECT_EQ(peer_->acks[0].sequence(), 1u);
  EXPECT_EQ(intake_.AcknowledgedSequence(actor_), 1u);
}

TEST_F(ExperienceIntakeTest, ABadBatchIsCountedAndConsumedAndDisturbsNothing) {
  const uint64_t stream = Open(actor_, peer_);
  v1::ExperienceBatch bad = MakeTransitions(2, 4);
  bad.mutable_transitions()->mutable_reward()->set_packed("short");
  ASSERT_TRUE(intake_.Offer(stream, MakeTransitions(1, 4)).ok());
  ASSERT_TRUE(intake_.Offer(stream, bad).ok());
  EXPECT_TRUE(peer_->acks.empty());  // Acks are in order: none before the first is stored.
  EXPECT_EQ(StoreAll(), 1);
  ASSERT_TRUE(intake_.Offer(stream, MakeTransitions(3, 4)).ok());
  EXPECT_EQ(StoreAll(), 1);
  ASSERT_EQ(peer_->acks.size(), 3u);
  EXPECT_EQ(peer_->acks[1].sequence(), 2u);
  EXPECT_EQ(peer_->acks[1].refused(), 1u);
  EXPECT_THAT(peer_->acks[1].refusal(), HasSubstr("actor-0, batch 2: transitions.reward"));
  EXPECT_EQ(peer_->acks[2].sequence(), 3u);
  EXPECT_EQ(peer_->acks[2].refusal(), "");
  EXPECT_FALSE(peer_->ended.has_value());
  EXPECT_EQ(metrics_.batches_refused_content.value(), 1);
}

TEST_F(ExperienceIntakeTest, AVersionThatWasNeverPublishedIsRefused) {
  intake_.SetNewestVersion(3);
  const uint64_t stream = Open(actor_, peer_);
  ASSERT_TRUE(intake_.Offer(stream, MakeTransitions(1, 4, 4)).ok());
  EXPECT_EQ(StoreAll(), 0);
  EXPECT_EQ(metrics_.batches_refused_version.value(), 1);
  EXPECT_THAT(peer_->acks.back().refusal(), HasSubstr("policy_version"));
}

TEST_F(ExperienceIntakeTest, AResentBatchIsAcknowledgedAgainAndNotStoredTwice) {
  const uint64_t first = Open(actor_, peer_);
  ASSERT_TRUE(intake_.Offer(first, MakeTransitions(1, 4)).ok());
  ASSERT_TRUE(intake_.Offer(first, MakeTransitions(2, 4)).ok());
  intake_.Stored(*intake_.Pop());
  intake_.CloseStream(first);  // The acknowledgement was lost; 2 is still queued.

  const auto peer = std::make_shared<FakePeer>();
  const uint64_t second = Open(actor_, peer);
  ASSERT_TRUE(intake_.Offer(second, MakeTransitions(1, 4)).ok());
  ASSERT_EQ(peer->acks.size(), 1u);
  EXPECT_EQ(peer->acks[0].sequence(), 1u);
  ASSERT_TRUE(intake_.Offer(second, MakeTransitions(2, 4)).ok());
  EXPECT_EQ(peer->acks.size(), 1u);  // Not stored yet.
  EXPECT_EQ(StoreAll(), 1);
  EXPECT_EQ(peer->acks.back().sequence(), 2u);
  EXPECT_EQ(metrics_.batches_duplicate.value(), 2);
}

TEST_F(ExperienceIntakeTest, AGapEndsTheStream) {
  const uint64_t stream = Open(actor_, peer_);
  ASSERT_TRUE(intake_.Offer(stream, MakeTransitions(1, 4)).ok());
  const absl::Status status = intake_.Offer(stream, MakeTransitions(3, 4)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(status.message(), HasSubstr("batch.sequence=3 of actor-0: expected 2"));
  EXPECT_EQ(intake_.Offer(stream, MakeTransitions(0, 4)).status().code(),
            absl::StatusCode::kOutOfRange);
}

// The learner's checkpoint has batch 5; 6 and 7 were acknowledged and then lost. Join has told the
// actor, which numbers what it still has from 6 on.
TEST_F(ExperienceIntakeTest, ARestartedLearnerGoesOnFromWhatItKnows) {
  intake_.Restore({{actor_, 5}});
  EXPECT_EQ(intake_.AcknowledgedSequence(actor_), 5u);
  const uint64_t stream = Open(actor_, peer_);
  ASSERT_TRUE(intake_.Offer(stream, MakeTransitions(5, 4)).ok());  // Already stored.
  EXPECT_EQ(peer_->acks.back().sequence(), 5u);
  EXPECT_EQ(intake_.Offer(stream, MakeTransitions(8, 4)).status().code(),
            absl::StatusCode::kOutOfRange);
  ASSERT_TRUE(intake_.Offer(stream, MakeTransitions(6, 4)).ok());
  EXPECT_EQ(StoreAll(), 1);
  EXPECT_EQ(peer_->acks.back().sequence(), 6u);
  EXPECT_EQ(intake_.AcknowledgedSequences(), (std::map<ActorKey, uint64_t>{{actor_, 6}}));
}

TEST_F(ExperienceIntakeTest, AFirstBatchOfASequenceFarAheadIsRefused) {
  const uint64_t stream = Open(actor_, peer_);
  for (const uint64_t sequence : {uint64_t{2}, uint64_t{1} << 63}) {
    EXPECT_EQ(intake_.Offer(stream, MakeTransitions(sequence, 4)).status().code(),
              absl::StatusCode::kOutOfRange);
  }
}

TEST_F(ExperienceIntakeTest, AnotherIncarnationHasItsOwnSequences) {
  const uint64_t old_stream = Open(actor_, peer_);
  ASSERT_TRUE(intake_.Offer(old_stream, MakeTransitions(1, 4)).ok());
  const auto peer = std::make_shared<FakePeer>();
  const uint64_t stream = Open({"actor-0", 78}, peer);
  ASSERT_TRUE(intake_.Offer(stream, MakeTransitions(1, 4)).ok());
  EXPECT_EQ(StoreAll(), 2);
  EXPECT_FALSE(peer_->ended.has_value());
}

TEST_F(ExperienceIntakeTest, ASecondStreamOfTheSameIncarnationEndsTheFirst) {
  const uint64_t first = Open(actor_, peer_);
  Open(actor_, std::make_shared<FakePeer>());
  ASSERT_TRUE(peer_->ended.has_value());
  EXPECT_EQ(peer_->ended->code(), absl::StatusCode::kAborted);
  intake_.CloseStream(first);
  EXPECT_EQ(intake_.streams(), 1);
}

TEST_F(ExperienceIntakeTest, WhenFullEachStreamWaitsUntilThereIsRoom) {
  const auto other = std::make_shared<FakePeer>();
  const uint64_t a = Open(actor_, peer_);
  const uint64_t b = Open({"actor-1", 5}, other);
  EXPECT_EQ(intake_.Offer(a, MakeTransitions(1, 4)).value(), Next::kRead);
  EXPECT_EQ(intake_.Offer(a, MakeTransitions(2, 4)).value(), Next::kRead);
  EXPECT_EQ(intake_.Offer(a, MakeTransitions(3, 4)).value(), Next::kWait);
  EXPECT_EQ(intake_.Offer(b, MakeTransitions(1, 4)).value(), Next::kWait);
  intake_.Stored(*intake_.Pop());  // Still at the limit.
  EXPECT_EQ(peer_->resumed + other->resumed, 0);
  intake_.Stored(*intake_.Pop());
  EXPECT_EQ(peer_->resumed, 1);
  EXPECT_EQ(other->resumed, 1);
}

// Many more streams than places in the queue: each had a read open when it filled up.
TEST_F(ExperienceIntakeTest, EveryStreamThatWaitsIsReadAgainHoweverManyWait) {
  std::vector<std::shared_ptr<FakePeer>> peers;
  for (uint64_t i = 0; i < 20; ++i) {
    peers.push_back(std::make_shared<FakePeer>());
    const uint64_t stream = Open({"actor", i + 1}, peers.back());
    ASSERT_TRUE(intake_.Offer(stream, MakeTransitions(1, 4)).ok());
  }
  EXPECT_EQ(StoreAll(), 20);
  for (size_t i = 2; i < peers.size(); ++i) EXPECT_EQ(peers[i]->resumed, 1) << i;
}

TEST_F(ExperienceIntakeTest, StreamsThatBringNothingShutNobodyOut) {
  const uint64_t known = Open(actor_, peer_);
  ASSERT_TRUE(intake_.Offer(known, MakeTransitions(1, 4)).ok());
  EXPECT_EQ(StoreAll(), 1);
  std::vector<std::shared_ptr<FakePeer>> idle;
  for (uint64_t i = 0; i < ExperienceIntake::kStreamsMax; ++i) {
    idle.push_back(std::make_shared<FakePeer>());
    Open({"idle", i + 1}, idle.back());
  }
  EXPECT_FALSE(peer_->ended.has_value()) << "it has brought experience";
  EXPECT_EQ(idle.front()->ended->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(intake_.streams(), static_cast<int64_t>(ExperienceIntake::kStreamsMax));
  // A reconnecting actor, and a new one.
  intake_.CloseStream(known);
  EXPECT_TRUE(intake_.OpenStream(actor_, peer_).ok());
  EXPECT_TRUE(intake_.OpenStream({"actor-1", 3}, peer_).ok());
}

TEST_F(ExperienceIntakeTest, ActorsThatWentAwayWithoutBringingAnythingAreForgotten) {
  for (uint64_t i = 0; i < 3 * ExperienceIntake::kStreamsMax; ++i) {
    const auto stream = intake_.OpenStream({"passing", i + 1}, peer_);
    ASSERT_TRUE(stream.ok()) << i << ": " << stream.status();
    intake_.CloseStream(*stream);
  }
}

TEST_F(ExperienceIntakeTest, AfterTheEndNoStreamOpens) {
  Open(actor_, peer_);
  intake_.EndStreams(absl::UnavailableError("stopping"));
  EXPECT_EQ(peer_->ended->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(intake_.OpenStream({"actor-1", 1}, peer_).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(OnPolicyIntake, ARefusedTrajectoryGivesItsStepsBackAndAGoodOneCounts) {
  RolloutCoordinator::Options options;
  options.rollout_steps = 16;
  options.unroll_length = 4;
  options.slots = 4;
  RolloutCoordinator coordinator(options);
  MetricsRegistry registry("learner");
  LearnerMetrics metrics(&registry);
  WakeSignal wake;
  ExperienceIntake intake({}, &coordinator, &metrics, &wake);
  intake.SetSchema(PointSchema(v1::COLLECT_MODE_TRAJECTORIES));
  intake.SetNewestVersion(1);
  coordinator.Consumed(0, 0, 1);
  const auto peer = std::make_shared<FakePeer>();
  const uint64_t stream = intake.OpenStream({"actor-0", 1}, peer).value();
  for (uint64_t group = 0; group < 3; ++group) {
    ASSERT_TRUE(coordinator.Request(stream, {"actor-0", 1}, group, 8).ok());
  }
  intake.Deliver(coordinator.Issue(absl::UnixEpoch()));
  ASSERT_EQ(peer->grants.size(), 2u);
  EXPECT_EQ(coordinator.granted_steps(), 16);

  v1::ExperienceBatch bad = MakeTrajectory(1, 2, peer->grants[0].grant_id(), 1);
  bad.mutable_trajectory()->clear_valid();
  ASSERT_TRUE(intake.Offer(stream, bad).ok());
  ASSERT_TRUE(intake.Offer(stream, MakeTrajectory(2, 2, peer->grants[1].grant_id(), 1)).ok());
  EXPECT_EQ(coordinator.granted_steps(), 0);
  intake.Deliver(coordinator.Issue(absl::UnixEpoch()));
  ASSERT_EQ(peer->grants.size(), 3u);  // 8 of 16 steps came: one more group.
  EXPECT_EQ(peer->grants[2].group(), 2u);

  intake.CloseStream(stream);
  EXPECT_EQ(coordinator.granted_steps(), 0);
}

}  // namespace
}  // namespace armature

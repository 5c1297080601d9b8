#include "actor/link/experience_outbox.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Makes a batch that is identified by its restarted_slots.
v1::ExperienceBatch Batch(uint64_t restarted_slots) {
  v1::ExperienceBatch batch;
  batch.set_restarted_slots(restarted_slots);
  return batch;
}

// Returns (sequence, restarted_slots) of everything to be written now.
std::vector<std::pair<uint64_t, uint64_t>> Drain(ExperienceOutbox* outbox) {
  std::vector<std::pair<uint64_t, uint64_t>> written;
  while (const v1::ExperienceBatch* batch = outbox->Next()) {
    written.emplace_back(batch->sequence(), batch->restarted_slots());
  }
  return written;
}
std::pair<uint64_t, uint64_t> Sent(uint64_t sequence, uint64_t restarted_slots) {
  return {sequence, restarted_slots};
}

TEST(ExperienceOutboxTest, NumbersFromOneAndGivesEachOutOnce) {
  ExperienceOutbox outbox;
  outbox.Rejoin(0);
  outbox.Add(Batch(10));
  outbox.Add(Batch(20));
  EXPECT_THAT(Drain(&outbox), ElementsAre(Sent(1, 10), Sent(2, 20)));
  EXPECT_THAT(Drain(&outbox), IsEmpty());
  outbox.Add(Batch(30));
  EXPECT_THAT(Drain(&outbox), ElementsAre(Sent(3, 30)));
  EXPECT_EQ(outbox.resent(), 0);
}

TEST(ExperienceOutboxTest, KeepsWhatIsNotAcknowledged) {
  ExperienceOutbox outbox;
  outbox.Rejoin(0);
  for (uint64_t i = 1; i <= 3; ++i) outbox.Add(Batch(10 * i));
  Drain(&outbox);
  ASSERT_TRUE(outbox.Acknowledge(2).ok());
  EXPECT_EQ(outbox.size(), 1);
  ASSERT_TRUE(outbox.Acknowledge(2).ok()) << "an acknowledgement may be repeated";
  ASSERT_TRUE(outbox.Acknowledge(3).ok());
  EXPECT_EQ(outbox.size(), 0);
}

TEST(ExperienceOutboxTest, RefusesAnAcknowledgementOfWhatWasNeverSent) {
  ExperienceOutbox outbox;
  outbox.Rejoin(0);
  outbox.Add(Batch(10));
  EXPECT_EQ(outbox.Acknowledge(1).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(outbox.size(), 1);
}

TEST(ExperienceOutboxTest, ResendsOnlyWhatTheLearnerHasNotAdmitted) {
  ExperienceOutbox outbox;
  outbox.Rejoin(0);
  for (uint64_t i = 1; i <= 4; ++i) outbox.Add(Batch(10 * i));
  Drain(&outbox);
  ASSERT_TRUE(outbox.Acknowledge(1).ok());
  outbox.Rejoin(3);  // 2 and 3 were accepted, but their acknowledgements were lost.
  EXPECT_THAT(Drain(&outbox), ElementsAre(Sent(4, 40)));
  EXPECT_EQ(outbox.resent(), 1);
}

TEST(ExperienceOutboxTest, WhatWasAddedWhileTheLearnerWasAwayIsNotAResend) {
  ExperienceOutbox outbox;
  outbox.Rejoin(0);
  outbox.Add(Batch(10));
  Drain(&outbox);
  outbox.Add(Batch(20));
  outbox.Rejoin(0);
  EXPECT_THAT(Drain(&outbox), ElementsAre(Sent(1, 10), Sent(2, 20)));
  EXPECT_EQ(outbox.resent(), 1);
}

TEST(ExperienceOutboxTest, FollowsALearnerThatWentBackToACheckpoint) {
  ExperienceOutbox outbox;
  outbox.Rejoin(0);
  for (uint64_t i = 1; i <= 6; ++i) outbox.Add(Batch(10 * i));
  Drain(&outbox);
  ASSERT_TRUE(outbox.Acknowledge(4).ok());
  outbox.Rejoin(2);  // It has forgotten 3 and 4; no gap may follow 2.
  EXPECT_THAT(Drain(&outbox), ElementsAre(Sent(3, 50), Sent(4, 60)));
  outbox.Add(Batch(70));
  EXPECT_THAT(Drain(&outbox), ElementsAre(Sent(5, 70)));
}

}  // namespace
}  // namespace armature

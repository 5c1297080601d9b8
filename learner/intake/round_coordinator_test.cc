#include "learner/intake/round_coordinator.h"

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Time kNow = absl::UnixEpoch();

// The actor of stream `n`.
ActorKey Actor(uint64_t n) { return {"actor", n}; }

RoundCoordinator::Options TwoActors() {
  RoundCoordinator::Options options;
  options.actors = 2;
  options.steps_per_actor = 40;
  return options;
}

TEST(RoundCoordinator, GrantsARoundOnceToAllWhenItIsOpenAndAllStandReady) {
  RoundCoordinator rounds(TwoActors());
  ASSERT_TRUE(rounds.Request(1, Actor(1), 0, 40).ok());
  ASSERT_TRUE(rounds.Request(1, Actor(1), 0, 40).ok()) << "the same again changes nothing";
  EXPECT_THAT(rounds.Issue(kNow), IsEmpty());
  rounds.Open(/*policy_version=*/3, /*seed=*/9);
  EXPECT_THAT(rounds.Issue(kNow), IsEmpty()) << "one actor is missing";
  ASSERT_TRUE(rounds.Request(2, Actor(2), 0, 40).ok());
  const auto grants = rounds.Issue(kNow);
  ASSERT_THAT(grants, SizeIs(2));
  EXPECT_EQ(grants[0].stream, 1u);
  EXPECT_EQ(grants[1].stream, 2u);
  EXPECT_NE(grants[0].grant_id, grants[1].grant_id);
  for (const auto& grant : grants) {
    EXPECT_EQ(grant.policy_version_min, 3u);
    EXPECT_EQ(grant.seed, 9u);
  }
  ASSERT_TRUE(rounds.Request(1, Actor(1), 0, 40).ok());
  ASSERT_TRUE(rounds.Request(2, Actor(2), 0, 40).ok());
  EXPECT_THAT(rounds.Issue(kNow), IsEmpty()) << "the trainer has not opened the next round";
  rounds.Open(4, std::nullopt);
  EXPECT_THAT(rounds.Issue(kNow), SizeIs(2));
}

TEST(RoundCoordinator, RefusesRoundsOfAnotherSizeAndActorsTooMany) {
  RoundCoordinator rounds(TwoActors());
  EXPECT_EQ(rounds.Request(1, Actor(1), 0, 41).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(rounds.Request(1, Actor(1), 1, 40).code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(rounds.Request(1, Actor(1), 0, 40).ok());
  ASSERT_TRUE(rounds.Request(2, Actor(2), 0, 40).ok());
  const absl::Status third = rounds.Request(3, Actor(3), 0, 40);
  EXPECT_EQ(third.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(third.message(), HasSubstr("cluster.actors=2"));
}

TEST(RoundCoordinator, AnActorMayLeaveBeforeTheFirstRoundOnly) {
  RoundCoordinator rounds(TwoActors());
  ASSERT_TRUE(rounds.Request(1, Actor(1), 0, 40).ok());
  rounds.StreamClosed(1);
  EXPECT_TRUE(rounds.Check().ok());
  rounds.Open(1, 9);
  ASSERT_TRUE(rounds.Request(2, Actor(2), 0, 40).ok());
  EXPECT_THAT(rounds.Issue(kNow), IsEmpty()) << "who left is not waited for";
  ASSERT_TRUE(rounds.Request(3, Actor(3), 0, 40).ok());
  EXPECT_THAT(rounds.Issue(kNow), SizeIs(2));
  rounds.StreamClosed(2);
  EXPECT_EQ(rounds.Check().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(rounds.Check().message(), HasSubstr("an actor left"));
}

TEST(RoundCoordinator, OthersComeAndGoWithoutDisturbingARoundThatHasBegun) {
  RoundCoordinator rounds(TwoActors());
  ASSERT_TRUE(rounds.Request(1, Actor(1), 0, 40).ok());
  ASSERT_TRUE(rounds.Request(2, Actor(2), 0, 40).ok());
  rounds.Open(1, 9);
  const auto grants = rounds.Issue(kNow);
  ASSERT_THAT(grants, SizeIs(2));
  EXPECT_EQ(rounds.Request(3, Actor(3), 0, 40).code(), absl::StatusCode::kFailedPrecondition);
  rounds.StreamClosed(3);
  EXPECT_TRUE(rounds.Check().ok());
  EXPECT_FALSE(rounds.TakesPart(Actor(3)));
  EXPECT_TRUE(rounds.TakesPart(Actor(1)));

  EXPECT_FALSE(rounds.Arrived(Actor(3), 0, 40).ok()) << "it was granted nothing";
  EXPECT_FALSE(rounds.Arrived(Actor(1), grants[1].grant_id, 40).ok()) << "the other's";
  EXPECT_TRUE(rounds.Arrived(Actor(1), grants[0].grant_id, 40).ok());
  EXPECT_TRUE(rounds.Arrived(Actor(2), 0, 40).ok()) << "transitions name no grant";
  EXPECT_FALSE(rounds.Arrived(Actor(2), 0, 40).ok()) << "once";
}

TEST(RoundCoordinator, TheFirstReasonIsTheOneThatIsTold) {
  RoundCoordinator rounds(TwoActors());
  rounds.Break("a batch was refused");
  rounds.Break("something else");
  EXPECT_THAT(rounds.Check().message(), HasSubstr("a batch was refused"));
}

}  // namespace
}  // namespace armature

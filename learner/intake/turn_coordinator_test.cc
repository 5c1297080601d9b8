#include "learner/intake/turn_coordinator.h"

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

TurnCoordinator::Options TwoActors() {
  TurnCoordinator::Options options;
  options.actors = 2;
  options.steps_per_actor = 40;
  return options;
}

TEST(TurnCoordinator, GrantsATurnOnceToAllWhenItIsOpenAndAllStandReady) {
  TurnCoordinator turns(TwoActors());
  ASSERT_TRUE(turns.Request(1, Actor(1), 0, 40).ok());
  ASSERT_TRUE(turns.Request(1, Actor(1), 0, 40).ok()) << "the same again changes nothing";
  EXPECT_THAT(turns.Issue(kNow), IsEmpty());
  turns.Open(/*policy_version=*/3, /*seed=*/9);
  EXPECT_THAT(turns.Issue(kNow), IsEmpty()) << "one actor is missing";
  ASSERT_TRUE(turns.Request(2, Actor(2), 0, 40).ok());
  const auto grants = turns.Issue(kNow);
  ASSERT_THAT(grants, SizeIs(2));
  EXPECT_EQ(grants[0].stream, 1u);
  EXPECT_EQ(grants[1].stream, 2u);
  EXPECT_NE(grants[0].grant_id, grants[1].grant_id);
  for (const auto& grant : grants) {
    EXPECT_EQ(grant.policy_version_min, 3u);
    EXPECT_EQ(grant.seed, 9u);
  }
  ASSERT_TRUE(turns.Request(1, Actor(1), 0, 40).ok());
  ASSERT_TRUE(turns.Request(2, Actor(2), 0, 40).ok());
  EXPECT_THAT(turns.Issue(kNow), IsEmpty()) << "the trainer has not opened the next turn";
  turns.Open(4, std::nullopt);
  EXPECT_THAT(turns.Issue(kNow), SizeIs(2));
}

TEST(TurnCoordinator, RefusesTurnsOfAnotherSizeAndActorsTooMany) {
  TurnCoordinator turns(TwoActors());
  EXPECT_EQ(turns.Request(1, Actor(1), 0, 41).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(turns.Request(1, Actor(1), 1, 40).code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(turns.Request(1, Actor(1), 0, 40).ok());
  ASSERT_TRUE(turns.Request(2, Actor(2), 0, 40).ok());
  const absl::Status third = turns.Request(3, Actor(3), 0, 40);
  EXPECT_EQ(third.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(third.message(), HasSubstr("cluster.actors=2"));
}

TEST(TurnCoordinator, AnActorMayLeaveBeforeTheFirstTurnOnly) {
  TurnCoordinator turns(TwoActors());
  ASSERT_TRUE(turns.Request(1, Actor(1), 0, 40).ok());
  turns.StreamClosed(1);
  EXPECT_TRUE(turns.Check().ok());
  turns.Open(1, 9);
  ASSERT_TRUE(turns.Request(2, Actor(2), 0, 40).ok());
  EXPECT_THAT(turns.Issue(kNow), IsEmpty()) << "who left is not waited for";
  ASSERT_TRUE(turns.Request(3, Actor(3), 0, 40).ok());
  EXPECT_THAT(turns.Issue(kNow), SizeIs(2));
  turns.StreamClosed(2);
  EXPECT_EQ(turns.Check().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(turns.Check().message(), HasSubstr("an actor left"));
}

TEST(TurnCoordinator, OthersComeAndGoWithoutDisturbingATurnThatHasBegun) {
  TurnCoordinator turns(TwoActors());
  ASSERT_TRUE(turns.Request(1, Actor(1), 0, 40).ok());
  ASSERT_TRUE(turns.Request(2, Actor(2), 0, 40).ok());
  turns.Open(1, 9);
  const auto grants = turns.Issue(kNow);
  ASSERT_THAT(grants, SizeIs(2));
  EXPECT_EQ(turns.Request(3, Actor(3), 0, 40).code(), absl::StatusCode::kFailedPrecondition);
  turns.StreamClosed(3);
  EXPECT_TRUE(turns.Check().ok());
  EXPECT_FALSE(turns.TakesPart(Actor(3)));
  EXPECT_TRUE(turns.TakesPart(Actor(1)));

  EXPECT_FALSE(turns.Arrived(Actor(3), 0, 40).ok()) << "it was granted nothing";
  EXPECT_FALSE(turns.Arrived(Actor(1), grants[1].grant_id, 40).ok()) << "the other's";
  EXPECT_TRUE(turns.Arrived(Actor(1), grants[0].grant_id, 40).ok());
  EXPECT_TRUE(turns.Arrived(Actor(2), 0, 40).ok()) << "transitions name no grant";
  EXPECT_FALSE(turns.Arrived(Actor(2), 0, 40).ok()) << "once";
}

TEST(TurnCoordinator, TheFirstReasonIsTheOneThatIsTold) {
  TurnCoordinator turns(TwoActors());
  turns.Break("a batch was refused");
  turns.Break("something else");
  EXPECT_THAT(turns.Check().message(), HasSubstr("a batch was refused"));
}

}  // namespace
}  // namespace armature

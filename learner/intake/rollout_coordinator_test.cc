#include "learner/intake/rollout_coordinator.h"

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "absl/time/time.h"
#include "common/random/rng.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using Grant = RolloutCoordinator::Grant;

constexpr absl::Time kStart = absl::UnixEpoch();

// The actor of stream `n`.
ActorKey Actor(uint64_t n) { return {"actor", n}; }

RolloutCoordinator::Options FourUnrolls(int64_t max_policy_lag = 0) {
  RolloutCoordinator::Options options;
  options.rollout_steps = 40;
  options.unroll_length = 5;
  options.max_policy_lag = max_policy_lag;
  options.slots = 10;
  return options;
}

std::vector<uint64_t> Groups(const std::vector<Grant>& grants) {
  std::vector<uint64_t> groups;
  for (const Grant& grant : grants) groups.push_back(grant.group);
  return groups;
}

TEST(RolloutCoordinator, GrantsNothingBeforeTheFirstPolicy) {
  RolloutCoordinator coordinator(FourUnrolls());
  ASSERT_TRUE(coordinator.Request(1, Actor(1), 0, 10).ok());
  EXPECT_TRUE(coordinator.Issue(kStart).empty());
  coordinator.Consumed(0, 0, /*newest_version=*/1);
  EXPECT_EQ(coordinator.Issue(kStart).size(), 1u);
}

TEST(RolloutCoordinator, GrantsJustWhatTheSetNeedsInOrderOfTheRequests) {
  RolloutCoordinator coordinator(FourUnrolls());
  coordinator.Consumed(0, 0, 3);
  for (uint64_t group = 0; group < 6; ++group) {
    ASSERT_TRUE(coordinator.Request(1, Actor(1), group, 10).ok());
  }
  const std::vector<Grant> grants = coordinator.Issue(kStart);
  EXPECT_EQ(Groups(grants), (std::vector<uint64_t>{0, 1, 2, 3}));
  for (const Grant& grant : grants) EXPECT_EQ(grant.policy_version_min, 3u);
  // Whether arrived, queued or buffered: the set needs no more.
  for (const Grant& grant : grants) {
    EXPECT_TRUE(coordinator.Arrived(Actor(1), grant.grant_id, 10).ok());
  }
  coordinator.Consumed(30, 30, 3);
  EXPECT_TRUE(coordinator.Issue(kStart).empty());
  // After learning from them, the next set begins.
  coordinator.Consumed(10, 0, 4);
  const std::vector<Grant> next = coordinator.Issue(kStart);
  EXPECT_EQ(Groups(next), (std::vector<uint64_t>{4, 5}));
  EXPECT_EQ(next[0].policy_version_min, 4u);
}

TEST(RolloutCoordinator, WithLagItGrantsThatManySetsAhead) {
  RolloutCoordinator coordinator(FourUnrolls(/*max_policy_lag=*/1));
  coordinator.Consumed(0, 0, 5);
  for (uint64_t group = 0; group < 10; ++group) {
    ASSERT_TRUE(coordinator.Request(1, Actor(1), group, 10).ok());
  }
  const std::vector<Grant> grants = coordinator.Issue(kStart);
  ASSERT_EQ(grants.size(), 8u);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(grants[i].policy_version_min, i < 4 ? 4u : 5u);
}

TEST(RolloutCoordinator, WithALagOfOneTheNextSetIsCollectedWhileThisOneIsLearnedFrom) {
  RolloutCoordinator coordinator(FourUnrolls(/*max_policy_lag=*/1));
  coordinator.Consumed(0, 0, 5);
  const auto collect = [&](uint64_t version_min) {
    for (int64_t group = 0; group < 4; ++group) {
      ASSERT_TRUE(coordinator.Request(1, Actor(1), group, 10).ok());
      for (const Grant& grant : coordinator.Issue(kStart)) {
        EXPECT_EQ(grant.policy_version_min, version_min);
        ASSERT_TRUE(coordinator.Arrived(Actor(1), grant.grant_id, 10).ok());
      }
    }
  };
  collect(/*version_min=*/4);
  // The learner learns from these, and says nothing until it is done.
  coordinator.Consumed(40, 40, 5);
  collect(/*version_min=*/5);
  EXPECT_EQ(coordinator.waiting_groups(), 0) << "the next set is there too";
  ASSERT_TRUE(coordinator.Request(1, Actor(1), 4, 10).ok());
  EXPECT_TRUE(coordinator.Issue(kStart).empty()) << "a third set would lag by two";
  coordinator.Consumed(0, 0, 6);
  const std::vector<Grant> grants = coordinator.Issue(kStart);
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].policy_version_min, 6u);
}

TEST(RolloutCoordinator, ABrokenStreamGivesItsStepsBack) {
  RolloutCoordinator coordinator(FourUnrolls());
  coordinator.Consumed(0, 0, 1);
  for (uint64_t group = 0; group < 4; ++group) {
    ASSERT_TRUE(coordinator.Request(1, Actor(1), group, 10).ok());
    ASSERT_TRUE(coordinator.Request(2, Actor(2), group, 10).ok());
  }
  EXPECT_EQ(coordinator.Issue(kStart).size(), 4u);
  coordinator.StreamClosed(1);
  const std::vector<Grant> grants = coordinator.Issue(kStart);
  EXPECT_EQ(Groups(grants), (std::vector<uint64_t>{2, 3}));
  for (const Grant& grant : grants) EXPECT_EQ(grant.stream, 2u);
}

TEST(RolloutCoordinator, AGrantOfAHungActorLapses) {
  RolloutCoordinator coordinator(FourUnrolls());
  coordinator.Consumed(0, 0, 1);
  ASSERT_TRUE(coordinator.Request(1, Actor(1), 0, 40).ok());
  const std::vector<Grant> hung = coordinator.Issue(kStart);
  ASSERT_TRUE(coordinator.Request(2, Actor(2), 0, 40).ok());
  EXPECT_TRUE(coordinator.Issue(kStart + absl::Seconds(29)).empty());
  EXPECT_EQ(coordinator.next_deadline(), kStart + absl::Seconds(30));
  EXPECT_EQ(coordinator.Issue(kStart + absl::Seconds(30)).size(), 1u);
  EXPECT_EQ(coordinator.lapsed_grants(), 1u);
  // Its trajectory may arrive late, and is counted once.
  EXPECT_TRUE(coordinator.Arrived(Actor(1), hung[0].grant_id, 40).ok());
  EXPECT_FALSE(coordinator.Arrived(Actor(1), hung[0].grant_id, 40).ok());
  EXPECT_EQ(coordinator.granted_steps(), 40);
}

TEST(RolloutCoordinator, AGrantIsWaitedForAsLongAsItsActorIsAtWorkOnIt) {
  RolloutCoordinator coordinator(FourUnrolls());
  coordinator.Consumed(0, 0, 1);
  ASSERT_TRUE(coordinator.Request(1, Actor(1), 0, 20).ok());
  ASSERT_TRUE(coordinator.Request(1, Actor(1), 1, 20).ok());
  const std::vector<Grant> grants = coordinator.Issue(kStart);
  ASSERT_EQ(grants.size(), 2u);
  ASSERT_TRUE(coordinator.Request(2, Actor(2), 0, 40).ok());
  absl::Time now = kStart;
  std::vector<uint64_t> named_by_second = {grants[1].grant_id};  // Not its own.
  for (int beat = 0; beat < 100; ++beat) {
    now += absl::Seconds(5);
    coordinator.Renew(Actor(1), {grants[0].grant_id}, now);
    coordinator.Renew(Actor(2), named_by_second, now);
    for (const Grant& grant : coordinator.Issue(now)) named_by_second.push_back(grant.grant_id);
  }
  EXPECT_EQ(named_by_second.size(), 2u);
  EXPECT_EQ(coordinator.lapsed_grants(), 1u) << "of the group that is not worked on";
  EXPECT_EQ(coordinator.next_deadline(), now + absl::Seconds(30));
  EXPECT_TRUE(coordinator.Arrived(Actor(1), grants[0].grant_id, 20).ok());
}

TEST(RolloutCoordinator, AGrantIsAnsweredByItsActorWithItsStepsOnly) {
  RolloutCoordinator coordinator(FourUnrolls());
  coordinator.Consumed(0, 0, 1);
  for (uint64_t group = 0; group < 4; ++group) {
    ASSERT_TRUE(coordinator.Request(1, Actor(1), group, 10).ok());
  }
  const std::vector<Grant> grants = coordinator.Issue(kStart);
  ASSERT_EQ(grants.size(), 4u);
  EXPECT_FALSE(coordinator.Arrived(Actor(2), grants[0].grant_id, 10).ok());
  EXPECT_FALSE(coordinator.Arrived(Actor(1), grants[0].grant_id + 1, 10).ok());
  EXPECT_EQ(coordinator.granted_steps(), 40);
  EXPECT_FALSE(coordinator.Arrived(Actor(1), grants[0].grant_id, 40).ok());
  EXPECT_EQ(coordinator.granted_steps(), 30) << "it is collected anew";
  // After a lost connection the actor resends what was not acknowledged.
  coordinator.StreamClosed(1);
  EXPECT_EQ(coordinator.granted_steps(), 0);
  EXPECT_TRUE(coordinator.Arrived(Actor(1), grants[1].grant_id, 10).ok());
}

TEST(RolloutCoordinator, ARefusedTrajectoryIsCollectedAnew) {
  RolloutCoordinator coordinator(FourUnrolls());
  coordinator.Consumed(0, 0, 1);
  ASSERT_TRUE(coordinator.Request(1, Actor(1), 0, 40).ok());
  const std::vector<Grant> grants = coordinator.Issue(kStart);
  EXPECT_TRUE(coordinator.Arrived(Actor(1), grants[0].grant_id, /*steps=*/0).ok());
  ASSERT_TRUE(coordinator.Request(1, Actor(1), 0, 40).ok());
  EXPECT_EQ(coordinator.Issue(kStart).size(), 1u);
}

TEST(RolloutCoordinator, AskingTwiceIsAskingOnce) {
  RolloutCoordinator coordinator(FourUnrolls());
  ASSERT_TRUE(coordinator.Request(1, Actor(1), 0, 10).ok());
  ASSERT_TRUE(coordinator.Request(1, Actor(1), 0, 10).ok());
  EXPECT_EQ(coordinator.waiting_groups(), 1);
}

TEST(RolloutCoordinator, StepsThatFitNoSetAreRefused) {
  RolloutCoordinator coordinator(FourUnrolls());
  for (const int64_t steps : {-5, 0, 7, 45}) {
    const absl::Status status = coordinator.Request(1, Actor(1), 0, steps);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << steps;
    EXPECT_THAT(status.message(), testing::HasSubstr("collect.steps"));
  }
}

TEST(RolloutCoordinator, RequestsAreBoundedByTheSlotsOfAnActor) {
  RolloutCoordinator coordinator(FourUnrolls());
  const absl::Status status = coordinator.Request(1, Actor(1), 10, 10);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), testing::HasSubstr("collect.group=10"));
  EXPECT_TRUE(coordinator.Request(1, Actor(1), 9, 10).ok());
}

// Actors die, hang, return and send late, at random. As long as one group asks and may answer, sets
// keep being filled, and there is never more under way than needed.
TEST(RolloutCoordinator, NeverBlocksWhateverActorsDo) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng({seed});
    const int64_t lag = rng.Index(3);
    const int64_t group_steps = 5 * (1 + rng.Index(4));
    RolloutCoordinator coordinator(FourUnrolls(lag));
    absl::Time now = kStart;
    uint64_t version = 1;
    uint64_t next_stream = 1;
    int64_t queued = 0;
    int64_t buffered = 0;
    std::set<uint64_t> streams;
    std::vector<Grant> held;  // By actors.
    coordinator.Consumed(0, 0, version);
    const auto settle = [&] {
      coordinator.Consumed(queued, buffered += queued, version);
      queued = 0;
      if (buffered >= 40) coordinator.Consumed(0, buffered = 0, ++version);
      const std::vector<Grant> issued = coordinator.Issue(now);
      for (const Grant& grant : issued) {
        if (streams.count(grant.stream)) held.push_back(grant);
      }
      // The limit, plus one unroll's surplus and late answers to lapsed grants.
      if (!issued.empty()) {
        ASSERT_LT(coordinator.granted_steps() + buffered, 40 * (1 + lag) + group_steps);
      }
    };
    for (int event = 0; event < 300; ++event) {
      const int64_t kind = rng.Index(10);
      if (streams.empty() || kind == 0) {
        streams.insert(next_stream);
        for (uint64_t group = 0; group < 3; ++group) {
          ASSERT_TRUE(
              coordinator.Request(next_stream, Actor(next_stream), group, group_steps).ok());
        }
        ++next_stream;
      } else if (kind == 1) {
        const uint64_t dead = *streams.begin();
        streams.erase(dead);
        coordinator.StreamClosed(dead);
      } else if (kind == 2) {
        now += absl::Seconds(rng.Index(40));
      } else if (!held.empty()) {
        const size_t at = rng.Index(held.size());
        const Grant grant = held[at];
        held.erase(held.begin() + at);
        if (kind == 3) continue;  // Hangs: never answers.
        const bool refused = kind == 4;
        ASSERT_TRUE(
            coordinator.Arrived(Actor(grant.stream), grant.grant_id, refused ? 0 : group_steps)
                .ok());
        if (!refused) queued += group_steps;
        if (streams.count(grant.stream)) {
          ASSERT_TRUE(
              coordinator.Request(grant.stream, Actor(grant.stream), grant.group, group_steps)
                  .ok());
        }
      }
      settle();
    }
    // From here on one well-behaved actor: it must complete the next set.
    held.clear();
    streams = {next_stream};
    for (uint64_t stream = 1; stream < next_stream; ++stream) coordinator.StreamClosed(stream);
    for (uint64_t group = 0; group < 2; ++group) {
      ASSERT_TRUE(coordinator.Request(next_stream, Actor(next_stream), group, group_steps).ok());
    }
    const uint64_t version_before = version;
    now += absl::Seconds(31);
    settle();
    for (int step = 0; step < 100 && version == version_before; ++step) {
      ASSERT_FALSE(held.empty()) << "blocked, seed " << seed;
      const Grant grant = held.front();
      held.erase(held.begin());
      ASSERT_LE(grant.policy_version_min, version);
      ASSERT_TRUE(coordinator.Arrived(Actor(grant.stream), grant.grant_id, group_steps).ok());
      queued += group_steps;
      ASSERT_TRUE(
          coordinator.Request(next_stream, Actor(next_stream), grant.group, group_steps).ok());
      settle();
    }
    EXPECT_GT(version, version_before) << "seed " << seed;
  }
}

TEST(RolloutCoordinator, OnceTrainingIsOverNoDeadlineIsLeft) {
  RolloutCoordinator coordinator(FourUnrolls());
  coordinator.Consumed(0, 0, /*newest_version=*/1);
  ASSERT_TRUE(coordinator.Request(1, Actor(1), 0, 10).ok());
  const std::vector<Grant> grants = coordinator.Issue(kStart);
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_LT(coordinator.next_deadline(), absl::InfiniteFuture());
  coordinator.Finish();
  EXPECT_EQ(coordinator.next_deadline(), absl::InfiniteFuture());
  // Refused like a lapsed grant.
  EXPECT_FALSE(coordinator.Arrived(Actor(1), grants[0].grant_id, 10).ok());
  EXPECT_EQ(coordinator.granted_steps(), 0);
}

}  // namespace
}  // namespace armature

// Where the actor's sessions are and what reaches the learner, with fake peers that are killed,
// restarted or refuse.
#include "actor/actor.h"

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "actor/testing/fixture/actor_fixture.h"
#include "common/files/atomic_file.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

TEST_F(ActorTest, EveryTransitionArrivesOnceAndWhole) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer({});
  StartActor();
  const auto batches = learner.AwaitBatches(50);
  ready_.WaitForNotification();
  EXPECT_EQ(ready_line_,
            absl::StrCat("actor actor-0 ready: learner ", learner.address(), ", 4 envs of line on ",
                         env_server.address(), ", device cpu"));
  std::map<int32_t, std::vector<Seen>> by_slot;
  for (const Seen& seen : CheckTransitions(batches)) by_slot[seen.slot].push_back(seen);
  ASSERT_EQ(by_slot.size(), 4u);
  for (const auto& entry : by_slot) {
    int64_t time = 0;  // No step of a slot is missing, and all are in order.
    for (const Seen& seen : entry.second) {
      EXPECT_EQ(seen.episode * kHorizon + seen.clock, time++);
    }
  }
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(env_server.bad_actions(), 0);
  EXPECT_EQ(learner.duplicates(), 0);
  EXPECT_EQ(learner.gaps(), 0);
}

TEST_F(ActorTest, AServerMayTakeAsLongToMakeTheEnvironmentAsTheContractAllows) {
  StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer({});
  StartActor();
  env_server.AwaitSessions(1);
  EXPECT_TRUE(Finish().ok());
  EXPECT_GT(env_server.describe_timeout(), absl::Seconds(v1::ENV_LIMIT_START_S));
}

TEST_F(ActorTest, SlotsAreDividedOverTheServersAndSeededApart) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& first = AddEnvServer({});
  FakeEnvServer& second = AddEnvServer({});
  StartActor();
  first.AwaitSessions(1);
  second.AwaitSessions(1);
  learner.AwaitBatches(20);
  EXPECT_TRUE(Finish().ok());
  const v1::OpenSession a = first.opened()[0], b = second.opened()[0];
  EXPECT_EQ(a.num_envs(), 2u);
  EXPECT_EQ(b.num_envs(), 2u);
  EXPECT_EQ(a.num_groups(), 2u);
  EXPECT_EQ(a.seed(), b.seed()) << "slots, not servers, make the episodes differ";
  EXPECT_EQ(std::set<uint64_t>({a.first_slot(), b.first_slot()}), std::set<uint64_t>({0, 2}));
}

class StoredActionTest : public ActorTest,
                         public ::testing::WithParamInterface<v1::StoredAction> {};

TEST_P(StoredActionTest, TransitionsHaveTheActionThatTheLearnerAsksFor) {
  FakeLearner::Options options = OffPolicy();
  options.join.set_stored_action(GetParam());
  FakeLearner& learner = StartLearner(options);
  FakeEnvServer::Options lowest;
  lowest.executes_lowest = true;
  AddEnvServer(lowest);
  StartActor();
  const auto batches = learner.AwaitBatches(10);
  CheckTransitions(batches);
  bool are_lowest = true;
  for (const v1::ExperienceBatch& batch : batches) {
    for (const float value : TensorValues<float>(batch.transitions().action())) {
      are_lowest &= value == -1;
    }
  }
  EXPECT_EQ(are_lowest, GetParam() == v1::STORED_ACTION_EXECUTED);
  EXPECT_TRUE(Finish().ok());
}

INSTANTIATE_TEST_SUITE_P(Both, StoredActionTest,
                         ::testing::Values(v1::STORED_ACTION_PROPOSED, v1::STORED_ACTION_EXECUTED),
                         [](const auto& info) { return v1::StoredAction_Name(info.param); });

TEST_F(ActorTest, AnActorThatCannotStoreWhatTheLearnerAsksForSaysWhy) {
  FakeLearner::Options options = OffPolicy();
  options.join.set_stored_action(v1::STORED_ACTION_EXECUTED);
  StartLearner(options);
  AddEnvServer({});
  StartActor();
  const absl::Status status = Join();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("line does not report executed actions"));
}

TEST_F(ActorTest, AnEnvServerThatIsKilledCostsItsOwnSlotsOnlyAndIsTakenBack) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& stays = AddEnvServer({});
  FakeEnvServer& dies = AddEnvServer({});
  StartActor();
  stays.AwaitSessions(1);
  dies.AwaitSessions(1);
  size_t count = learner.AwaitBatches(10).size();
  dies.Stop();
  count = learner.AwaitBatches(count + 20).size();  // The other sessions continue.
  dies.Start();
  dies.AwaitSessions(2);
  while (metrics_.reconnects_envserver.value() < 1) learner.AwaitBatches(++count);
  const auto batches = learner.AwaitBatches(count + 40);
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(metrics_.reconnects_envserver.value(), 1);
  EXPECT_NE(dies.opened()[0].seed(), dies.opened()[1].seed())
      << "a reopened session would repeat its first episodes";
  EXPECT_EQ(dies.opened()[0].first_slot(), dies.opened()[1].first_slot());
  EXPECT_EQ(stays.opened().size(), 1u);
  // Slots of the lost session come back in a new session. The two are not mixed up
  // (CheckTransitions) and nothing comes twice.
  CheckTransitions(batches);
  EXPECT_EQ(learner.duplicates(), 0);
}

TEST_F(ActorTest, AServerThatIsMissingIsReplacedByAnotherAndUsedOnceItIsThere) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& present = AddEnvServer({});
  FakeEnvServer& late = AddEnvServer({}, /*start=*/false);
  StartActor();
  present.AwaitSessions(2);  // Its own shard, then the late one's.
  learner.AwaitBatches(10);
  late.Start();
  late.AwaitSessions(1);  // The shard returns to its home.
  CheckTransitions(learner.AwaitBatches(40));
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, AServerThatIsAddedToTheListTakesItsShareAndNothingElseMoves) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& first = AddEnvServer({});
  FakeEnvServer& second = AddEnvServer({});
  const std::string list = ::testing::TempDir() + "/added_server";
  ASSERT_TRUE(WriteDurably(list, first.address() + "\n").ok());
  options_.env_servers = "file:" + list;
  StartActor();
  size_t count = learner.AwaitBatches(10).size();
  ASSERT_TRUE(WriteDurably(list, first.address() + "\n" + second.address() + "\n").ok());
  second.AwaitSessions(1);
  const auto batches = learner.AwaitBatches(count + 40);
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(second.opened()[0].num_envs(), 2u);
  EXPECT_EQ(first.opened().size(), 2u) << "a session that stays is not opened again";
  EXPECT_EQ(second.opened().size(), 1u);
  // All slots begin together and have the same horizon, so the move waits for the end of the
  // episode.
  std::map<std::tuple<int32_t, int64_t, int64_t>, int64_t> steps;
  for (const Seen& seen : CheckTransitions(batches)) {
    ++steps[{seen.slot, seen.session, seen.episode}];
  }
  std::map<int32_t, int64_t> cut_short;
  for (const auto& [key, length] : steps) {
    if (length < kHorizon) ++cut_short[std::get<0>(key)];
  }
  for (const auto& [slot, episodes] : cut_short) EXPECT_LE(episodes, 1) << slot;
}

TEST_F(ActorTest, AnActorThatIsStartedAgainBeginsOtherEpisodes) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer({});
  StartActor();
  learner.AwaitBatches(3);
  StartAnotherLife();
  env_server.AwaitSessions(2);
  EXPECT_TRUE(Finish().ok());
  EXPECT_NE(env_server.opened()[0].seed(), env_server.opened()[1].seed());
}

TEST_F(ActorTest, InAReproducibleRunEveryLifeOfAnActorIsTheSame) {
  FakeLearner::Options options = OffPolicy();
  options.join.set_in_rounds(true);
  StartLearner(options);
  FakeEnvServer& env_server = AddEnvServer({});
  StartActor();
  env_server.AwaitSessions(1);
  StartAnotherLife();
  env_server.AwaitSessions(2);
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(env_server.opened()[0].seed(), env_server.opened()[1].seed());
}

TEST_F(ActorTest, ALearnerThatComesBackWithOtherSettingsIsObeyed) {
  FakeLearner::Options options = OnPolicy();
  FakeLearner& learner = StartLearner(options);
  FakeEnvServer& env_server = AddEnvServer({});
  learner.Publish(Policy(options.join.policy(), 1));
  StartActor();
  size_t count = learner.AwaitBatches(5).size();
  learner.Stop();
  options.join.set_unroll_length(6);
  options.join.set_num_envs(6);
  learner.SetJoin(options.join);
  learner.Start();
  const auto is_new = [](const v1::ExperienceBatch& batch) {
    const v1::Tensor& observation = batch.trajectory().observation();
    return observation.shape(0) == 7 && observation.shape(1) == 3;
  };
  while (!is_new(learner.AwaitBatches(++count).back())) {
  }
  EXPECT_TRUE(is_new(learner.AwaitBatches(count + 3).back()));
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(learner.gaps(), 0);
  EXPECT_EQ(env_server.opened().back().num_envs(), 6u);
}

TEST_F(ActorTest, AKilledLearnerGetsWhatItHadNotAdmittedAndNothingTwice) {
  FakeLearner& learner = StartLearner(OffPolicy());
  AddEnvServer({});
  learner.LimitAdmission(10);
  learner.LimitAcks(8);  // 9 and 10 are accepted without the actor knowing.
  StartActor();
  learner.AwaitRead(11);
  learner.Stop();
  learner.LimitAdmission(std::numeric_limits<uint64_t>::max());
  learner.LimitAcks(std::numeric_limits<uint64_t>::max());
  learner.Start();
  const auto batches = learner.AwaitBatches(40);
  EXPECT_TRUE(Finish().ok());
  std::map<int32_t, int64_t> time;
  for (const Seen& seen : CheckTransitions(batches)) {
    EXPECT_EQ(seen.episode * kHorizon + seen.clock, time[seen.slot]++) << "slot " << seen.slot;
  }
  EXPECT_EQ(learner.duplicates(), 0) << "Join said what was admitted";
  EXPECT_EQ(learner.gaps(), 0);
  EXPECT_EQ(metrics_.reconnects_learner.value(), 1);
  EXPECT_EQ(metrics_.batches_resent.value(), 1);
}

TEST_F(ActorTest, ALearnerThatWentBackToACheckpointSeesNoGap) {
  FakeLearner& learner = StartLearner(OffPolicy());
  AddEnvServer({});
  StartActor();
  learner.AwaitBatches(10);
  learner.Stop();
  learner.ForgetAbove(4);
  learner.Start();
  learner.AwaitBatches(30);
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(learner.gaps(), 0);
}

TEST_F(ActorTest, ALearnerThatAsksForJoinAgainGetsIt) {
  FakeLearner& learner = StartLearner(OffPolicy());
  AddEnvServer({});
  StartActor();
  learner.AwaitBatches(5);
  learner.Stop();
  learner.Start();
  learner.AwaitBatches(20);
  EXPECT_GE(learner.joins(), 2);
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, SteppingStopsAtTheBoundOfUnacknowledgedBatches) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer({FakeEnvServer::Options{5, /*lease_s=*/0.3}});
  learner.LimitAcks(0);
  StartActor();
  learner.AwaitRead(3);
  // While waiting it keeps its leases: the heartbeats show that it does not step.
  env_server.AwaitHeartbeats(3);
  EXPECT_EQ(learner.read(), 3);
  EXPECT_EQ(metrics_.unacked_batches.value(), 3);
  const double steps = metrics_.env_steps.value();
  env_server.AwaitHeartbeats(5);
  EXPECT_EQ(metrics_.env_steps.value(), steps);
  EXPECT_GT(metrics_.wait_learner.value(), 0);
  learner.LimitAcks(std::numeric_limits<uint64_t>::max());
  CheckTransitions(learner.AwaitBatches(20));
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, RestartedStepsAreDroppedAndCounted) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer::Options options;
  options.restart_period = 3;
  AddEnvServer(options);
  StartActor();
  const auto batches = learner.AwaitBatches(30);
  EXPECT_TRUE(Finish().ok());
  CheckTransitions(batches);
  uint64_t restarted = 0;
  for (const v1::ExperienceBatch& batch : batches) restarted += batch.restarted_slots();
  EXPECT_GT(restarted, 0u);
  EXPECT_GE(metrics_.slot_restarts.value(), static_cast<double>(restarted));
}

TEST_F(ActorTest, AServerThatSendsNanLosesItsSessionAndOthersGoOn) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer::Options bad;
  bad.sends_nan = true;
  FakeEnvServer& sends_nan = AddEnvServer(bad);
  AddEnvServer({});
  StartActor();
  sends_nan.AwaitSessions(2);
  CheckTransitions(learner.AwaitBatches(30));
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, PolicyUpdatesAreTakenInAndBadOnesRefused) {
  FakeLearner& learner = StartLearner(OffPolicy());
  AddEnvServer({});
  StartActor();
  const v1::PolicySpec spec = OffPolicy().join.policy();
  learner.AwaitBatches(2);
  learner.Publish(Policy(spec, 1));
  auto version_of_last = [&](size_t count) {
    const auto batches = learner.AwaitBatches(count);
    return TensorValues<int64_t>(batches.back().transitions().policy_version()).back();
  };
  size_t count = 2;
  while (version_of_last(++count) < 1) {
  }
  v1::PolicyUpdate broken = Policy(spec, 2);
  broken.set_checksum(broken.checksum() + 1);
  learner.Publish(broken);
  while (metrics_.policy_updates_refused.value() < 1) learner.AwaitBatches(++count);
  EXPECT_EQ(metrics_.policy_version.value(), 1);
  learner.Publish(Policy(spec, 3));
  while (version_of_last(++count) < 3) {
  }
  EXPECT_EQ(metrics_.policy_updates.value(), 2);
  EXPECT_TRUE(Finish().ok());
}

}  // namespace
}  // namespace armature

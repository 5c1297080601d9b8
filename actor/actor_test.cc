// The whole actor, with fake peers that are killed, restarted or refuse.
#include "actor/actor.h"

#include <map>
#include <memory>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

#include "ATen/ops/full.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "actor/testing/fake_env_server.h"
#include "actor/testing/fake_learner.h"
#include "common/files/atomic_file.h"
#include "common/policy/policy_network.h"
#include "common/policy/policy_wire.h"
#include "common/rpc/protocol.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kHorizon = 5;
constexpr int64_t kD = 3;

v1::JoinResponse Join(v1::CollectMode mode) {
  v1::JoinResponse join;
  join.set_env_id("line");
  join.set_collect_mode(mode);
  join.set_unroll_length(4);
  join.set_transitions_per_batch(8);
  join.set_unacked_batches_max(3);
  join.set_seed(11);
  join.set_num_envs(4);
  join.set_num_groups(2);
  v1::PolicySpec* policy = join.mutable_policy();
  policy->set_head(mode == v1::COLLECT_MODE_TRAJECTORIES ? v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN
                                                         : v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN);
  policy->add_hidden_sizes(8);
  policy->set_activation(v1::PolicySpec::ACTIVATION_RELU);
  policy->set_observation_size(kD);
  policy->set_action_size(2);
  join.mutable_exploration()->set_random_until_version(mode == v1::COLLECT_MODE_TRANSITIONS ? 1
                                                                                            : 0);
  return join;
}

v1::PolicyUpdate Policy(const v1::PolicySpec& spec, uint64_t version) {
  auto network = PolicyNetwork::Create(spec, c10::Device(c10::kCPU));
  NamedTensors tensors;
  for (const auto& entry : (*network)->tensors()) {
    tensors.emplace_back(entry.first, at::full(entry.second.sizes(), 0.01));
  }
  v1::PolicyUpdate update;
  update.set_version(version);
  EncodePolicy(tensors, &update);
  return update;
}

// What identifies one transition of environment "line".
struct Seen {
  int32_t slot;
  int64_t session;
  int64_t episode;
  int64_t clock;
  auto key() const { return std::make_tuple(slot, session, episode, clock); }
};

// Checks each transition by itself, that none comes twice, and that exactly the episodes whose last
// transition has arrived are reported. Returns all transitions.
std::vector<Seen> CheckTransitions(const std::vector<v1::ExperienceBatch>& batches) {
  std::vector<Seen> all;
  std::set<std::tuple<int32_t, int64_t, int64_t, int64_t>> keys;
  int64_t ends = 0, episodes = 0;
  for (const v1::ExperienceBatch& batch : batches) {
    const v1::TransitionBatch& transitions = batch.transitions();
    const int64_t n = transitions.observation().shape(0);
    EXPECT_TRUE(
        CheckTensor(transitions.observation(), v1::DTYPE_FLOAT32, {n, kD}, "observation").ok());
    EXPECT_TRUE(CheckTensor(transitions.action(), v1::DTYPE_FLOAT32, {n, 2}, "action").ok());
    const auto observation = TensorValues<float>(transitions.observation());
    const auto next = TensorValues<float>(transitions.next_observation());
    const auto reward = TensorValues<float>(transitions.reward());
    const auto truncated = TensorValues<uint8_t>(transitions.truncated());
    const auto slots = TensorValues<int32_t>(transitions.slot());
    for (float value : TensorValues<float>(transitions.action())) {
      EXPECT_GE(value, -1);
      EXPECT_LE(value, 1);
    }
    for (int64_t i = 0; i < n; ++i) {
      const Seen seen = {slots[i], static_cast<int64_t>(observation[i * kD]),
                         static_cast<int64_t>(observation[i * kD + 1]),
                         static_cast<int64_t>(observation[i * kD + 2])};
      EXPECT_TRUE(keys.insert(seen.key()).second) << "slot " << seen.slot << " twice";
      EXPECT_EQ(next[i * kD], observation[i * kD]);
      EXPECT_EQ(next[i * kD + 1], observation[i * kD + 1]) << "of another episode";
      EXPECT_EQ(next[i * kD + 2], seen.clock + 1);
      EXPECT_EQ(reward[i], seen.clock + 1);
      EXPECT_EQ(truncated[i], seen.clock + 1 == kHorizon);
      ends += truncated[i];
      all.push_back(seen);
    }
    for (const v1::Episode& episode : batch.episodes()) {
      EXPECT_EQ(episode.length(), kHorizon);
      EXPECT_EQ(episode.return_sum(), kHorizon * (kHorizon + 1) / 2);
      EXPECT_TRUE(episode.is_success());
    }
    episodes += batch.episodes_size();
  }
  // A batch may report an episode whose last transition is in the next batch.
  EXPECT_GE(episodes, ends);
  EXPECT_LE(episodes, ends + 4);
  return all;
}

class ActorTest : public ::testing::Test {
 protected:
  ~ActorTest() override { Finish().IgnoreError(); }

  FakeLearner& StartLearner(FakeLearner::Options options) {
    learner_ = std::make_unique<FakeLearner>(options);
    learner_->Start();
    return *learner_;
  }
  FakeEnvServer& AddEnvServer(FakeEnvServer::Options options, bool start = true) {
    if (options.horizon != 0) options.horizon = kHorizon;
    env_servers_.push_back(std::make_unique<FakeEnvServer>(options));
    if (start) env_servers_.back()->Start();
    return *env_servers_.back();
  }
  void StartActor() {
    std::vector<std::string> addresses;
    for (const auto& server : env_servers_) addresses.push_back(server->address());
    options_.learner = learner_->address();
    if (options_.env_servers.empty()) options_.env_servers = absl::StrJoin(addresses, ",");
    options_.name = "actor-0";
    actor_ = std::make_unique<Actor>(options_, &metrics_);
    thread_ = std::thread([this] {
      status_ = actor_->Run([this](const std::string& line) {
        ready_line_ = line;
        if (!ready_.HasBeenNotified()) ready_.Notify();
      });
    });
  }
  // Waits for the end that the test has caused.
  absl::Status Join() {
    thread_.join();
    return status_;
  }
  absl::Status Finish() {
    if (!thread_.joinable()) return status_;
    actor_->Stop();
    return Join();
  }

  ActorOptions options_;
  MetricsRegistry registry_{"actor"};
  ActorMetrics metrics_{&registry_};
  std::vector<std::unique_ptr<FakeEnvServer>> env_servers_;
  std::unique_ptr<FakeLearner> learner_;
  std::unique_ptr<Actor> actor_;
  std::thread thread_;
  absl::Status status_;
  absl::Notification ready_;
  std::string ready_line_;
};

FakeLearner::Options OffPolicy() { return {armature::Join(v1::COLLECT_MODE_TRANSITIONS), true}; }
FakeLearner::Options OnPolicy() { return {armature::Join(v1::COLLECT_MODE_TRAJECTORIES), true}; }

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
  EXPECT_TRUE(Finish().ok());
  options_.incarnation = NewIncarnation();
  StartActor();
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
  EXPECT_TRUE(Finish().ok());
  options_.incarnation = NewIncarnation();
  StartActor();
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

TEST_F(ActorTest, TrajectoriesBeginOnAGrantWithAPolicyAsNewAsItDemands) {
  FakeLearner::Options options = OnPolicy();
  options.grants = false;
  FakeLearner& learner = StartLearner(options);
  FakeEnvServer& env_server = AddEnvServer({FakeEnvServer::Options{5, /*lease_s=*/0.3}});
  StartActor();
  const v1::CollectRequest first = learner.AwaitCollectRequest();
  const v1::CollectRequest second = learner.AwaitCollectRequest();
  EXPECT_EQ(std::set<uint64_t>({first.group(), second.group()}), std::set<uint64_t>({0, 1}));
  EXPECT_EQ(first.steps(), 8u);  // T = 4, two slots.
  learner.Publish(Policy(options.join.policy(), 1));
  env_server.AwaitHeartbeats(2);
  EXPECT_EQ(metrics_.env_steps.value(), 0) << "no step without a grant";
  v1::CollectGrant grant;
  grant.set_group(second.group());
  grant.set_grant_id(77);
  grant.set_policy_version_min(2);
  learner.Grant(grant);
  env_server.AwaitHeartbeats(4);
  EXPECT_EQ(metrics_.env_steps.value(), 0) << "no step with an older policy";
  EXPECT_GT(metrics_.wait_grant.value(), 0);
  learner.Publish(Policy(options.join.policy(), 2));
  const v1::ExperienceBatch batch = learner.AwaitBatches(1)[0];
  const v1::TrajectoryBatch& trajectory = batch.trajectory();
  EXPECT_EQ(trajectory.grant_id(), 77u);
  EXPECT_EQ(trajectory.policy_version(), 2u);
  EXPECT_TRUE(
      CheckTensor(trajectory.observation(), v1::DTYPE_FLOAT32, {5, 2, kD}, "observation").ok());
  EXPECT_TRUE(CheckTensor(trajectory.action(), v1::DTYPE_FLOAT32, {4, 2, 2}, "action").ok());
  EXPECT_EQ(learner.AwaitCollectRequest().group(), second.group()) << "asks again at once";
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, TrajectoriesFollowEachOtherWithoutAGap) {
  FakeLearner::Options options = OnPolicy();
  FakeLearner& learner = StartLearner(options);
  AddEnvServer({});
  learner.Publish(Policy(options.join.policy(), 1));
  StartActor();
  const auto batches = learner.AwaitBatches(20);
  EXPECT_TRUE(Finish().ok());
  // Horizon 5, T = 4: the rewards (the clock) continue across trajectories.
  int64_t episodes = 0, ends = 0;
  for (const v1::ExperienceBatch& batch : batches) {
    const auto observation = TensorValues<float>(batch.trajectory().observation());
    const auto reward = TensorValues<float>(batch.trajectory().reward());
    const auto truncated = TensorValues<uint8_t>(batch.trajectory().truncated());
    for (int64_t t = 0; t < 4; ++t) {
      for (int64_t slot = 0; slot < 2; ++slot) {
        const int64_t i = t * 2 + slot;
        EXPECT_EQ(reward[i], observation[i * kD + 2] + 1);
        EXPECT_EQ(truncated[i], reward[i] == kHorizon);
        const float after = observation[(i + 2) * kD + 2];
        EXPECT_EQ(after, truncated[i] ? 0 : reward[i]);
        ends += truncated[i];
      }
    }
    EXPECT_EQ(batch.trajectory().final_observation().shape(0),
              std::count(truncated.begin(), truncated.end(), 1));
    episodes += batch.episodes_size();
  }
  EXPECT_GE(episodes, ends);
  EXPECT_LE(episodes, ends + 2) << "the other group's, in a trajectory still to come";
}

TEST_F(ActorTest, ARestartedLearnerIsAskedForGrantsAgain) {
  FakeLearner::Options options = OnPolicy();
  options.grants = false;
  FakeLearner& learner = StartLearner(options);
  AddEnvServer({});
  learner.Publish(Policy(options.join.policy(), 1));
  StartActor();
  learner.AwaitCollectRequest();
  learner.AwaitCollectRequest();
  learner.Stop();
  learner.Start();
  const v1::CollectRequest again = learner.AwaitCollectRequest();
  v1::CollectGrant grant;
  grant.set_group(again.group());
  grant.set_grant_id(1);
  learner.Grant(grant);
  EXPECT_EQ(learner.AwaitBatches(1)[0].trajectory().grant_id(), 1u);
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, ALostTrajectoryIsBegunAnewUnderItsGrant) {
  FakeLearner::Options options = OnPolicy();
  options.grants = false;
  FakeLearner& learner = StartLearner(options);
  FakeEnvServer& env_server = AddEnvServer({});
  learner.Publish(Policy(options.join.policy(), 1));
  StartActor();
  const v1::CollectRequest request = learner.AwaitCollectRequest();
  env_server.HoldSteps();
  v1::CollectGrant grant;
  grant.set_group(request.group());
  grant.set_grant_id(5);
  learner.Grant(grant);
  env_server.Stop();
  env_server.ReleaseSteps();
  env_server.Start();
  const v1::TrajectoryBatch trajectory = learner.AwaitBatches(1)[0].trajectory();
  EXPECT_EQ(trajectory.grant_id(), 5u);
  const auto observation = TensorValues<float>(trajectory.observation());
  EXPECT_EQ(observation[0], 2) << "all of it is from the second session";
  EXPECT_EQ(observation[2], 0);
  EXPECT_TRUE(Finish().ok());
}

v1::EvaluationRequest EvaluationOf(uint64_t id, uint64_t version_min) {
  v1::EvaluationRequest request;
  request.set_evaluation_id(id);
  request.set_policy_version_min(version_min);
  request.set_episodes(7);
  request.set_seed(99);
  request.set_num_envs(3);
  return request;
}

TEST_F(ActorTest, AnEvaluationRunsItsEpisodesBesideTraining) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer({});
  StartActor();
  env_server.AwaitSessions(1);
  learner.Evaluate(EvaluationOf(4, 1));
  learner.Publish(Policy(OffPolicy().join.policy(), 1));
  const v1::EvaluationResult result = learner.AwaitEvaluation();
  EXPECT_EQ(result.evaluation_id(), 4u);
  EXPECT_EQ(result.error(), "");
  EXPECT_EQ(result.policy_version(), 1u);
  ASSERT_EQ(result.episodes_size(), 7);
  for (const v1::Episode& episode : result.episodes()) EXPECT_EQ(episode.length(), kHorizon);
  EXPECT_TRUE(Finish().ok());
  const v1::OpenSession open = env_server.opened()[1];
  EXPECT_EQ(open.seed(), 99u);
  EXPECT_EQ(open.num_envs(), 3u);
  EXPECT_EQ(env_server.bad_actions(), 0);
}

TEST_F(ActorTest, AnEvaluationOfEpisodesThatDoNotEndCutsThem) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer::Options endless;
  endless.horizon = 0;
  AddEnvServer(endless);
  StartActor();
  v1::EvaluationRequest request = EvaluationOf(4, 1);
  request.set_episode_steps_max(6);
  learner.Evaluate(request);
  learner.Publish(Policy(OffPolicy().join.policy(), 1));
  const v1::EvaluationResult result = learner.AwaitEvaluation();
  EXPECT_EQ(result.error(), "");
  ASSERT_EQ(result.episodes_size(), 7);
  for (const v1::Episode& episode : result.episodes()) {
    EXPECT_TRUE(episode.cut());
    EXPECT_EQ(episode.length(), 6u);
    EXPECT_EQ(episode.return_sum(), 21) << "each begins anew";
  }
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, AnEvaluationThatIsAskedForAgainGoesOnAndIsReportedAsTheNewest) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer({});
  learner.Publish(Policy(OffPolicy().join.policy(), 1));
  StartActor();
  env_server.AwaitSessions(1);
  learner.AwaitBatches(5);
  env_server.HoldSteps();
  learner.Evaluate(EvaluationOf(8, 1));
  env_server.AwaitSessions(2);
  EXPECT_EQ(learner.AwaitHeartbeat().evaluation_id(), 8u);
  learner.Evaluate(EvaluationOf(9, 1));
  EXPECT_EQ(learner.AwaitHeartbeat().evaluation_id(), 9u);
  env_server.ReleaseSteps();
  const v1::EvaluationResult result = learner.AwaitEvaluation();
  EXPECT_EQ(result.evaluation_id(), 9u);
  EXPECT_EQ(result.episodes_size(), 7);
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(env_server.opened().size(), 2u) << "it began anew";
}

TEST_F(ActorTest, HeartbeatsNameTheGrantsThatAreAtWork) {
  FakeLearner::Options options = OnPolicy();
  options.grants = false;
  FakeLearner& learner = StartLearner(options);
  AddEnvServer({});
  StartActor();
  v1::CollectGrant grant;
  grant.set_group(learner.AwaitCollectRequest().group());
  grant.set_grant_id(uint64_t{1} << 63);
  grant.set_policy_version_min(1);
  learner.Grant(grant);
  const v1::ExperienceRequest::Heartbeat heartbeat = learner.AwaitHeartbeat();
  ASSERT_EQ(heartbeat.grant_id_size(), 1);
  EXPECT_EQ(heartbeat.grant_id(0), grant.grant_id());
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, AnEvaluationThatLosesItsServerReportsTheError) {
  FakeLearner& learner = StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer({});
  learner.Publish(Policy(OffPolicy().join.policy(), 1));
  StartActor();
  env_server.AwaitSessions(1);
  learner.AwaitBatches(5);
  env_server.HoldSteps();
  learner.Evaluate(EvaluationOf(8, 1));
  env_server.AwaitSessions(2);
  env_server.Stop();
  const v1::EvaluationResult result = learner.AwaitEvaluation();
  EXPECT_EQ(result.evaluation_id(), 8u);
  EXPECT_EQ(result.episodes_size(), 0);
  EXPECT_THAT(result.error(), HasSubstr(env_server.address()));
  EXPECT_TRUE(Finish().ok());
}

TEST_F(ActorTest, TheEndOfTheRunSendsWhatIsLeft) {
  FakeLearner& learner = StartLearner(OffPolicy());
  AddEnvServer({});
  StartActor();
  learner.AwaitBatches(5);
  learner.EndRun();
  EXPECT_TRUE(Join().ok());
  EXPECT_EQ(metrics_.unacked_batches.value(), 0);
  const auto batches = learner.AwaitBatches(5);
  EXPECT_EQ(CheckTransitions(batches).size(), metrics_.env_steps.value());
}

TEST_F(ActorTest, StoppingIsQuickEvenWhileTheLearnerIsAwayOrSilent) {
  FakeLearner& learner = StartLearner(OffPolicy());
  AddEnvServer({});
  learner.LimitAcks(0);
  StartActor();
  learner.AwaitRead(3);
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(Finish().ok());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(4));
}

TEST_F(ActorTest, StoppingBeforeAnybodyAnswersIsQuick) {
  learner_ = std::make_unique<FakeLearner>(OffPolicy());  // Not started.
  AddEnvServer({}, /*start=*/false);
  StartActor();
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(Finish().ok());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
}

TEST_F(ActorTest, GivesUpWithOneLineWhenTheLearnerIsNotThere) {
  learner_ = std::make_unique<FakeLearner>(OffPolicy());
  AddEnvServer({});
  options_.connect_timeout = absl::Milliseconds(300);
  StartActor();
  const absl::Status status = Join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr(absl::StrCat("learner ", learner_->address(),
                                                       " did not answer within 300ms")));
}

TEST_F(ActorTest, GivesUpWithOneLineWhenNoEnvServerIsThere) {
  StartLearner(OffPolicy());
  FakeEnvServer& env_server = AddEnvServer({}, /*start=*/false);
  options_.connect_timeout = absl::Milliseconds(300);
  StartActor();
  const absl::Status status = Join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr(absl::StrCat("env servers ", env_server.address(),
                                                       " did not answer within 300ms")));
}

TEST_F(ActorTest, GivesUpWhenTheLearnerDoesNotReturn) {
  FakeLearner& learner = StartLearner(OffPolicy());
  AddEnvServer({});
  options_.reconnect_timeout = absl::Milliseconds(300);
  StartActor();
  learner.AwaitBatches(3);
  learner.Stop();
  const absl::Status status = Join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("the learner did not return within 300ms"));
}

TEST_F(ActorTest, AnEnvironmentThatNobodyHostsIsOneClearLine) {
  FakeLearner::Options options = OffPolicy();
  options.join.set_env_id("panda_flies");
  StartLearner(options);
  FakeEnvServer& env_server = AddEnvServer({});
  StartActor();
  const absl::Status status = Join();
  EXPECT_EQ(status.message(), absl::StrCat("env server ", env_server.address(),
                                           ": no environment 'panda_flies'; hosted: line"));
}

TEST_F(ActorTest, WhenAllEnvServersRefuseForGoodTheActorSaysSoAndEnds) {
  StartLearner(OffPolicy());
  FakeEnvServer::Options options;
  options.refusal = absl::FailedPreconditionError("handshake.protocol_version: expected 2, got 1");
  FakeEnvServer& env_server = AddEnvServer(options);
  StartActor();
  const absl::Status status = Join();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), absl::StrCat("env server ", env_server.address(),
                                           ": handshake.protocol_version: expected 2, got 1"));
}

}  // namespace
}  // namespace armature

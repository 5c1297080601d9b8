// Replicas as separate processes would be: each on its own thread, over gRPC on loopback, with tiny
// networks.
#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/metrics/metrics.h"
#include "common/policy/generator.h"
#include "common/rpc/testing/loopback_server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/algorithms/ddpg.h"
#include "learner/algorithms/ppo.h"
#include "learner/algorithms/sac.h"
#include "learner/algorithms/td3.h"
#include "learner/algorithms/testing/fixtures.h"
#include "learner/algorithms/tqc.h"
#include "learner/replicas/replica_host.h"
#include "learner/replicas/replica_member.h"
#include "learner/replicas/replica_service.h"
#include "learner/replicas/replica_sync.h"

namespace armature {
namespace {

using ::testing::HasSubstr;
using Standing = ReplicaGroup::Standing;

constexpr char kRunId[] = "run-of-the-test";
constexpr absl::Duration kLong = absl::Minutes(2);  // Never waited for.

ReplicaGroup::Identity Identity() { return {"sac", "gradients", 77}; }

// A gRPC server with replica 0.
class Host {
 public:
  Host(int64_t replicas, absl::Duration timeout, int port = 0)
      : host({kRunId, replicas, timeout},
             {registry_.AddGauge("armature_replicas", "?"),
              registry_.AddCounter("armature_lost_total", "?")},
             &wake),
        service_(&host),
        server_({&service_}, port) {}
  void Close() { server_.Stop(); }

  std::shared_ptr<grpc::Channel> Channel() const { return server_.NewChannel(); }
  // Lets others join until there are `replicas` replicas.
  void Gather(ReplicaSync* sync, int replicas) {
    const absl::Time deadline = absl::Now() + kLong;
    while (this->replicas() < replicas && absl::Now() < deadline) {
      wake.WaitUntil(deadline);
      EXPECT_EQ(*sync->Synchronize(0), Standing::kMember);
    }
  }
  int port() const { return server_.port(); }
  double lost() { return registry_.AddCounter("armature_lost_total", "?").value(); }
  double replicas() { return registry_.AddGauge("armature_replicas", "?").value(); }

 private:
  MetricsRegistry registry_{"learner"};

 public:
  WakeSignal wake;
  ReplicaHost host;

 private:
  ReplicaServiceImpl service_;
  LoopbackServer server_;
};

// One replica's trainer, reduced to its work with the others.
class Replica {
 public:
  Replica(std::unique_ptr<ReplicaGroup> own_group, ReplicaGroup* group, Algorithm* algorithm,
          bool average_gradients, int64_t every = 1, ReplicaGroup::Identity identity = Identity())
      : own_group_(std::move(own_group)),
        sync({average_gradients, every},
             {registry_.AddHistogram("armature_average_seconds", "?", DurationBuckets()),
              registry_.AddCounter("armature_averages_total", "?")},
             group) {
    EXPECT_TRUE(sync.Begin(identity, algorithm).ok());
  }
  // Replica 0 of `host`, or a member.
  static std::unique_ptr<Replica> Of(Host* host, Algorithm* algorithm, bool average_gradients,
                                     int64_t every = 1) {
    return std::make_unique<Replica>(nullptr, &host->host, algorithm, average_gradients, every);
  }
  static std::unique_ptr<Replica> MemberOf(const Host& host, uint32_t index, Algorithm* algorithm,
                                           bool average_gradients, int64_t every = 1,
                                           ReplicaGroup::Identity identity = Identity()) {
    auto wake = std::make_unique<WakeSignal>();
    auto member = std::make_unique<ReplicaMember>(index, host.Channel(), wake.get());
    ReplicaGroup* const group = member.get();
    auto replica = std::make_unique<Replica>(std::move(member), group, algorithm, average_gradients,
                                             every, std::move(identity));
    replica->wake_ = std::move(wake);
    return replica;
  }

  // Retries until it is a member.
  absl::Status Join() {
    const absl::Time deadline = absl::Now() + kLong;
    while (absl::Now() < deadline) {
      const absl::StatusOr<Standing> standing = sync.Synchronize(env_steps);
      if (!standing.ok()) return standing.status();
      if (*standing == Standing::kJoined) return absl::OkStatus();
      wake_->WaitUntil(sync.next_deadline());
    }
    return absl::DeadlineExceededError("did not join");
  }
  // Waits until the group returns `standing`.
  void Await(Standing standing) {
    while (*sync.Synchronize(env_steps) != standing) wake_->WaitUntil(absl::Now() + kLong);
  }

 private:
  MetricsRegistry registry_{"learner"};
  std::unique_ptr<WakeSignal> wake_;
  std::unique_ptr<ReplicaGroup> own_group_;

 public:
  ReplicaSync sync;
  uint64_t env_steps = 0;
};

v1::PolicySpec SpecOf(v1::PolicySpec::Head head) { return MakeSpec(head, 3, 2, {8, 8}); }

std::unique_ptr<Sac> NewSac(uint64_t seed, int64_t units = 8) {
  return *Sac::Create(SacConfig(), MakeSpec(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN, 3, 2, {units}),
                      seed, c10::kCPU);
}

void ExpectSameState(const Algorithm& a, const Algorithm& b, bool exactly) {
  const auto state_b = StateMap(b);
  for (const auto& [name, tensor] : StateMap(a)) {
    if (tensor.scalar_type() != at::kFloat) continue;
    EXPECT_TRUE(exactly ? at::equal(tensor, state_b.at(name))
                        : at::allclose(tensor, state_b.at(name), 1e-3, 1e-5))
        << name << "\n"
        << tensor << state_b.at(name);
  }
}

// `parts`, concatenated along the batch.
TransitionSample Concatenated(const std::vector<TransitionSample>& parts) {
  TransitionSample all;
  for (at::Tensor TransitionSample::*field :
       {&TransitionSample::observation, &TransitionSample::action, &TransitionSample::reward,
        &TransitionSample::next_observation, &TransitionSample::terminated,
        &TransitionSample::discount, &TransitionSample::weight}) {
    std::vector<at::Tensor> rows;
    for (const TransitionSample& part : parts) rows.push_back(part.*field);
    all.*field = at::cat(rows);
  }
  return all;
}

// Runs `steps` updates on three replicas, and on `alone` with their batches combined.
template <typename A>
void ExpectGradientsOfOneBatch(
    const std::function<std::unique_ptr<A>(uint64_t seed)>& make,
    const std::function<void(A*, const TransitionSample&, const std::vector<at::Tensor>& noise)>&
        update) {
  constexpr int kReplicas = 3;
  constexpr int kSteps = 4;
  constexpr int64_t kBatch = 5;
  Host host(kReplicas, kLong);
  const std::unique_ptr<A> alone = make(1);
  std::vector<std::unique_ptr<A>> algorithms;
  std::vector<std::unique_ptr<Replica>> replicas;
  for (int i = 0; i < kReplicas; ++i) {
    algorithms.push_back(make(1 + i));
    replicas.push_back(i == 0 ? Replica::Of(&host, algorithms[0].get(), true, 1000)
                              : Replica::MemberOf(host, i, algorithms[i].get(), true, 1000));
  }
  // [step][replica]; each noise is [2, B, A].
  std::vector<std::vector<TransitionSample>> samples(kSteps);
  std::vector<std::vector<at::Tensor>> noise(kSteps);
  const at::Generator generator = MakeGenerator(c10::kCPU, 9);
  for (int step = 0; step < kSteps; ++step) {
    for (int i = 0; i < kReplicas; ++i) {
      samples[step].push_back(RandomSample(kBatch, alone->policy().spec(), generator));
      noise[step].push_back(at::randn({2, kBatch, 2}, generator));
    }
  }
  std::vector<std::thread> threads;
  for (int i = 1; i < kReplicas; ++i) {
    threads.emplace_back([&, i] {
      ASSERT_TRUE(replicas[i]->Join().ok());
      for (int step = 0; step < kSteps; ++step) {
        update(algorithms[i].get(), samples[step][i], {noise[step][i]});
        ASSERT_TRUE(replicas[i]->sync.AfterUpdate(0).ok());
      }
    });
  }
  host.Gather(&replicas[0]->sync, kReplicas);
  for (int step = 0; step < kSteps; ++step) {
    update(algorithms[0].get(), samples[step][0], {noise[step][0]});
    ASSERT_TRUE(replicas[0]->sync.AfterUpdate(0).ok());
    update(alone.get(), Concatenated(samples[step]), noise[step]);
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 1; i < kReplicas; ++i) ExpectSameState(*algorithms[0], *algorithms[i], true);
  ExpectSameState(*algorithms[0], *alone, false);
  EXPECT_EQ(host.lost(), 0);
}

TEST(Replicas, OfSacAverageGradientsAsOneBatchWouldGiveThem) {
  ExpectGradientsOfOneBatch<Sac>(
      [](uint64_t seed) { return NewSac(seed); },
      [](Sac* sac, const TransitionSample& sample, const std::vector<at::Tensor>& noise) {
        // First all of s', then all of s.
        sac->UpdateWithNoise(sample, 0, at::cat(noise, 1).flatten(0, 1));
      });
}

TEST(Replicas, OfSacTakeTheirDelayedPolicyStepsTogether) {
  SacConfig config;
  config.policy_delay = 2;
  ExpectGradientsOfOneBatch<Sac>(
      [&](uint64_t seed) {
        return *Sac::Create(config, SpecOf(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN), seed,
                            c10::kCPU);
      },
      [](Sac* sac, const TransitionSample& sample, const std::vector<at::Tensor>& noise) {
        sac->UpdateWithNoise(sample, 0, at::cat(noise, 1).flatten(0, 1));
      });
}

TEST(Replicas, OfTqcAverageGradientsAsOneBatchWouldGiveThem) {
  ExpectGradientsOfOneBatch<Tqc>(
      [](uint64_t seed) {
        return *Tqc::Create(TqcConfig(), SpecOf(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN), seed,
                            c10::kCPU);
      },
      [](Tqc* tqc, const TransitionSample& sample, const std::vector<at::Tensor>& noise) {
        tqc->UpdateWithNoise(sample, 0, at::cat(noise, 1).flatten(0, 1));
      });
}

TEST(Replicas, OfTd3AverageGradientsAsOneBatchWouldGiveThem) {
  ExpectGradientsOfOneBatch<Td3>(
      [](uint64_t seed) {
        return *Td3::Create(Td3Config(), SpecOf(v1::PolicySpec::HEAD_TANH), seed, c10::kCPU);
      },
      [](Td3* td3, const TransitionSample& sample, const std::vector<at::Tensor>& noise) {
        td3->UpdateWithNoise(sample, 0, at::cat(noise, 1)[0]);
      });
}

TEST(Replicas, OfDdpgAverageGradientsAsOneBatchWouldGiveThem) {
  ExpectGradientsOfOneBatch<Ddpg>(
      [](uint64_t seed) {
        return *Ddpg::Create(DdpgConfig(), SpecOf(v1::PolicySpec::HEAD_TANH), seed, c10::kCPU);
      },
      [](Ddpg* ddpg, const TransitionSample& sample, const std::vector<at::Tensor>&) {
        ddpg->Update(sample, 0);
      });
}

TrajectorySet RandomSet(uint64_t seed) {
  const at::Generator generator = MakeGenerator(c10::kCPU, seed);
  TrajectorySet set;
  set.observation = at::randn({5, 4, 3}, generator);
  set.action = at::randn({4, 4, 2}, generator);
  set.reward = at::randn({4, 4}, generator);
  set.terminated = at::zeros({4, 4});
  set.truncated = at::zeros({4, 4});
  set.valid = at::ones({4, 4});
  set.behaviour_log_prob = at::randn({4, 4}, generator) - 2;
  set.final_observation = at::zeros({0, 3});
  return set;
}

TEST(Replicas, OfPpoHaveTheSameParametersAfterSetsOfTheirOwn) {
  PpoConfig config;
  config.minibatch_size = 8;
  config.epochs = 2;
  const v1::PolicySpec spec = SpecOf(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN);
  const auto a = *Ppo::Create(config, spec, 1, c10::kCPU);
  const auto b = *Ppo::Create(config, spec, 2, c10::kCPU);
  const auto alone = *Ppo::Create(config, spec, 1, c10::kCPU);
  Host host(2, kLong);
  const auto replica_a = Replica::Of(&host, a.get(), true, 1000);
  const auto replica_b = Replica::MemberOf(host, 1, b.get(), true, 1000);
  std::thread thread([&] {
    ASSERT_TRUE(replica_b->Join().ok());
    b->Update(RandomSet(2), 0);
  });
  host.Gather(&replica_a->sync, 2);
  a->Update(RandomSet(1), 0);
  thread.join();
  ExpectSameState(*a, *b, true);
  alone->Update(RandomSet(1), 0);
  EXPECT_FALSE(at::allclose(alone->policy().flat_parameters(), a->policy().flat_parameters()));
}

TEST(Replicas, AverageParametersEverySoManyUpdatesAndLearnAloneBetween) {
  const auto a = NewSac(1);
  const auto b = NewSac(2);
  Host host(2, kLong);
  const auto replica_a = Replica::Of(&host, a.get(), false, 2);
  const auto replica_b = Replica::MemberOf(host, 1, b.get(), false, 2);
  replica_b->env_steps = 30;
  const at::Generator generator = MakeGenerator(c10::kCPU, 9);
  const TransitionSample of_a = RandomSample(4, a->policy().spec(), generator);
  const TransitionSample of_b = RandomSample(4, a->policy().spec(), generator);
  at::Tensor before_a, before_b;
  std::thread thread([&] {
    ASSERT_TRUE(replica_b->Join().ok());
    for (int step = 0; step < 2; ++step) {
      b->Update(of_b, 0);
      before_b = b->policy().flat_parameters().clone();
      ASSERT_TRUE(replica_b->sync.AfterUpdate(31).ok());
    }
  });
  host.Gather(&replica_a->sync, 2);
  EXPECT_EQ(host.host.others_env_steps(), 30);
  for (int step = 0; step < 2; ++step) {
    a->Update(of_a, 0);
    before_a = a->policy().flat_parameters().clone();
    ASSERT_TRUE(replica_a->sync.AfterUpdate(100).ok());
  }
  thread.join();
  EXPECT_FALSE(at::allclose(before_a, before_b));
  EXPECT_TRUE(at::allclose(a->policy().flat_parameters(), (before_a + before_b) / 2));
  ExpectSameState(*a, *b, true);
  EXPECT_EQ(host.host.others_env_steps(), 31);
  EXPECT_EQ(replica_b->sync.others_env_steps(), 100);
}

// Replica 0 of two; the other is already a member.
class TwoReplicas : public testing::Test {
 protected:
  explicit TwoReplicas(absl::Duration timeout = kLong)
      : host_(2, timeout),
        replica_a_(Replica::Of(&host_, a_.get(), false)),
        replica_b_(Replica::MemberOf(host_, 1, b_.get(), false)) {
    std::thread thread([&] { EXPECT_TRUE(replica_b_->Join().ok()); });
    host_.Gather(&replica_a_->sync, 2);
    thread.join();
  }
  NamedTensors Ones() { return {{"gradient.0", at::ones({2})}}; }

  std::unique_ptr<Sac> a_ = NewSac(1);
  std::unique_ptr<Sac> b_ = NewSac(2);
  Host host_;
  std::unique_ptr<Replica> replica_a_;
  std::unique_ptr<Replica> replica_b_;
};

TEST_F(TwoReplicas, AnAverageGoesOnWithoutAReplicaThatDies) {
  std::thread thread([&] { replica_b_.reset(); });  // Its call breaks.
  const auto mean = host_.host.Average(Ones(), 5);
  thread.join();
  ASSERT_TRUE(mean.ok());
  EXPECT_TRUE(at::equal((*mean)[0].second, at::ones({2})));
  EXPECT_EQ(host_.lost(), 1);
  EXPECT_EQ(host_.replicas(), 1);
}

TEST_F(TwoReplicas, OneThatReturnsTakesTheStateOfReplica0) {
  replica_b_.reset();
  ASSERT_TRUE(host_.host.Average(Ones(), 5).ok());
  a_->Update(RandomSample(4, a_->policy().spec(), MakeGenerator(c10::kCPU, 1)), 0);
  const auto again = NewSac(3);
  const auto replica = Replica::MemberOf(host_, 1, again.get(), false);
  std::thread thread([&] { EXPECT_TRUE(replica->Join().ok()); });
  host_.Gather(&replica_a_->sync, 2);
  thread.join();
  ExpectSameState(*a_, *again, true);
  EXPECT_EQ(again->learner_steps(), 1);
}

TEST_F(TwoReplicas, WhatIsNotFiniteIsRefusedAndItsReplicaLeftBehind) {
  NamedTensors bad = Ones();
  bad[0].second[1] = std::numeric_limits<float>::infinity();
  const absl::Status status = replica_b_->sync.group().Average(bad, 0).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("gradient.0[1]"));
  ASSERT_TRUE(host_.host.Average(Ones(), 5).ok());
  EXPECT_EQ(host_.lost(), 1);
}

TEST_F(TwoReplicas, TensorsOfAnotherAverageAreRefused) {
  std::thread thread([&] {
    const absl::Status status =
        replica_b_->sync.group().Average({{"gradient.0", at::ones({3})}}, 0).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("replica 1 in average 1: tensor 0 is gradient.0 DTYPE_FLOAT32 [3]"));
  });
  const auto mean = host_.host.Average(Ones(), 5);
  thread.join();
  EXPECT_TRUE(at::equal((*mean)[0].second, at::ones({2})));
}

TEST_F(TwoReplicas, TheEndOfTheRunReachesTheOthers) {
  host_.host.End("solved");
  replica_b_->Await(Standing::kRunIsOver);
  // This also holds for a replica that joins later.
  const auto late = NewSac(3);
  Replica::MemberOf(host_, 1, late.get(), false)->Await(Standing::kRunIsOver);
}

TEST_F(TwoReplicas, StopEndsAWaitInAnAverage) {
  std::thread host([&] { host_.host.Stop(); });
  EXPECT_TRUE(absl::IsCancelled(host_.host.Average(Ones(), 5).status()));
  host.join();
  std::thread member([&] { replica_b_->sync.Stop(); });
  EXPECT_FALSE(replica_b_->sync.group().Average(Ones(), 5).ok());
  member.join();
}

TEST_F(TwoReplicas, MembersJoinAgainWhenReplica0IsBack) {
  host_.Close();
  EXPECT_FALSE(replica_b_->sync.group().Average(Ones(), 5).ok());
  Host next(2, kLong, host_.port());
  const auto resumed = NewSac(7);
  const auto replica_0 = Replica::Of(&next, resumed.get(), false);
  std::thread thread([&] { EXPECT_TRUE(replica_b_->Join().ok()); });
  next.Gather(&replica_0->sync, 2);
  thread.join();
  ExpectSameState(*resumed, *b_, true);
}

class ImpatientReplicas : public TwoReplicas {
 protected:
  ImpatientReplicas() : TwoReplicas(absl::Milliseconds(50)) {}
};

TEST_F(ImpatientReplicas, OneThatDoesNotComeIsLeftBehindAndJoinsAgain) {
  const auto mean = host_.host.Average(Ones(), 5);  // The other replica hangs.
  ASSERT_TRUE(mean.ok());
  EXPECT_EQ(host_.lost(), 1);
  EXPECT_FALSE(replica_b_->sync.group().Average(Ones(), 0).ok());
  std::thread thread([&] { EXPECT_TRUE(replica_b_->Join().ok()); });
  host_.Gather(&replica_a_->sync, 2);
  thread.join();
}

struct Refusal {
  ReplicaGroup::Identity identity;
  uint32_t replica;
  int64_t units;
  std::string message;
};

class RefusedReplica : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedReplica, IsToldWhatDiffers) {
  const auto a = NewSac(1);
  const auto b = NewSac(2, GetParam().units);
  Host host(2, kLong);
  const auto replica_a = Replica::Of(&host, a.get(), false);
  const auto replica_b =
      Replica::MemberOf(host, GetParam().replica, b.get(), false, 1, GetParam().identity);
  absl::Status status;
  std::atomic<bool> is_refused{false};
  std::thread thread([&] {
    status = replica_b->Join();
    is_refused = true;
    host.wake.Notify();
  });
  while (!is_refused) {
    host.wake.WaitUntil(absl::Now() + kLong);
    EXPECT_EQ(*replica_a->sync.Synchronize(0), Standing::kMember);
  }
  thread.join();
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
  EXPECT_EQ(host.replicas(), 1);
}

INSTANTIATE_TEST_SUITE_P(
    Differing, RefusedReplica,
    testing::Values(
        Refusal{{"td3", "gradients", 77}, 1, 8, "replica 1: algorithm.name is td3, expected sac"},
        Refusal{
            {"sac", "parameters", 77}, 1, 8, "learner.averaging is parameters, expected gradients"},
        Refusal{{"sac", "gradients", 78}, 1, 8, "spec is 4e, expected 4d"},
        Refusal{{"sac", "gradients", 77},
                2,
                8,
                "replica is 2, expected 1 to 1 with learner.replicas=2"},
        Refusal{{"sac", "gradients", 77}, 1, 9, "replica 1: tensor 0 is"}));

TEST_F(TwoReplicas, WhatIsNotFiniteIsNotGivenToTheOthers) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor gradient = at::full({2}, kNaN);
  replica_a_->sync.Average({gradient});  // It would wait for the other replica.
  a_->Update(RandomSample(4, a_->policy().spec(), MakeGenerator(c10::kCPU, 9)), 0);
  a_->policy().flat_parameters().fill_(kNaN);
  const absl::Status status = replica_a_->sync.AfterUpdate(0);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("holds nan"));
  EXPECT_EQ(host_.lost(), 0);
}

TEST(ReplicaMemberTest, WaitsForNothingBeforeItBegins) {
  WakeSignal wake;
  const Host host(2, kLong);
  ReplicaMember member(1, host.Channel(), &wake);
  EXPECT_EQ(member.next_deadline(), absl::InfiniteFuture());
  const auto sac = NewSac(1);
  SharedState state(sac.get());
  ASSERT_TRUE(member.Begin(Identity(), &state).ok());
  EXPECT_LE(member.next_deadline(), absl::Now());
}

}  // namespace
}  // namespace armature

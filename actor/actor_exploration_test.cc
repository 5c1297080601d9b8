// Exploration of the whole actor, with fake peers.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "ATen/ops/zeros_like.h"
#include "absl/strings/str_join.h"
#include "actor/actor.h"
#include "actor/testing/fake_env_server.h"
#include "actor/testing/fake_learner.h"
#include "common/policy/policy_network.h"
#include "common/policy/policy_wire.h"
#include "common/tensor/packed.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr int64_t kActionSize = 2;
constexpr int64_t kObservationSize = 3;  // In environment "line"; the last element is its clock.

v1::JoinResponse Join(const v1::Exploration& exploration) {
  v1::JoinResponse join;
  join.set_env_id("line");
  join.set_collect_mode(v1::COLLECT_MODE_TRANSITIONS);
  join.set_transitions_per_batch(8);
  join.set_unacked_batches_max(3);
  join.set_seed(11);
  join.set_num_envs(4);
  join.set_num_groups(2);
  v1::PolicySpec* policy = join.mutable_policy();
  policy->set_head(v1::PolicySpec::HEAD_TANH);
  policy->set_activation(v1::PolicySpec::ACTIVATION_RELU);
  policy->set_observation_size(kObservationSize);
  policy->set_action_size(kActionSize);
  *join.mutable_exploration() = exploration;
  return join;
}

// A policy whose actions are 0.
v1::PolicyUpdate ZeroPolicy(const v1::PolicySpec& spec) {
  NamedTensors tensors;
  for (const auto& [name, tensor] :
       (*PolicyNetwork::Create(spec, c10::Device(c10::kCPU)))->tensors()) {
    tensors.emplace_back(name, at::zeros_like(tensor));
  }
  v1::PolicyUpdate update;
  update.set_version(1);
  EncodePolicy(tensors, &update);
  return update;
}

struct Step {
  int64_t clock;
  std::vector<float> action;
};

// Returns the first `batches` batches of an actor, each slot's steps in order.
std::map<int32_t, std::vector<Step>> Collect(const v1::Exploration& exploration, int num_servers,
                                             size_t batches, uint64_t incarnation = 1) {
  const v1::JoinResponse join = Join(exploration);
  FakeLearner learner({join, true});
  learner.Start();
  learner.Publish(ZeroPolicy(join.policy()));
  std::vector<std::unique_ptr<FakeEnvServer>> servers;
  std::vector<std::string> addresses;
  for (int i = 0; i < num_servers; ++i) {
    servers.push_back(std::make_unique<FakeEnvServer>(FakeEnvServer::Options()));
    servers.back()->Start();
    addresses.push_back(servers.back()->address());
  }
  ActorOptions options;
  options.learner = learner.address();
  options.env_servers = absl::StrJoin(addresses, ",");
  options.name = "actor-0";
  options.incarnation = incarnation;
  MetricsRegistry registry("actor");
  ActorMetrics metrics(&registry);
  Actor actor(options, &metrics);
  std::thread thread([&actor] { EXPECT_TRUE(actor.Run([](const std::string&) {}).ok()); });
  std::map<int32_t, std::vector<Step>> steps;
  for (const v1::ExperienceBatch& batch : learner.AwaitBatches(batches)) {
    const v1::TransitionBatch& transitions = batch.transitions();
    const auto slots = TensorValues<int32_t>(transitions.slot());
    const auto actions = TensorValues<float>(transitions.action());
    const auto observations = TensorValues<float>(transitions.observation());
    for (size_t i = 0; i < slots.size(); ++i) {
      const auto action = actions.subspan(i * kActionSize, kActionSize);
      steps[slots[i]].push_back({static_cast<int64_t>(observations[i * kObservationSize + 2]),
                                 {action.begin(), action.end()}});
    }
  }
  actor.Stop();
  thread.join();
  return steps;
}

TEST(ActorExplorationTest, CorrelatedNoiseBeginsAnewWithEachEpisode) {
  constexpr double kSigma = 0.001;
  v1::Exploration exploration;
  exploration.mutable_ornstein_uhlenbeck()->set_sigma(kSigma);
  exploration.mutable_ornstein_uhlenbeck()->set_dt(1);  // A random walk: theta is 0.
  int64_t episodes = 0;
  double last_square = 0;  // Summed over the last actions of episodes.
  for (const auto& [slot, steps] : Collect(exploration, 1, 80)) {
    for (size_t i = 0; i < steps.size(); ++i) {
      for (float value : steps[i].action) {
        // After c + 1 steps the walk's standard deviation is sigma sqrt(c + 1). It exceeds 5.5
        // times that once in 10^7; a walk that continues over episodes soon does.
        EXPECT_LT(std::abs(value), 5.5 * kSigma * std::sqrt(steps[i].clock + 1.0)) << slot;
      }
      if (steps[i].clock != FakeEnvServer::Options().horizon - 1) continue;
      ++episodes;
      last_square += steps[i].action[0] * steps[i].action[0];
    }
  }
  ASSERT_GT(episodes, 40);
  EXPECT_GT(std::sqrt(last_square / static_cast<double>(episodes)), 1.5 * kSigma)
      << "within an episode the noise is not correlated";
}

TEST(ActorExplorationTest, EachSlotExploresAlikeOnAnyNumberOfServers) {
  v1::Exploration exploration;
  exploration.set_normal_noise_std(0.2);
  exploration.mutable_ornstein_uhlenbeck()->set_sigma(0.2);
  exploration.mutable_ornstein_uhlenbeck()->set_theta(0.15);
  exploration.mutable_ornstein_uhlenbeck()->set_dt(0.01);
  exploration.set_random_action_probability(0.2);
  auto one = Collect(exploration, 1, 30), two = Collect(exploration, 2, 30);
  ASSERT_EQ(one.size(), 4u);
  ASSERT_EQ(two.size(), 4u);
  for (auto& [slot, steps] : one) {
    const size_t count = std::min(steps.size(), two[slot].size());
    ASSERT_GT(count, 10u);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(steps[i].action, two[slot][i].action) << "slot " << slot << ", step " << i;
    }
  }
  EXPECT_NE(one[0][0].action, one[1][0].action);
}

TEST(ActorExplorationTest, AnActorThatIsStartedAgainDrawsOtherActions) {
  v1::Exploration exploration;
  exploration.set_random_until_version(2);  // All actions are random.
  auto first = Collect(exploration, 1, 10), second = Collect(exploration, 1, 10, 2);
  int64_t same = 0, compared = 0;
  for (const auto& [slot, steps] : first) {
    for (size_t i = 0; i < std::min(steps.size(), second[slot].size()); ++i) {
      ++compared;
      same += steps[i].action == second[slot][i].action ? 1 : 0;
    }
  }
  EXPECT_GT(compared, 40);
  EXPECT_EQ(same, 0);
}

}  // namespace
}  // namespace armature

#include "actor/policy_runner.h"

#include <cmath>

#include "ATen/ops/full.h"
#include "actor/policy_store.h"
#include "common/policy/policy_network.h"
#include "common/policy/policy_wire.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

const c10::Device kCpu(c10::kCPU);

EnvSpec Env(bool discrete = false) {
  EnvSpec env;
  env.id = "test";
  env.observation = {{"observation", v1::DTYPE_FLOAT32, {3}, {}, {}}};
  if (discrete) {
    env.action.num_choices = 4;
  } else {
    env.action.low = {-2, 0};
    env.action.high = {4, 10};
  }
  return env;
}

v1::PolicySpec Spec(v1::PolicySpec::Head head) {
  v1::PolicySpec spec;
  spec.set_head(head);
  spec.add_hidden_sizes(4);
  spec.set_activation(v1::PolicySpec::ACTIVATION_TANH);
  spec.set_observation_size(3);
  spec.set_action_size(head == v1::PolicySpec::HEAD_CATEGORICAL ? 4 : 2);
  return spec;
}

v1::PolicyUpdate Update(const v1::PolicySpec& spec, uint64_t version, double value) {
  auto network = PolicyNetwork::Create(spec, kCpu);
  NamedTensors tensors;
  for (const auto& entry : (*network)->tensors()) {
    tensors.emplace_back(entry.first, at::full(entry.second.sizes(), value));
  }
  v1::PolicyUpdate update;
  update.set_version(version);
  EncodePolicy(tensors, &update);
  return update;
}

PolicySnapshot Snapshot(v1::PolicySpec::Head head, double value = 0.1) {
  auto store = PolicyStore::Create(Spec(head), kCpu);
  EXPECT_TRUE((*store)->Apply(Update(Spec(head), 1, value), 1).ok());
  return (*store)->newest();
}

std::unique_ptr<PolicyRunner> Runner(v1::PolicySpec::Head head, double noise = 0,
                                     uint64_t random_until = 0, uint64_t seed = 5) {
  v1::Exploration exploration;
  exploration.set_normal_noise_std(noise);
  exploration.set_random_until_version(random_until);
  auto runner = PolicyRunner::Create(Env(head == v1::PolicySpec::HEAD_CATEGORICAL), Spec(head),
                                     exploration, kCpu, seed);
  EXPECT_TRUE(runner.ok()) << runner.status();
  return *std::move(runner);
}

const std::vector<float> kRows(30, 0.5f);  // [10, 3]

TEST(PolicyRunnerTest, BoxActionsMapToTheBoundsOfTheEnvironment) {
  const auto actions = Runner(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN)
                           ->Run(Snapshot(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN), kRows, false);
  ASSERT_TRUE(actions.ok());
  ASSERT_EQ(actions->stored.size(), 20u);
  ASSERT_EQ(actions->log_prob.size(), 10u);
  for (size_t i = 0; i < 20; i += 2) {
    EXPECT_NEAR(actions->sent[i], -2 + (actions->stored[i] + 1) / 2 * 6, 1e-5);
    EXPECT_NEAR(actions->sent[i + 1], (actions->stored[i + 1] + 1) / 2 * 10, 1e-5);
  }
}

TEST(PolicyRunnerTest, GaussianActionsAreStoredAsDrawnAndSentClipped) {
  // Weights of 3: a mean far beyond 1.
  const auto actions = Runner(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN)
                           ->Run(Snapshot(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 3), kRows, true);
  ASSERT_TRUE(actions.ok());
  for (float stored : actions->stored) EXPECT_GT(stored, 2);
  for (size_t i = 0; i < 20; i += 2) {
    EXPECT_EQ(actions->sent[i], 4);
    EXPECT_EQ(actions->sent[i + 1], 10);
  }
}

TEST(PolicyRunnerTest, DiscreteActionsAreSentAsTheirIndex) {
  const auto actions = Runner(v1::PolicySpec::HEAD_CATEGORICAL)
                           ->Run(Snapshot(v1::PolicySpec::HEAD_CATEGORICAL), kRows, false);
  ASSERT_TRUE(actions.ok());
  EXPECT_EQ(actions->stored, actions->sent);
  for (float choice : actions->stored) EXPECT_TRUE(choice == std::floor(choice) && choice < 4);
}

TEST(PolicyRunnerTest, ActsAtRandomUntilTheVersionThenWithThePolicy) {
  const auto head = v1::PolicySpec::HEAD_TANH;
  const auto runner = Runner(head, /*noise=*/0, /*random_until=*/2);
  EXPECT_TRUE(runner->CanAct({}));
  const auto random = runner->Run({}, kRows, false);
  ASSERT_TRUE(random.ok());
  EXPECT_EQ(random->policy_version, 0u);
  float least = 1, most = -1;
  for (float value : random->stored) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
  EXPECT_LT(least, -0.5);
  EXPECT_GT(most, 0.5);
  EXPECT_THAT(random->log_prob, Each(static_cast<float>(-2 * std::log(2.0))));
  PolicySnapshot policy = Snapshot(head);
  EXPECT_NE(runner->Run(policy, kRows, false)->stored[0],
            runner->Run(policy, kRows, true)->stored[0])
      << "version 1 is still random, but evaluations are not";
  policy.version = 2;
  EXPECT_EQ(runner->Run(policy, kRows, false)->stored, runner->Run(policy, kRows, true)->stored);
}

TEST(PolicyRunnerTest, WithoutLeaveToActAtRandomAPolicyIsNeeded) {
  const auto runner = Runner(v1::PolicySpec::HEAD_TANH);
  EXPECT_FALSE(runner->CanAct({}));
  EXPECT_TRUE(runner->CanAct(Snapshot(v1::PolicySpec::HEAD_TANH)));
}

TEST(PolicyRunnerTest, NoiseOfADeterministicPolicyStaysInItsBounds) {
  const auto head = v1::PolicySpec::HEAD_TANH;
  const auto runner = Runner(head, /*noise=*/2);
  const auto actions = runner->Run(Snapshot(head), kRows, false);
  bool differs = false;
  for (size_t i = 0; i < actions->stored.size(); ++i) {
    EXPECT_LE(std::abs(actions->stored[i]), 1);
    differs |= actions->stored[i] != actions->stored[i % 2];
  }
  EXPECT_TRUE(differs);
}

TEST(PolicyRunnerTest, TheSameSeedGivesTheSameActions) {
  for (const auto head : {v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN, v1::PolicySpec::HEAD_TANH}) {
    const PolicySnapshot policy = Snapshot(head);
    const auto run = [&](uint64_t seed) {
      return Runner(head, 0.1, 0, seed)->Run(policy, kRows, false)->stored;
    };
    EXPECT_EQ(run(5), run(5));
    EXPECT_NE(run(5), run(6));
  }
}

TEST(PolicyRunnerTest, RefusesAPolicyOfAnotherEnvironment) {
  auto create = [](const EnvSpec& env, v1::PolicySpec spec) {
    return std::string(PolicyRunner::Create(env, spec, {}, kCpu, 1).status().message());
  };
  v1::PolicySpec spec = Spec(v1::PolicySpec::HEAD_TANH);
  spec.set_observation_size(4);
  EXPECT_THAT(create(Env(), spec), HasSubstr("policy.observation_size is 4, but test has 3"));
  spec = Spec(v1::PolicySpec::HEAD_TANH);
  spec.set_action_size(3);
  EXPECT_THAT(create(Env(), spec), HasSubstr("policy.action_size is 3, but test has 2"));
  spec.set_action_size(4);
  EXPECT_THAT(create(Env(/*discrete=*/true), spec), HasSubstr("takes Discrete actions"));
}

TEST(PolicyStoreTest, KeepsTheNewestWhenAnUpdateIsBad) {
  const v1::PolicySpec spec = Spec(v1::PolicySpec::HEAD_TANH);
  auto store = *PolicyStore::Create(spec, kCpu);
  ASSERT_TRUE(store->Apply(Update(spec, 4, 0.1), 1).ok());
  v1::PolicyUpdate update = Update(spec, 5, 0.2);
  update.set_checksum(update.checksum() ^ 1);
  EXPECT_EQ(store->Apply(update, 1).code(), absl::StatusCode::kDataLoss);
  v1::PolicySpec other = spec;
  other.set_observation_size(4);
  EXPECT_EQ(store->Apply(Update(other, 5, 0.2), 1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store->Apply(Update(spec, 4, 0.2), 1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store->newest().version, 4u);
}

TEST(PolicyStoreTest, FollowsARestartedLearnerBack) {
  const v1::PolicySpec spec = Spec(v1::PolicySpec::HEAD_TANH);
  auto store = *PolicyStore::Create(spec, kCpu);
  ASSERT_TRUE(store->Apply(Update(spec, 9, 0.1), 1).ok());
  EXPECT_TRUE(store->Apply(Update(spec, 6, 0.1), 2).ok());
  EXPECT_EQ(store->newest().version, 6u);
  EXPECT_EQ(store->learner_incarnation(), 2u);
}

TEST(PolicyStoreTest, ASnapshotOutlivesItsSuccessor) {
  const v1::PolicySpec spec = Spec(v1::PolicySpec::HEAD_TANH);
  auto store = *PolicyStore::Create(spec, kCpu);
  ASSERT_TRUE(store->Apply(Update(spec, 1, 0.1), 1).ok());
  const PolicySnapshot snapshot = store->newest();
  const auto runner = Runner(v1::PolicySpec::HEAD_TANH);
  const auto before = runner->Run(snapshot, kRows, true)->stored;
  ASSERT_TRUE(store->Apply(Update(spec, 2, 0.9), 1).ok());
  EXPECT_EQ(runner->Run(snapshot, kRows, true)->stored, before);
  EXPECT_NE(runner->Run(store->newest(), kRows, true)->stored, before);
}

}  // namespace
}  // namespace armature

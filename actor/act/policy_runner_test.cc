#include "actor/act/policy_runner.h"

#include <cmath>

#include "ATen/ops/full.h"
#include "actor/act/policy_store.h"
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
    env.action.choices = {4};
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

std::unique_ptr<PolicyRunner> Runner(v1::PolicySpec::Head head,
                                     const v1::Exploration& exploration = {}, uint64_t seed = 5,
                                     bool fixed_rows = false) {
  PolicyRunner::Options options;
  options.env = Env(head == v1::PolicySpec::HEAD_CATEGORICAL);
  options.policy = Spec(head);
  options.exploration = exploration;
  options.num_slots = 10;
  options.seed = seed;
  options.fixed_rows = fixed_rows;
  auto runner = PolicyRunner::Create(options);
  EXPECT_TRUE(runner.ok()) << runner.status();
  return *std::move(runner);
}

v1::Exploration NormalNoise(double std) {
  v1::Exploration exploration;
  exploration.set_normal_noise_std(std);
  return exploration;
}

const std::vector<float> kRows(30, 0.5f);  // [10, 3]
const std::vector<int64_t> kSlots = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

TEST(PolicyRunnerTest, BoxActionsMapToTheBoundsOfTheEnvironment) {
  const auto actions = Runner(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN)
                           ->Run(Snapshot(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN), kRows, kSlots);
  ASSERT_TRUE(actions.ok());
  ASSERT_EQ(actions->stored.size(), 20u);
  ASSERT_EQ(actions->log_prob.size(), 10u);
  for (size_t i = 0; i < 20; i += 2) {
    EXPECT_NEAR(actions->sent[i], -2 + (actions->stored[i] + 1) / 2 * 6, 1e-5);
    EXPECT_NEAR(actions->sent[i + 1], (actions->stored[i + 1] + 1) / 2 * 10, 1e-5);
  }
}

TEST(PolicyRunnerTest, GaussianActionsAreStoredAsDrawnAndSentClipped) {
  // Weights of 3 give a mean far beyond 1.
  const auto actions =
      Runner(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN)
          ->RunDeterministic(Snapshot(v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, 3), kRows);
  ASSERT_TRUE(actions.ok());
  for (float stored : actions->stored) EXPECT_GT(stored, 2);
  for (size_t i = 0; i < 20; i += 2) {
    EXPECT_EQ(actions->sent[i], 4);
    EXPECT_EQ(actions->sent[i + 1], 10);
  }
}

TEST(PolicyRunnerTest, DiscreteActionsAreSentAsTheirIndex) {
  const auto actions = Runner(v1::PolicySpec::HEAD_CATEGORICAL)
                           ->Run(Snapshot(v1::PolicySpec::HEAD_CATEGORICAL), kRows, kSlots);
  ASSERT_TRUE(actions.ok());
  EXPECT_EQ(actions->stored, actions->sent);
  for (float choice : actions->stored) EXPECT_TRUE(choice == std::floor(choice) && choice < 4);
}

TEST(PolicyRunnerTest, ComponentsOfAMultiDiscreteAreEachTheirOwnChoice) {
  for (const bool fixed_rows : {false, true}) {
    PolicyRunner::Options options;
    options.env = Env(/*discrete=*/true);
    options.env.action.choices = {3, 1};
    options.policy = Spec(v1::PolicySpec::HEAD_CATEGORICAL);
    for (const int choices : {3, 1}) options.policy.add_choices(choices);
    options.num_slots = 10;
    options.fixed_rows = fixed_rows;
    const auto runner = PolicyRunner::Create(options);
    ASSERT_TRUE(runner.ok()) << runner.status();
    auto store = PolicyStore::Create(options.policy, kCpu);
    ASSERT_TRUE((*store)->Apply(Update(options.policy, 1, 0.1), 1).ok());
    const auto actions = (*runner)->Run((*store)->newest(), kRows, kSlots);
    ASSERT_TRUE(actions.ok()) << actions.status();
    ASSERT_EQ(actions->sent.size(), 2 * kSlots.size());
    for (size_t i = 0; i < actions->sent.size(); i += 2) {
      EXPECT_LT(actions->sent[i], 3);
      EXPECT_EQ(actions->sent[i + 1], 0);
      // Equal logits: probability 1/3 each; a single choice has probability 1.
      EXPECT_NEAR(actions->log_prob[i / 2], -std::log(3.0), 1e-5);
    }
    options.policy.set_choices(0, 1);
    options.policy.set_choices(1, 3);
    EXPECT_THAT(PolicyRunner::Create(options).status().message(),
                HasSubstr("of choices [1,3], but test takes MultiDiscrete [3,1]"));
  }
}

TEST(PolicyRunnerTest, ActsAtRandomUntilTheVersionThenWithThePolicy) {
  const auto head = v1::PolicySpec::HEAD_TANH;
  v1::Exploration exploration;
  exploration.set_random_until_version(2);
  const auto runner = Runner(head, exploration);
  EXPECT_TRUE(runner->CanAct({}));
  const auto random = runner->Run({}, kRows, kSlots);
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
  EXPECT_NE(runner->Run(policy, kRows, kSlots)->stored[0],
            runner->RunDeterministic(policy, kRows)->stored[0])
      << "version 1 is still random, but evaluations are not";
  policy.version = 2;
  EXPECT_EQ(runner->Run(policy, kRows, kSlots)->stored,
            runner->RunDeterministic(policy, kRows)->stored);
}

TEST(PolicyRunnerTest, WithoutLeaveToActAtRandomAPolicyIsNeeded) {
  const auto runner = Runner(v1::PolicySpec::HEAD_TANH);
  EXPECT_FALSE(runner->CanAct({}));
  EXPECT_TRUE(runner->CanAct(Snapshot(v1::PolicySpec::HEAD_TANH)));
}

TEST(PolicyRunnerTest, NoiseOfADeterministicPolicyStaysInItsBounds) {
  const auto head = v1::PolicySpec::HEAD_TANH;
  const auto runner = Runner(head, NormalNoise(2));
  const auto actions = runner->Run(Snapshot(head), kRows, kSlots);
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
      return Runner(head, NormalNoise(0.1), seed)->Run(policy, kRows, kSlots)->stored;
    };
    EXPECT_EQ(run(5), run(5));
    EXPECT_NE(run(5), run(6));
  }
}

TEST(PolicyRunnerTest, NoiseIsForDeterministicPoliciesOnly) {
  const auto head = v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN;
  const PolicySnapshot policy = Snapshot(head);
  EXPECT_EQ(Runner(head)->Run(policy, kRows, kSlots)->stored,
            Runner(head, NormalNoise(0.1))->Run(policy, kRows, kSlots)->stored);
}

TEST(PolicyRunnerTest, WhatASlotExploresDoesNotDependOnWhoSharesItsPass) {
  const auto head = v1::PolicySpec::HEAD_TANH;
  const PolicySnapshot policy = Snapshot(head);
  v1::Exploration exploration = NormalNoise(0.1);
  exploration.mutable_ornstein_uhlenbeck()->set_sigma(0.5);
  exploration.mutable_ornstein_uhlenbeck()->set_theta(0.15);
  exploration.mutable_ornstein_uhlenbeck()->set_dt(0.01);
  exploration.set_random_action_probability(0.3);
  const auto together = Runner(head, exploration)->Run(policy, kRows, kSlots)->stored;
  const auto runner = Runner(head, exploration);
  const std::vector<float> rows(15, 0.5f);
  const auto last = runner->Run(policy, rows, {9, 8, 7, 6, 5})->stored;
  const auto first = runner->Run(policy, rows, {0, 1, 2, 3, 4})->stored;
  for (size_t i = 0; i < 5; ++i) {
    for (size_t k = 0; k < 2; ++k) {
      EXPECT_EQ(first[2 * i + k], together[2 * i + k]);
      EXPECT_EQ(last[2 * i + k], together[2 * (9 - i) + k]);
    }
  }
}

TEST(PolicyRunnerTest, WithFixedRowsASlotsBitsDoNotDependOnWhoSharesItsPass) {
  for (const auto head : {v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN, v1::PolicySpec::HEAD_CATEGORICAL,
                          v1::PolicySpec::HEAD_DIAGONAL_GAUSSIAN, v1::PolicySpec::HEAD_TANH}) {
    const PolicySnapshot policy = Snapshot(head, 0.37);
    std::vector<float> rows;
    for (int i = 0; i < 30; ++i) rows.push_back(std::sin(i));
    const auto together = Runner(head, {}, 5, /*fixed_rows=*/true)->Run(policy, rows, kSlots);
    const auto runner = Runner(head, {}, 5, /*fixed_rows=*/true);
    const size_t size = together->stored.size() / 10;
    for (int64_t slot : {7, 2, 9, 0}) {  // One at a time, in any order.
      const std::vector<float> row(rows.begin() + 3 * slot, rows.begin() + 3 * slot + 3);
      const auto alone = runner->Run(policy, row, {slot});
      EXPECT_EQ(alone->log_prob[0], together->log_prob[slot]);
      for (size_t k = 0; k < size; ++k) {
        EXPECT_EQ(alone->stored[k], together->stored[slot * size + k]) << "slot " << slot;
      }
    }
  }
}

TEST(PolicyRunnerTest, ReseededItDrawsAsANewOne) {
  const auto head = v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN;
  const PolicySnapshot policy = Snapshot(head);
  v1::Exploration exploration;
  exploration.set_random_action_probability(0.5);
  const auto runner = Runner(head, exploration, 8);
  ASSERT_TRUE(runner->Run(policy, kRows, kSlots).ok());
  runner->Reseed(5);
  EXPECT_EQ(runner->Run(policy, kRows, kSlots)->stored,
            Runner(head, exploration, 5)->Run(policy, kRows, kSlots)->stored);
}

TEST(PolicyRunnerTest, RandomActionsTakeThePlaceOfAnyPolicys) {
  v1::Exploration exploration;
  exploration.set_random_action_probability(1);
  for (const auto head : {v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN, v1::PolicySpec::HEAD_TANH}) {
    // The policy is far beyond the bounds, so actions within them are random ones.
    const auto actions = Runner(head, exploration)->Run(Snapshot(head, 30), kRows, kSlots);
    EXPECT_THAT(actions->stored,
                Each(::testing::AllOf(::testing::Gt(-1.0f), ::testing::Lt(0.9999f))));
    EXPECT_THAT(actions->log_prob, Each(static_cast<float>(-2 * std::log(2.0))));
  }
}

TEST(PolicyRunnerTest, ABeginningEpisodeForgetsTheNoiseOfTheLast) {
  const auto head = v1::PolicySpec::HEAD_TANH;
  const PolicySnapshot policy = Snapshot(head, 0);  // Its actions are 0.
  v1::Exploration exploration;
  exploration.mutable_ornstein_uhlenbeck()->set_sigma(0.01);
  exploration.mutable_ornstein_uhlenbeck()->set_dt(1);  // A random walk: theta is 0.
  const auto runner = Runner(head, exploration);
  std::vector<float> before, after;
  for (int step = 0; step < 2000; ++step) before = runner->Run(policy, kRows, kSlots)->stored;
  runner->BeginEpisode(4);
  after = runner->Run(policy, kRows, kSlots)->stored;
  for (size_t i = 0; i < before.size(); ++i) {
    // One step changes the noise by a few sigma at most.
    EXPECT_LT(std::abs(after[i] - (i / 2 == 4 ? 0 : before[i])), 0.06) << i;
  }
  EXPECT_GT(std::abs(before[8]), 0.06) << "the episode had no noise to forget";
}

TEST(PolicyRunnerTest, RefusesAPolicyOfAnotherEnvironment) {
  auto create = [](const EnvSpec& env, const v1::PolicySpec& spec) {
    PolicyRunner::Options options;
    options.env = env;
    options.policy = spec;
    return std::string(PolicyRunner::Create(options).status().message());
  };
  v1::PolicySpec spec = Spec(v1::PolicySpec::HEAD_TANH);
  spec.set_observation_size(4);
  EXPECT_THAT(create(Env(), spec), HasSubstr("policy.observation_size is 4, but test has 3"));
  spec = Spec(v1::PolicySpec::HEAD_TANH);
  spec.set_action_size(3);
  EXPECT_THAT(create(Env(), spec), HasSubstr("policy.action_size is 3, but test has 2"));
  spec.set_action_size(4);
  EXPECT_THAT(create(Env(/*discrete=*/true), spec), HasSubstr("takes one of 4 choices"));
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
  const auto before = runner->RunDeterministic(snapshot, kRows)->stored;
  ASSERT_TRUE(store->Apply(Update(spec, 2, 0.9), 1).ok());
  EXPECT_EQ(runner->RunDeterministic(snapshot, kRows)->stored, before);
  EXPECT_NE(runner->RunDeterministic(store->newest(), kRows)->stored, before);
}

TEST(PolicyRunnerTest, ParameterNoiseMovesWhatIsLearnedFromAndNotTheMode) {
  PolicyRunner::Options options;
  options.env = Env();
  options.policy = Spec(v1::PolicySpec::HEAD_TANH);
  options.policy.set_layer_norm(true);
  options.num_slots = 10;
  v1::Exploration::ParameterNoise* noise = options.exploration.mutable_parameter_noise();
  noise->set_initial_std(0.5);
  noise->set_action_distance(0.2);
  noise->set_factor(1.01);
  noise->set_adapt_steps(1);
  const auto runner = std::move(*PolicyRunner::Create(options));
  std::shared_ptr<PolicyNetwork> network = *PolicyNetwork::Create(options.policy, kCpu);
  const PolicySnapshot policy = {1, network};
  const auto explored = runner->Run(policy, kRows, kSlots);
  ASSERT_TRUE(explored.ok());
  // All slots get the same observation; each has its own perturbed policy.
  EXPECT_NE(explored->stored[0], explored->stored[2]);
  EXPECT_NE(explored->stored[0], 0);
  EXPECT_THAT(runner->RunDeterministic(policy, kRows)->stored, Each(0));
  const double adapted = runner->parameter_noise()->std_mean();
  EXPECT_NE(adapted, 0.5);
  runner->BeginEpisode(0);
  const auto next = runner->Run(policy, kRows, kSlots);
  EXPECT_NE(next->stored[0], explored->stored[0]);

  options.policy.set_layer_norm(false);
  EXPECT_THAT(PolicyRunner::Create(options).status().message(), HasSubstr("layer norm"));
}

}  // namespace
}  // namespace armature

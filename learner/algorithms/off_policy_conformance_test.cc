// What every off-policy algorithm must do.
#include <cmath>
#include <string>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "common/policy/generator.h"
#include "common/spec/env_spec.h"
#include "gtest/gtest.h"
#include "learner/algorithms/factory.h"
#include "learner/algorithms/testing/fixtures.h"
#include "learner/nn/state.h"

namespace armature {
namespace {

EnvSpec MakeEnv(int64_t observation_size, int64_t action_size) {
  EnvSpec env;
  env.id = "toy";
  env.observation = {{"observation", v1::DTYPE_FLOAT32, {observation_size}, {}, {}}};
  env.action.low.assign(action_size, -1);
  env.action.high.assign(action_size, 1);
  return env;
}

class OffPolicyConformanceTest : public testing::TestWithParam<std::string> {
 protected:
  OffPolicyConformanceTest() {
    at::set_num_threads(1);  // On a busy machine two threads wait for each other, 30 times as long.
    config_.name = GetParam();
    if (GetParam() == "sac_ensemble") {
      config_.name = "sac";
      config_.sac.critics = 4;
      config_.sac.policy_value = "mean";
      config_.sac.policy_delay = 2;
    }
    config_.network.hidden_sizes = {8, 8};
    config_.network.normalize_observation = true;
  }

  std::unique_ptr<OffPolicyAlgorithm> Make(uint64_t seed) const {
    auto algorithm = MakeOffPolicyAlgorithm(config_, env_, seed, c10::kCPU);
    EXPECT_TRUE(algorithm.ok()) << algorithm.status();
    return *std::move(algorithm);
  }
  void Train(OffPolicyAlgorithm* algorithm, int updates, at::Generator generator) const {
    for (int i = 0; i < updates; ++i) {
      const TransitionSample sample = RandomSample(16, algorithm->policy().spec(), generator);
      algorithm->ObserveNew(sample.observation);
      algorithm->Update(sample, 0);
    }
  }

  AlgorithmConfig config_;
  EnvSpec env_ = MakeEnv(3, 2);
};

TEST_P(OffPolicyConformanceTest, SameSeedGivesTheSameWeightsAndAnotherSeedOthers) {
  const auto train = [&](uint64_t seed) {
    const auto algorithm = Make(seed);
    Train(algorithm.get(), 6, MakeGenerator(c10::kCPU, 5));
    return algorithm->policy().flat_parameters();
  };
  EXPECT_TRUE(at::equal(train(1), train(1)));
  EXPECT_FALSE(at::equal(train(1), train(2)));
}

// Resumes after an odd number of updates: delayed updates continue where they were.
TEST_P(OffPolicyConformanceTest, RestoredStateContinuesBitIdentically) {
  const auto straight = Make(1);
  at::Generator generator = MakeGenerator(c10::kCPU, 5);
  Train(straight.get(), 5, generator);
  std::map<std::string, at::Tensor> state;
  for (const auto& [name, tensor] : StateMap(*straight)) state.emplace(name, tensor.clone());
  at::Generator same = generator.clone();
  const auto resumed = Make(99);
  ASSERT_TRUE(resumed->LoadState(state).ok());
  EXPECT_EQ(resumed->learner_steps(), 5);
  Train(straight.get(), 4, generator);
  Train(resumed.get(), 4, same);
  const std::map<std::string, at::Tensor> actual = StateMap(*resumed);
  for (const auto& [name, tensor] : StateMap(*straight)) {
    EXPECT_TRUE(at::equal(tensor, actual.at(name))) << name;
  }
}

TEST_P(OffPolicyConformanceTest, AStateOfAnotherKindOfDeviceIsTaken) {
  const auto trained = Make(1);
  Train(trained.get(), 5, MakeGenerator(c10::kCPU, 5));
  std::map<std::string, at::Tensor> state = StateMap(*trained);
  if (state.count("generator") > 0) state["generator"] = at::zeros({16}, at::kByte);  // CUDA's.
  const auto resumed = Make(1);
  const absl::Status status = resumed->LoadState(state);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(resumed->learner_steps(), 5);
  EXPECT_TRUE(at::equal(resumed->policy().flat_parameters(), trained->policy().flat_parameters()));
}

TEST_P(OffPolicyConformanceTest, WhatIsNotFiniteIsNamedInTheUpdateInWhichItIs) {
  config_.sac.learning_rate = config_.tqc.learning_rate = 1e30;
  config_.td3.learning_rate = config_.ddpg.learning_rate = 1e30;
  const auto algorithm = Make(1);
  at::Generator generator = MakeGenerator(c10::kCPU, 5);
  for (int i = 0; i < 10 && algorithm->NonFiniteScalar().empty(); ++i) {
    // What can be published after an update with finite losses is finite.
    EXPECT_EQ(FindNonFinite(algorithm->policy().tensors()), "") << i;
    algorithm->Update(RandomSample(16, algorithm->policy().spec(), generator), 0);
  }
  EXPECT_EQ(algorithm->NonFiniteScalar().substr(0, 6), "train/");
}

TEST_P(OffPolicyConformanceTest, LoadStateOfAnotherShapeIsRefusedAndChangesNothing) {
  const auto algorithm = Make(1);
  config_.network.hidden_sizes = {9, 8};
  const auto other = Make(1);
  const at::Tensor before = algorithm->policy().flat_parameters().clone();
  const absl::Status status = algorithm->LoadState(StateMap(*other));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "state: actor.0.weight is Float [9,3], expected Float [8,3]");
  EXPECT_TRUE(at::equal(algorithm->policy().flat_parameters(), before));
}

TEST_P(OffPolicyConformanceTest, GoalsShareStatistics) {
  for (const char* name : {"achieved_goal", "desired_goal"}) {
    env_.observation.push_back({name, v1::DTYPE_FLOAT32, {2}, {}, {}});
  }
  env_.goal = GoalSpec{"achieved_goal", "desired_goal"};
  const auto algorithm = Make(1);
  algorithm->ObserveNew(at::randn({8, 7}, MakeGenerator(c10::kCPU, 5)));
  for (const char* name : {"observation_statistics.mean", "observation_statistics.m2"}) {
    const at::Tensor columns = StateMap(*algorithm).at(name);
    EXPECT_TRUE(at::equal(columns.narrow(0, 3, 2), columns.narrow(0, 5, 2))) << columns;
    EXPECT_FALSE(at::equal(columns.narrow(0, 0, 2), columns.narrow(0, 3, 2))) << columns;
  }
}

TEST_P(OffPolicyConformanceTest, BatchesOfAnotherSizeAreTakenAsTheyCome) {
  const auto algorithm = Make(1);
  at::Generator generator = MakeGenerator(c10::kCPU, 5);
  for (const int64_t size : {16, 4, 32}) {
    algorithm->Update(RandomSample(size, algorithm->policy().spec(), generator), 0);
    algorithm->Update(RandomSample(size, algorithm->policy().spec(), generator), 0);
  }
  EXPECT_TRUE(at::isfinite(algorithm->policy().flat_parameters()).all().item<bool>());
  EXPECT_EQ(algorithm->learner_steps(), 6);
}

TEST_P(OffPolicyConformanceTest, ScalarsAreMeansSinceTheyWereLastTaken) {
  const auto algorithm = Make(1);
  Train(algorithm.get(), 4, MakeGenerator(c10::kCPU, 5));
  const Scalars scalars = algorithm->TakeScalars();
  EXPECT_EQ(scalars.count("train/critic_loss"), 1u);
  EXPECT_EQ(scalars.count("train/actor_loss"), 1u);
  for (const auto& [name, value] : scalars) EXPECT_TRUE(std::isfinite(value)) << name;
  EXPECT_TRUE(algorithm->TakeScalars().empty());
}

// Parameters, except those of slow targets, which move without a gradient.
std::map<std::string, at::Tensor> Learned(const Algorithm& algorithm) {
  std::map<std::string, at::Tensor> learned = {{"policy", algorithm.policy().flat_parameters()}};
  const std::map<std::string, at::Tensor> state = StateMap(algorithm);
  for (const char* name : {"critics", "log_alpha"}) {
    if (state.count(name) > 0) learned.emplace(name, state.at(name));
  }
  for (auto& [name, tensor] : learned) tensor = tensor.clone();
  return learned;
}

TEST_P(OffPolicyConformanceTest, LinearLearningRateFallsWithProgressAndEndsAtZero) {
  config_.sac.learning_rate = config_.tqc.learning_rate = 2e-3;
  config_.td3.learning_rate = config_.ddpg.learning_rate = 2e-3;
  const auto rate_at = [&](double progress) {
    const auto algorithm = Make(1);
    // Two updates, so that one also updates a delayed policy.
    for (int i = 0; i < 2; ++i) {
      algorithm->Update(RandomSample(16, algorithm->policy().spec(), MakeGenerator(c10::kCPU, 5)),
                        progress);
    }
    return algorithm->TakeScalars().at("train/learning_rate");
  };
  EXPECT_NEAR(rate_at(0.75), 2e-3, 1e-9) << "constant";
  config_.sac.learning_rate_schedule = "linear";
  config_.tqc.learning_rate_schedule = "linear";
  config_.td3.learning_rate_schedule = "linear";
  config_.ddpg.learning_rate_schedule = "linear";
  EXPECT_NEAR(rate_at(0), 2e-3, 1e-9);
  EXPECT_NEAR(rate_at(0.5), 1e-3, 1e-9);
  EXPECT_EQ(rate_at(1), 0);
}

TEST_P(OffPolicyConformanceTest, EveryStepIsOfTheScheduledLearningRate) {
  config_.sac.learning_rate_schedule = "linear";
  config_.tqc.learning_rate_schedule = "linear";
  config_.td3.learning_rate_schedule = "linear";
  config_.ddpg.learning_rate_schedule = "linear";
  // Adam's first step has the rate's length, whatever the gradient.
  const auto moved = [&](double progress) {
    const auto algorithm = Make(1);
    const std::map<std::string, at::Tensor> before = Learned(*algorithm);
    at::Generator generator = MakeGenerator(c10::kCPU, 5);
    std::map<std::string, double> largest;
    for (int i = 0; i < 2; ++i) {
      algorithm->Update(RandomSample(16, algorithm->policy().spec(), generator), progress);
    }
    for (const auto& [name, tensor] : Learned(*algorithm)) {
      largest[name] = (tensor - before.at(name)).abs().max().item<double>();
    }
    return largest;
  };
  const std::map<std::string, double> at_start = moved(0);
  const std::map<std::string, double> halfway = moved(0.5);
  for (const auto& [name, distance] : at_start) {
    EXPECT_GT(distance, 0) << name;
    EXPECT_NEAR(halfway.at(name) / distance, 0.5, 0.1) << name;
  }
  for (const auto& [name, distance] : moved(1)) EXPECT_EQ(distance, 0) << name;
}

TEST_P(OffPolicyConformanceTest, LearnsToBringAPointToItsGoal) {
  env_ = MakeEnv(1, 1);
  config_.network.normalize_observation = false;
  config_.network.hidden_sizes = {32, 32};
  const auto tune = [](auto* config) {
    config->learning_rate = 3e-3;
    config->tau = 0.02;
  };
  tune(&config_.sac);
  tune(&config_.tqc);
  config_.tqc.quantiles = 5;  // Few, to be quick.
  config_.tqc.dropped_quantiles = 1;
  tune(&config_.td3);
  tune(&config_.ddpg);
  const auto algorithm = Make(1);
  at::Generator generator = MakeGenerator(c10::kCPU, 6);
  EXPECT_GT(PointDistance(algorithm->policy()), 0.5) << "solved before it is learned";
  for (int i = 0; i < 1500; ++i) algorithm->Update(PointSample(generator), 0);
  EXPECT_LT(PointDistance(algorithm->policy()), 0.15);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, OffPolicyConformanceTest,
                         testing::Values("sac", "sac_ensemble", "tqc", "td3", "ddpg"),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace armature

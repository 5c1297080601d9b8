#include "learner/replicas/shared_state.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/algorithms/sac.h"
#include "learner/algorithms/testing/fixtures.h"

namespace armature {
namespace {

std::unique_ptr<Sac> NewSac(uint64_t seed) {
  v1::PolicySpec spec = MakeSpec(v1::PolicySpec::HEAD_SQUASHED_GAUSSIAN, 3, 2, {8});
  spec.set_normalize_observation(true);
  return *Sac::Create(SacConfig(), spec, seed, c10::kCPU);
}

void Learn(Sac* sac, uint64_t seed) {
  const at::Generator generator = MakeGenerator(c10::kCPU, seed);
  const TransitionSample sample = RandomSample(4, sac->policy().spec(), generator);
  sac->ObserveNew(sample.observation);
  sac->Update(sample, 0);
}

std::map<std::string, at::Tensor> Copy(const Sac& sac) {
  std::map<std::string, at::Tensor> copy;
  for (const auto& [name, tensor] : sac.State()) copy[name] = tensor.clone();
  return copy;
}

void Average(std::vector<SharedState>* states) {
  std::vector<NamedTensors> contributions;
  for (const SharedState& state : *states) contributions.push_back(state.Contribution());
  const NamedTensors mean = MeanOf(contributions);
  for (SharedState& state : *states) ASSERT_TRUE(state.Adopt(mean).ok());
}

TEST(SharedState, WhatIsLearnedBecomesTheMean) {
  const auto a = NewSac(1);
  const auto b = NewSac(2);
  std::vector<SharedState> states = {SharedState(a.get()), SharedState(b.get())};
  Learn(a.get(), 1);
  Learn(b.get(), 2);
  Learn(b.get(), 3);
  const auto was_a = Copy(*a);
  const auto was_b = Copy(*b);
  Average(&states);
  int64_t averaged = 0;
  for (const auto& [name, tensor] : Copy(*a)) {
    if (tensor.scalar_type() != at::kFloat || name.find("normalizer") != std::string::npos)
      continue;
    ++averaged;
    EXPECT_TRUE(at::allclose(tensor, (was_a.at(name) + was_b.at(name)) / 2)) << name;
    EXPECT_TRUE(at::equal(tensor, Copy(*b).at(name))) << name;
  }
  // Parameters, critics, targets, temperature; moments and steps of three optimisers.
  EXPECT_GE(averaged, 13);
  EXPECT_EQ(a->learner_steps(), 1);
  EXPECT_EQ(b->learner_steps(), 2);
  EXPECT_TRUE(at::equal(Copy(*a).at("generator"), was_a.at("generator")));
}

TEST(SharedState, StatisticsAreThoseOfAllObservationsOfAllReplicas) {
  const at::Generator generator = MakeGenerator(c10::kCPU, 5);
  const auto a = NewSac(1);
  const auto b = NewSac(2);
  const auto all = NewSac(3);
  std::vector<SharedState> states = {SharedState(a.get()), SharedState(b.get())};
  for (int average = 0; average < 3; ++average) {
    const at::Tensor of_a = at::randn({5 + average, 3}, generator) * 3 + 10;
    a->ObserveNew(of_a);
    all->ObserveNew(of_a);
    if (average != 1) {  // b may have seen nothing since the last average.
      const at::Tensor of_b = at::randn({20, 3}, generator) - 7;
      b->ObserveNew(of_b);
      all->ObserveNew(of_b);
    }
    Average(&states);
    const auto expected = Copy(*all);
    for (const Sac* sac : {a.get(), b.get()}) {
      const auto state = Copy(*sac);
      for (const char* name : {"count", "mean", "m2"}) {
        const std::string full = std::string("observation_statistics.") + name;
        EXPECT_TRUE(at::allclose(state.at(full), expected.at(full), 1e-9, 1e-9)) << full;
      }
      for (const char* name : {"observation_normalizer.mean", "observation_normalizer.std"}) {
        EXPECT_TRUE(at::allclose(state.at(name), expected.at(name))) << name;
      }
    }
  }
}

TEST(SharedState, OneThatJoinsGoesOnFromAllButTheGenerators) {
  const auto a = NewSac(1);
  const auto b = NewSac(2);
  SharedState of_a(a.get());
  SharedState of_b(b.get());
  Learn(a.get(), 1);
  ASSERT_TRUE(of_a.Adopt(of_a.Contribution()).ok());
  Learn(b.get(), 2);
  const at::Tensor generator = Copy(*b).at("generator");
  ASSERT_TRUE(of_b.Restore(of_a.Snapshot()).ok());
  for (const auto& [name, tensor] : Copy(*a)) {
    EXPECT_EQ(at::equal(tensor, Copy(*b).at(name)), name != "generator") << name;
  }
  EXPECT_TRUE(at::equal(Copy(*b).at("generator"), generator));
  EXPECT_EQ(b->learner_steps(), 1);
}

TEST(SharedState, WhatOneHasSeenAloneIsNotCountedTwiceWhenAnotherJoins) {
  const auto a = NewSac(1);
  const auto b = NewSac(2);
  std::vector<SharedState> states = {SharedState(a.get()), SharedState(b.get())};
  a->ObserveNew(at::ones({10, 3}));
  ASSERT_TRUE(states[1].Restore(states[0].Snapshot()).ok());
  Average(&states);
  EXPECT_EQ(Copy(*a).at("observation_statistics.count").item<double>(), 10);
  EXPECT_EQ(Copy(*b).at("observation_statistics.count").item<double>(), 10);
}

TEST(SharedState, AMeanThatDoesNotFitChangesNothing) {
  const auto a = NewSac(1);
  SharedState state(a.get());
  NamedTensors mean = state.Contribution();
  mean[0].second = at::zeros({1});
  const auto before = Copy(*a);
  EXPECT_TRUE(absl::IsInvalidArgument(state.Adopt(mean)));
  for (const auto& [name, tensor] : Copy(*a)) EXPECT_TRUE(at::equal(tensor, before.at(name)));
  mean = {{"nonsense", at::zeros({1})}};
  EXPECT_TRUE(absl::IsInvalidArgument(state.Adopt(mean)));
}

}  // namespace
}  // namespace armature

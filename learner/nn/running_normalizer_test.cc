#include "learner/nn/running_normalizer.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "proto/learner_service.pb.h"

namespace armature {
namespace {

std::unique_ptr<PolicyNetwork> MakePolicy() {
  v1::PolicySpec spec;
  spec.set_head(v1::PolicySpec::HEAD_TANH);
  spec.set_activation(v1::PolicySpec::ACTIVATION_RELU);
  spec.set_observation_size(3);
  spec.set_action_size(1);
  spec.set_normalize_observation(true);
  spec.set_observation_clip(100);
  return std::move(*PolicyNetwork::Create(spec, c10::kCPU));
}

TEST(RunningNormalizerTest, PiecesOfAnySizeGiveTheStatisticsOfTheWhole) {
  // The mean is large and the deviation small; a sum of squares would lose it.
  const at::Tensor rows =
      at::randn({1000, 3}) * at::tensor({1e-2f, 1.f, 50.f}) + at::tensor({30.f, -2.f, 0.f});
  const auto policy = MakePolicy();
  RunningNormalizer normalizer(*policy);
  int64_t first = 0;
  for (int64_t count : {1, 0, 7, 500, 491, 1}) {
    normalizer.Observe(rows.narrow(0, first, count));
    first += count;
  }
  ASSERT_EQ(first, 1000);
  const at::Tensor exact = rows.to(at::kDouble);
  const NamedTensors tensors = policy->tensors();
  const at::Tensor mean = tensors[tensors.size() - 2].second;
  const at::Tensor std = tensors[tensors.size() - 1].second;
  EXPECT_TRUE(at::allclose(mean, exact.mean(0).to(at::kFloat), 1e-6, 1e-7));
  EXPECT_TRUE(at::allclose(std, (exact.var(0, false) + 1e-8).sqrt().to(at::kFloat), 1e-6, 1e-7));
  EXPECT_TRUE(at::allclose(policy->Normalize(rows).var(0, false), at::ones({3}), 1e-3, 1e-3));
}

TEST(RunningNormalizerTest, AComponentThatNeverMovesStaysFinite) {
  const auto policy = MakePolicy();
  RunningNormalizer normalizer(*policy);
  normalizer.Observe(at::full({10, 3}, 4.0));
  const at::Tensor normalized = policy->Normalize(at::full({1, 3}, 4.0));
  EXPECT_EQ(normalized.abs().max().item<float>(), 0);
}

class SharedGoalsTest : public testing::Test {
 protected:
  at::Tensor Published(const std::string& name) const {
    for (const auto& [tensor_name, tensor] : policy_->tensors()) {
      if (tensor_name == "observation_normalizer." + name) return tensor;
    }
    return {};
  }
  void ExpectStatistics(const at::Tensor& mean, const at::Tensor& variance) const {
    EXPECT_TRUE(at::allclose(Published("mean"), mean, 1e-6, 1e-7)) << Published("mean");
    EXPECT_TRUE(at::allclose(Published("std").square(), variance, 1e-6, 1e-7)) << Published("std");
  }

  std::unique_ptr<PolicyNetwork> policy_ = MakePolicy();
  // Columns: achieved goal, something else, desired goal.
  RunningNormalizer normalizer_{*policy_, GoalColumns{0, 2, 1}};
};

TEST_F(SharedGoalsTest, BothGoalsHaveTheStatisticsOfAllSamplesOfEither) {
  // Goals 1, 3, 5 and 2, 2, 8: mean 3.5 and squared deviations 33.5 of the six; the rest 0, 6, 6.
  normalizer_.Observe(at::tensor({1.f, 0.f, 2.f, 3.f, 6.f, 2.f}).view({2, 3}));
  normalizer_.Observe(at::tensor({5.f, 6.f, 8.f}).view({1, 3}));
  const float variance = 33.5 / 6;
  ExpectStatistics(at::tensor({3.5f, 4.f, 3.5f}), at::tensor({variance, 8.f, variance}));
}

TEST_F(SharedGoalsTest, StatisticsThatWereKeptApartAreJoinedWhenTheyAreLoaded) {
  const auto other = MakePolicy();
  RunningNormalizer apart(*other);
  apart.Observe(at::tensor({1.f, 0.f, 2.f, 3.f, 6.f, 2.f}).view({2, 3}));
  const NamedTensors state = normalizer_.State();
  for (size_t i = 0; i < state.size(); ++i) state[i].second.copy_(apart.State()[i].second);
  for (int load = 0; load < 2; ++load) {  // The second time changes nothing.
    normalizer_.Republish();
    // Goals 1, 3 and 2, 2.
    ExpectStatistics(at::tensor({2.f, 3.f, 2.f}), at::tensor({0.5f, 9.f, 0.5f}));
  }
}

TEST(RunningNormalizerTest, NothingSeenIsTheIdentity) {
  const auto policy = MakePolicy();
  const RunningNormalizer normalizer(*policy);
  const at::Tensor observation = at::randn({4, 3});
  EXPECT_TRUE(at::equal(policy->Normalize(observation), observation));
}

}  // namespace
}  // namespace armature

#include "learner/algorithms/gae.h"

#include <vector>

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr double kGamma = 0.9;
constexpr double kLambda = 0.7;

// Computes each step by definition: the discounted sum of the deltas until its trace ends.
at::Tensor BruteForce(const TrajectorySet& set, const at::Tensor& value,
                      const at::Tensor& final_value) {
  const int64_t steps = set.reward.size(0);
  const int64_t slots = set.reward.size(1);
  const auto reward = set.reward.accessor<float, 2>();
  const auto terminated = set.terminated.accessor<float, 2>();
  const auto truncated = set.truncated.accessor<float, 2>();
  const auto valid = set.valid.accessor<float, 2>();
  const auto v = value.accessor<float, 2>();
  int64_t row = 0;
  std::vector<std::vector<double>> delta(steps, std::vector<double>(slots));
  for (int64_t t = 0; t < steps; ++t) {
    for (int64_t n = 0; n < slots; ++n) {
      double next = v[t + 1][n];
      if (terminated[t][n] || truncated[t][n]) next = final_value[row++].item<float>();
      if (terminated[t][n]) next = 0;
      delta[t][n] = reward[t][n] + kGamma * next - v[t][n];
    }
  }
  at::Tensor advantage = at::zeros({steps, slots});
  for (int64_t t = 0; t < steps; ++t) {
    for (int64_t n = 0; n < slots; ++n) {
      double sum = 0;
      double weight = 1;
      for (int64_t k = t; k < steps && valid[k][n]; ++k) {
        sum += weight * delta[k][n];
        if (terminated[k][n] || truncated[k][n]) break;
        weight *= kGamma * kLambda;
      }
      advantage[t][n] = sum;
    }
  }
  return advantage;
}

// Every assignment of {terminated, truncated, valid} to every step.
void CheckAll(int64_t steps, int64_t slots) {
  at::Generator generator = MakeGenerator(c10::kCPU, 1);
  const int64_t cells = steps * slots;
  for (int64_t code = 0; code < int64_t{1} << (3 * cells); ++code) {
    std::vector<float> bits;
    for (int64_t i = 0; i < 3 * cells; ++i) bits.push_back((code >> i) & 1);
    const at::Tensor flags = at::tensor(bits).view({3, steps, slots});
    TrajectorySet set;
    set.terminated = flags[0];
    set.truncated = flags[1];
    set.valid = flags[2];
    set.reward = at::randn({steps, slots}, generator);
    const at::Tensor value = at::randn({steps + 1, slots}, generator);
    const int64_t ends = at::maximum(flags[0], flags[1]).sum().item<int64_t>();
    const at::Tensor final_value = at::randn({ends}, generator);
    const at::Tensor actual = Advantages(set, value, final_value, kGamma, kLambda);
    ASSERT_TRUE(at::allclose(actual, BruteForce(set, value, final_value), 1e-5, 1e-5))
        << "code " << code;
  }
}

TEST(GaeTest, MatchesBruteForceForEveryCombinationOfEndsAndVoidSteps) {
  CheckAll(4, 1);
  CheckAll(2, 2);
}

TEST(GaeTest, TruncationBootstrapsFromTheFinalObservationAndTerminationFromZero) {
  TrajectorySet set;
  set.reward = at::ones({1, 3});
  set.terminated = at::tensor({1.f, 0.f, 0.f}).unsqueeze(0);
  set.truncated = at::tensor({0.f, 1.f, 0.f}).unsqueeze(0);
  set.valid = at::ones({1, 3});
  const at::Tensor value = at::tensor({2.f, 2.f, 2.f, 10.f, 10.f, 10.f}).view({2, 3});
  const at::Tensor advantage =
      Advantages(set, value, at::tensor({100.f, 20.f}), /*gamma=*/0.5, kLambda);
  EXPECT_TRUE(at::equal(advantage,
                        at::tensor({1 - 2.f, 1 + 0.5f * 20 - 2, 1 + 0.5f * 10 - 2}).unsqueeze(0)));
}

TEST(GaeTest, NothingLeaksFromAVoidStepToTheStepBefore) {
  TrajectorySet set;
  set.reward = at::tensor({1.f, 1e6f, 1.f}).unsqueeze(1);
  set.terminated = at::zeros({3, 1});
  set.truncated = at::zeros({3, 1});
  set.valid = at::tensor({1.f, 0.f, 1.f}).unsqueeze(1);
  const at::Tensor value = at::tensor({1.f, 4.f, 1e6f, 0.f}).unsqueeze(1);
  const at::Tensor advantage = Advantages(set, value, at::empty({0}), 0.5, 1.0);
  EXPECT_EQ(advantage[0].item<float>(), 1 + 0.5f * 4 - 1);
  EXPECT_EQ(advantage[1].item<float>(), 0);
}

}  // namespace
}  // namespace armature

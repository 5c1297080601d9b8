#include "learner/nn/state.h"

#include <limits>

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(CopyStateTest, CopiesEveryTensorOrNone) {
  const NamedTensors own = {{"a", at::zeros({2})}, {"b", at::zeros({3}, at::kLong)}};
  std::map<std::string, at::Tensor> state = {{"a", at::ones({2})}};
  EXPECT_EQ(CopyState(state, own).message(), "state has no b");
  state["b"] = at::ones({2}, at::kLong);
  EXPECT_EQ(CopyState(state, own).message(), "state: b is Long [2], expected Long [3]");
  state["b"] = at::ones({3});
  EXPECT_EQ(CopyState(state, own).message(), "state: b is Float [3], expected Long [3]");
  EXPECT_EQ(own[0].second.sum().item<float>(), 0);

  state["b"] = at::ones({3}, at::kLong);
  EXPECT_TRUE(CopyState(state, own).ok());
  EXPECT_EQ(own[0].second.sum().item<float>(), 2);
  EXPECT_EQ(own[1].second.sum().item<int64_t>(), 3);
}

TEST(FindNonFiniteTest, NamesTheFirstTensorThatHoldsOne) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  NamedTensors tensors = {{"largest", at::full({70}, std::numeric_limits<float>::max())},
                          {"none", at::empty({0, 3})},
                          {"count", at::full({}, 7, at::kLong)},
                          {"half", at::ones({2}, at::kHalf)}};
  EXPECT_EQ(FindNonFinite(tensors), "");
  EXPECT_EQ(FindNonFinite({}), "");
  at::Tensor statistic = at::zeros({1000}, at::kDouble);
  statistic[500] = -kInfinity;
  tensors.emplace_back("statistic", statistic);
  EXPECT_EQ(FindNonFinite(tensors), "statistic holds inf");
  for (const int64_t place : {0, 31, 32, 69}) {  // Within vectors and after them.
    at::Tensor weight = at::full({70}, 2.0f);
    weight[place] = kNaN;
    EXPECT_EQ(FindNonFinite({{"weight", weight}}), "weight holds nan") << place;
  }
}

TEST(LoadGeneratorTest, DrawsGoOnWhereTheStateWasTaken) {
  at::Generator generator = MakeGenerator(c10::kCPU, 3);
  NamedTensors state;
  AppendGenerator(generator, &state);
  const at::Tensor expected = at::randn({4}, generator);
  at::Generator other = MakeGenerator(c10::kCPU, 4);
  LoadGenerator({state.begin(), state.end()}, 7, &other);
  EXPECT_TRUE(at::equal(at::randn({4}, other), expected));
}

TEST(LoadGeneratorTest, OneOfAnotherDeviceBeginsAnewFromSeedAndStep) {
  const auto draw = [](uint64_t seed, int64_t learner_steps) {
    at::Generator generator = MakeGenerator(c10::kCPU, seed);
    // Seed and offset: what CUDA's generators have.
    LoadGenerator({{"generator", at::zeros({16}, at::kByte)}}, learner_steps, &generator);
    return at::randn({4}, generator);
  };
  EXPECT_TRUE(at::equal(draw(3, 100), draw(3, 100)));
  EXPECT_FALSE(at::equal(draw(3, 100), draw(3, 200)));
  EXPECT_FALSE(at::equal(draw(3, 100), draw(4, 100)));
  EXPECT_FALSE(at::equal(draw(3, 100), at::randn({4}, MakeGenerator(c10::kCPU, 3))));
}

TEST(LoadGeneratorTest, WithoutOneDrawsStayTheirOwn) {
  at::Generator generator = MakeGenerator(c10::kCPU, 3);
  LoadGenerator({}, 100, &generator);
  EXPECT_TRUE(at::equal(at::randn({4}, generator), at::randn({4}, MakeGenerator(c10::kCPU, 3))));
}

}  // namespace
}  // namespace armature

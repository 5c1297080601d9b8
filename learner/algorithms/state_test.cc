#include "learner/algorithms/state.h"

#include "ATen/ATen.h"
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

}  // namespace
}  // namespace armature

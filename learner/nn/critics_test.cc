#include "learner/nn/critics.h"

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "common/policy/policy_network.h"
#include "gtest/gtest.h"
#include "learner/algorithms/testing/fixtures.h"

namespace armature {
namespace {

constexpr int64_t kObservation = 3;
constexpr int64_t kAction = 2;
constexpr int64_t kBatch = 7;

std::unique_ptr<PolicyNetwork> Policy() {
  v1::PolicySpec spec = MakeSpec(v1::PolicySpec::HEAD_TANH, kObservation, kAction, {6, 5});
  spec.set_activation(v1::PolicySpec::ACTIVATION_TANH);  // Smooth.
  return std::move(*PolicyNetwork::Create(spec, c10::kCPU));
}

class CriticsTest : public testing::TestWithParam<int64_t> {
 protected:
  CriticsTest() {
    critics_.Init({}, generator_);
    // Makes the targets differ from the critics.
    for (const auto& [name, tensor] : critics_.State()) {
      if (name == "target_critics") tensor.add_(0.1);
      if (name == "critics") parameters_ = tensor;
    }
  }

  at::Tensor Draw(int64_t columns) { return at::randn({kBatch, columns}, generator_); }

  at::Generator generator_ = MakeGenerator(c10::kCPU, 3);
  const std::unique_ptr<PolicyNetwork> policy_ = Policy();
  Critics critics_{*policy_, GetParam(), CriticLoss::kMse};
  at::Tensor parameters_;
  const at::Tensor observation_ = Draw(kObservation);
  const at::Tensor action_ = Draw(kAction).tanh();
  const at::Tensor y_ = Draw(1).squeeze(1);
  const at::Tensor weight_ = at::ones({kBatch});
};

TEST_P(CriticsTest, ValuesHaveTheGradientsOfFiniteDifferences) {
  critics_.Update(observation_, action_, y_, weight_, /*learning_rate=*/0);
  constexpr double kStep = 1e-3;
  for (const bool first : {false, true}) {
    const auto value_of = [&](const at::Tensor& action) {
      const ActionValue value = first ? critics_.FirstValue(observation_, action)
                                      : critics_.MinValue(observation_, action);
      return ActionValue{value.value.clone(), value.gradient.clone()};
    };
    const at::Tensor gradient = value_of(action_).gradient;
    for (int64_t component = 0; component < kAction; ++component) {
      at::Tensor step = at::zeros_like(action_);
      step.select(1, component).fill_(kStep);
      const at::Tensor difference =
          (value_of(action_ + step).value - value_of(action_ - step).value) / (2 * kStep);
      EXPECT_TRUE(at::allclose(gradient.select(1, component), difference, 1e-2, 2e-3));
    }
  }
}

TEST_P(CriticsTest, MinIsTheLeastOfAllAndFirstTheFirst) {
  critics_.Update(observation_, action_, y_, weight_, /*learning_rate=*/0);
  const at::Tensor least = critics_.MinValue(observation_, action_).value.clone();
  const at::Tensor first = critics_.FirstValue(observation_, action_).value.clone();
  EXPECT_TRUE((least <= first).all().item<bool>());
  EXPECT_EQ(at::equal(least, first), GetParam() == 1);
}

TEST_P(CriticsTest, TargetsFollowByTau) {
  const auto targets = [&] {
    for (const auto& [name, tensor] : critics_.State()) {
      if (name == "target_critics") return tensor;
    }
    return at::Tensor();
  };
  const at::Tensor before = critics_.TargetMin(observation_, action_).clone();
  const at::Tensor expected = targets() * 0.75 + parameters_ * 0.25;
  critics_.UpdateTargets(0.25);
  EXPECT_TRUE(at::allclose(targets(), expected));
  EXPECT_FALSE(at::allclose(critics_.TargetMin(observation_, action_), before));
  critics_.UpdateTargets(1);
  critics_.Update(observation_, action_, y_, weight_, /*learning_rate=*/0);
  EXPECT_TRUE(at::allclose(critics_.TargetMin(observation_, action_),
                           critics_.MinValue(observation_, action_).value));
}

TEST_P(CriticsTest, UpdatesReachTheirTargets) {
  double loss = 0;
  for (int i = 0; i < 1500; ++i) {
    loss = critics_.Update(observation_, action_, y_, weight_, 3e-3).item<double>();
  }
  EXPECT_LT(loss, 1e-3);
  EXPECT_TRUE(at::allclose(critics_.FirstValue(observation_, action_).value, y_, 0, 0.1));
}

TEST_P(CriticsTest, AnotherBatchSizeIsTakenAsItComes) {
  const at::Tensor all = critics_.TargetMin(observation_, action_).clone();
  const at::Tensor some = critics_.TargetMin(observation_.narrow(0, 2, 3), action_.narrow(0, 2, 3));
  EXPECT_TRUE(at::allclose(some, all.narrow(0, 2, 3)));
}

INSTANTIATE_TEST_SUITE_P(Members, CriticsTest, testing::Values(1, 2));

// Zero weights: every value is 0, so the error is -y.
TEST(CriticLossTest, HuberIsTheSquareWithinOneAndLinearBeyond) {
  const std::unique_ptr<PolicyNetwork> policy = Policy();
  const at::Tensor observation = at::zeros({4, kObservation});
  const at::Tensor action = at::zeros({4, kAction});
  const at::Tensor y = at::tensor({0.5f, -1.0f, 3.0f, -5.0f});
  const at::Tensor weight = at::ones({4});
  Critics mse(*policy, 1, ParseCriticLoss("mse"));
  EXPECT_NEAR(mse.Update(observation, action, y, weight, 0).item<double>(),
              (0.125 + 0.5 + 4.5 + 12.5) / 4, 1e-6);
  // The last layer's bias is the last parameter; its gradient is the mean slope.
  EXPECT_NEAR(mse.gradient()[-1].item<double>(), (-0.5 + 1 - 3 + 5) / 4, 1e-6);
  Critics huber(*policy, 1, ParseCriticLoss("huber"));
  EXPECT_NEAR(huber.Update(observation, action, y, weight, 0).item<double>(),
              (0.125 + 0.5 + 2.5 + 4.5) / 4, 1e-6);
  EXPECT_NEAR(huber.gradient()[-1].item<double>(), (-0.5 + 1 - 1 + 1) / 4, 1e-6);
}

// Zero weights: every value is 0, so the error is -y.
TEST(CriticLossTest, ErrorsCountByTheirWeightButAreReportedAsTheyAre) {
  const std::unique_ptr<PolicyNetwork> policy = Policy();
  Critics critics(*policy, 2, CriticLoss::kMse);
  const at::Tensor loss = critics.Update(at::zeros({2, kObservation}), at::zeros({2, kAction}),
                                         at::tensor({2.0f, 3.0f}), at::tensor({0.25f, 0.0f}), 0);
  EXPECT_NEAR(loss.item<double>(), 2 * (0.25 * 2) / 2, 1e-6);
  EXPECT_NEAR(critics.gradient()[-1].item<double>(), -0.25 * 2 / 2, 1e-6);
  EXPECT_TRUE(at::allclose(critics.TemporalDifferences(), at::tensor({2.0f, 3.0f})));
}

TEST(BootstrappedReturnTest, ATerminatedStepHasNoFuture) {
  TransitionSample sample;
  sample.reward = at::tensor({1.0f, 2.0f});
  sample.terminated = at::tensor({0.0f, 1.0f});
  sample.discount = at::tensor({0.5f, 0.5f});
  const at::Tensor y = BootstrappedReturn(sample, at::tensor({10.0f, 10.0f}));
  EXPECT_TRUE(at::equal(y, at::tensor({6.0f, 2.0f})));
  const at::Tensor several = BootstrappedReturn(
      sample, at::tensor({10.0f, 20.0f, 30.0f, 10.0f, 20.0f, 30.0f}).view({2, 3}));
  EXPECT_TRUE(at::equal(several, at::tensor({6.0f, 11.0f, 16.0f, 2.0f, 2.0f, 2.0f}).view({2, 3})));
}

}  // namespace
}  // namespace armature

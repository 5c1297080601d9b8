#include "learner/nn/critic_networks.h"

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "gtest/gtest.h"
#include "learner/algorithms/testing/fixtures.h"

namespace armature {
namespace {

constexpr int64_t kMembers = 3;
constexpr int64_t kOutputs = 4;
constexpr int64_t kBatch = 7;

class CriticNetworksTest : public testing::Test {
 protected:
  CriticNetworksTest() {
    networks_.Init({}, generator_);
    for (const auto& [name, tensor] : networks_.State()) {
      if (name == "critics") parameters_ = tensor;
      if (name == "target_critics") targets_ = tensor;
    }
  }

  at::Tensor Outputs() { return networks_.Forward(observation_, action_).clone(); }

  at::Generator generator_ = MakeGenerator(c10::kCPU, 3);
  const std::unique_ptr<PolicyNetwork> policy_ = [] {
    v1::PolicySpec spec = MakeSpec(v1::PolicySpec::HEAD_TANH, 3, 2, {6, 5});
    spec.set_activation(v1::PolicySpec::ACTIVATION_TANH);  // Smooth.
    spec.set_layer_norm(true);
    return std::move(*PolicyNetwork::Create(spec, c10::kCPU));
  }();
  CriticNetworks networks_{*policy_, kMembers, kOutputs, {}};
  at::Tensor parameters_;
  at::Tensor targets_;
  const at::Tensor observation_ = at::randn({kBatch, 3}, generator_);
  const at::Tensor action_ = at::randn({kBatch, 2}, generator_).tanh();
  // Of a loss that is linear in the outputs.
  const at::Tensor slope_ = at::randn({kMembers, kBatch, kOutputs}, generator_);
};

TEST_F(CriticNetworksTest, EveryCriticHasItsOwnOutputsAndTheFirstIsTheFirst) {
  const at::Tensor all = Outputs();
  EXPECT_EQ(all.sizes(), at::IntArrayRef({kMembers, kBatch, kOutputs}));
  EXPECT_FALSE(at::allclose(all[0], all[1]));
  EXPECT_TRUE(at::allclose(networks_.ForwardFirst(observation_, action_)[0], all[0]));
}

TEST_F(CriticNetworksTest, ActionGradientsAreThoseOfFiniteDifferences) {
  constexpr double kStep = 1e-2;
  networks_.Forward(observation_, action_);
  const at::Tensor gradient = networks_.ActionGradient(slope_).clone();  // [E, B, A]
  networks_.ForwardFirst(observation_, action_);
  EXPECT_TRUE(at::allclose(networks_.FirstActionGradient(slope_.narrow(0, 0, 1))[0], gradient[0]));
  for (int64_t component = 0; component < 2; ++component) {
    at::Tensor step = at::zeros_like(action_);
    step.select(1, component).fill_(kStep);
    const auto loss = [&](const at::Tensor& action) {
      return (networks_.Forward(observation_, action) * slope_).sum(2);  // [E, B]
    };
    const at::Tensor difference = (loss(action_ + step) - loss(action_ - step)) / (2 * kStep);
    EXPECT_TRUE(at::allclose(gradient.select(2, component), difference, 1e-2, 2e-3));
  }
}

TEST_F(CriticNetworksTest, AStepGoesDownTheLossAndLeavesTheTargets) {
  const double before = (Outputs() * slope_).sum().item<double>();
  networks_.Forward(observation_, action_);
  networks_.Step(slope_, 1e-3);
  EXPECT_LT((Outputs() * slope_).sum().item<double>(), before);
  EXPECT_FALSE(at::allclose(networks_.ForwardTargets(observation_, action_), Outputs()));
  const at::Tensor expected = targets_ * 0.75 + parameters_ * 0.25;
  networks_.UpdateTargets(0.25);
  EXPECT_TRUE(at::allclose(targets_, expected));
}

TEST_F(CriticNetworksTest, ForwardApartLeavesTheOthersAlone) {
  const at::Tensor& outputs = networks_.Forward(observation_, action_);
  const at::Tensor before = outputs.clone();
  const at::Tensor apart =
      networks_.ForwardApart(observation_.narrow(0, 2, 3), action_.narrow(0, 3, 3)).clone();
  EXPECT_TRUE(at::equal(outputs, before));
  const at::Tensor joined =
      networks_.Forward(observation_.narrow(0, 2, 3), action_.narrow(0, 3, 3));
  EXPECT_TRUE(at::allclose(apart, joined));
}

}  // namespace
}  // namespace armature

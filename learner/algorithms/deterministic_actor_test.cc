#include "learner/algorithms/deterministic_actor.h"

#include "ATen/ATen.h"
#include "common/policy/generator.h"
#include "common/policy/policy_network.h"
#include "gtest/gtest.h"
#include "learner/algorithms/testing/fixtures.h"
#include "learner/nn/critics.h"

namespace armature {
namespace {

constexpr int64_t kObservation = 3;
constexpr int64_t kAction = 2;

class DeterministicActorTest : public testing::Test {
 protected:
  DeterministicActorTest() { actor_.Init({}, generator_); }

  at::Generator generator_ = MakeGenerator(c10::kCPU, 4);
  const std::unique_ptr<PolicyNetwork> policy_ = std::move(*PolicyNetwork::Create(
      MakeSpec(v1::PolicySpec::HEAD_TANH, kObservation, kAction, {8, 8}), c10::kCPU));
  DeterministicActor actor_{*policy_};
  const at::Tensor observation_ = at::randn({32, kObservation}, generator_);

  at::Tensor PolicyAction() const { return policy_->Act(observation_, true, std::nullopt).action; }
};

TEST_F(DeterministicActorTest, ActsAsThePolicyAndBeginsWithItsTarget) {
  EXPECT_TRUE(at::allclose(actor_.Act(observation_).action, PolicyAction()));
  EXPECT_TRUE(at::equal(actor_.TargetAct(observation_), actor_.Act(observation_).action));
}

// Q(s, a) = -|a - w|^2 for a wanted action w that depends on s.
TEST_F(DeterministicActorTest, StepsBringTheActionsToTheHighestValue) {
  const at::Tensor wanted = (observation_.narrow(1, 0, kAction) / 2).clamp(-0.8, 0.8);
  double loss = 0;
  for (int i = 0; i < 1500; ++i) {
    const DeterministicActor::Actions actions = actor_.Act(observation_);
    const at::Tensor error = actions.action - wanted;
    loss = actor_.Step(actions, {-error.square().sum(1), -2 * error}, 0, 3e-3).item<double>();
  }
  EXPECT_LT(loss, 0.01);
  EXPECT_LT((PolicyAction() - wanted).square().mean().item<double>(), 0.005);
}

TEST_F(DeterministicActorTest, ActionL2AloneBringsTheActionsToZero) {
  const at::Tensor nothing = at::zeros({32});
  const ActionValue flat = {nothing, at::zeros({32, kAction})};
  const DeterministicActor::Actions actions = actor_.Act(observation_);
  const double loss = actor_.Step(actions, flat, 0.5, 3e-3).item<double>();
  EXPECT_NEAR(loss, 0.5 * actions.action.square().mean().item<double>(), 1e-6);
  for (int i = 0; i < 500; ++i) {
    actor_.Step(actor_.Act(observation_), flat, 0.5, 3e-3);
  }
  EXPECT_LT(PolicyAction().abs().max().item<double>(), 0.05);
}

TEST_F(DeterministicActorTest, TheTargetFollowsByTau) {
  const at::Tensor before = policy_->flat_parameters().clone();
  actor_.Step(actor_.Act(observation_), {at::zeros({32}), at::ones({32, kAction})}, 0, 0.1);
  actor_.UpdateTarget(0.25);
  const at::Tensor target = actor_.State().front().second;
  EXPECT_TRUE(at::allclose(target, 0.75 * before + 0.25 * policy_->flat_parameters()));
  EXPECT_FALSE(at::allclose(target, before));
}

}  // namespace
}  // namespace armature

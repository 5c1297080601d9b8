#include "actor/collect/transition_cutter.h"

#include <memory>

#include "actor/testing/scripted_steps.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kSlots = 2;
constexpr int64_t kFirstSlot = 6;

class TransitionCutterTest : public ::testing::Test {
 protected:
  void Start() {
    cutter_->OnStep(ScriptedStep(0, {Outcome::kGoesOn, Outcome::kGoesOn}), &buffer_);
    step_ = 0;
  }
  void Step(Outcome first, Outcome second) {
    cutter_->OnAction(ScriptedActions(step_, kSlots, 40 + step_));
    ++step_;
    cutter_->OnStep(ScriptedStep(step_, {first, second}), &buffer_);
  }
  template <typename T>
  static std::vector<T> Values(const v1::Tensor& tensor) {
    const absl::Span<const T> values = TensorValues<T>(tensor);
    return {values.begin(), values.end()};
  }

  std::unique_ptr<TransitionCutter> cutter_ =
      std::make_unique<TransitionCutter>(kFirstSlot, ScriptedEnv(), ProposedActions());
  TransitionBuffer buffer_{ScriptedEnv()};
  uint64_t step_ = 0;
};

TEST_F(TransitionCutterTest, FirstObservationsAloneAreNoTransition) {
  Start();
  EXPECT_EQ(buffer_.size(), 0);
}

// Runs both slots with every outcome over two steps: 5^4 scripts.
TEST_F(TransitionCutterTest, EveryOutcomeGivesTheRightTransitions) {
  for (Outcome a1 : kOutcomes)
    for (Outcome b1 : kOutcomes)
      for (Outcome a2 : kOutcomes)
        for (Outcome b2 : kOutcomes) {
          Start();
          Step(a1, b1);
          Step(a2, b2);
          const v1::TransitionBatch batch = buffer_.Take(buffer_.size());
          const Outcome outcomes[2][2] = {{a1, b1}, {a2, b2}};
          std::vector<float> observation, action, reward, next, extra;
          std::vector<uint8_t> terminated, truncated;
          std::vector<int32_t> slots;
          std::vector<int64_t> versions;
          for (uint64_t t = 0; t < 2; ++t) {
            for (int64_t slot = 0; slot < kSlots; ++slot) {
              const Outcome outcome = outcomes[t][slot];
              if (outcome == Outcome::kRestarted) continue;
              observation.push_back(ObservationAt(t, slot));
              observation.push_back(-ObservationAt(t, slot));
              action.push_back(ActionAt(t, slot));
              reward.push_back(RewardAt(t + 1, slot));
              extra.push_back(ExtraAt(t + 1, slot));
              const float value = Ends(outcome) ? FinalAt(t + 1, slot) : ObservationAt(t + 1, slot);
              next.push_back(value);
              next.push_back(-value);
              terminated.push_back(outcome == Outcome::kTerminated || outcome == Outcome::kBoth);
              truncated.push_back(outcome == Outcome::kTruncated || outcome == Outcome::kBoth);
              slots.push_back(kFirstSlot + slot);
              versions.push_back(40 + t);
            }
          }
          ASSERT_EQ(Values<float>(batch.observation()), observation);
          ASSERT_EQ(Values<float>(batch.action()), action);
          ASSERT_EQ(Values<float>(batch.reward()), reward);
          ASSERT_EQ(Values<float>(batch.next_observation()), next);
          ASSERT_EQ(Values<float>(batch.goal_extra()), extra);
          ASSERT_EQ(Values<uint8_t>(batch.terminated()), terminated);
          ASSERT_EQ(Values<uint8_t>(batch.truncated()), truncated);
          ASSERT_EQ(Values<int32_t>(batch.slot()), slots);
          ASSERT_EQ(Values<int64_t>(batch.policy_version()), versions);
          const int64_t n = static_cast<int64_t>(slots.size());
          ASSERT_TRUE(CheckTensor(batch.observation(), v1::DTYPE_FLOAT32, {n, 2}, "o").ok());
          ASSERT_TRUE(CheckTensor(batch.action(), v1::DTYPE_FLOAT32, {n, 1}, "a").ok());
          ASSERT_TRUE(CheckTensor(batch.goal_extra(), v1::DTYPE_FLOAT32, {n, 1}, "e").ok());
        }
}

TEST_F(TransitionCutterTest, WithExecutedActionsEachTransitionHasThatOfItsStepAndSlot) {
  cutter_ = std::make_unique<TransitionCutter>(kFirstSlot, ScriptedEnv(),
                                               ExecutedActions(ScriptedEnv().action));
  Start();
  Step(Outcome::kGoesOn, Outcome::kTerminated);
  Step(Outcome::kRestarted, Outcome::kTruncated);
  Step(Outcome::kGoesOn, Outcome::kGoesOn);
  const v1::TransitionBatch batch = buffer_.Take(buffer_.size());
  EXPECT_THAT(Values<float>(batch.action()),
              ElementsAre(ExecutedAt(1, 0), ExecutedAt(1, 1), ExecutedAt(2, 1), ExecutedAt(3, 0),
                          ExecutedAt(3, 1)));
  EXPECT_NE(ExecutedAt(1, 0), ActionAt(0, 0));
}

TEST_F(TransitionCutterTest, WhatASessionLeftPendingIsDropped) {
  Start();
  Step(Outcome::kGoesOn, Outcome::kGoesOn);
  cutter_->OnAction(ScriptedActions(1, kSlots, 7));
  Start();  // The session was lost before it answered.
  EXPECT_EQ(buffer_.size(), 2);
  Step(Outcome::kGoesOn, Outcome::kGoesOn);
  const v1::TransitionBatch batch = buffer_.Take(4);
  EXPECT_THAT(Values<float>(batch.observation()),
              ElementsAre(0, 0, 1, -1, /*again from step 0*/ 0, 0, 1, -1));
}

TEST_F(TransitionCutterTest, TakesTheOldestFirstAndKeepsTheRest) {
  Start();
  Step(Outcome::kGoesOn, Outcome::kGoesOn);
  Step(Outcome::kGoesOn, Outcome::kGoesOn);
  EXPECT_THAT(Values<float>(buffer_.Take(3).reward()),
              ElementsAre(RewardAt(1, 0), RewardAt(1, 1), RewardAt(2, 0)));
  EXPECT_THAT(Values<float>(buffer_.Take(1).reward()), ElementsAre(RewardAt(2, 1)));
  EXPECT_EQ(buffer_.size(), 0);
}

}  // namespace
}  // namespace armature

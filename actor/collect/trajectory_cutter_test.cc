#include "actor/collect/trajectory_cutter.h"

#include "actor/testing/scripted_steps.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

constexpr int64_t kSlots = 2;

template <typename T>
std::vector<T> Values(const v1::Tensor& tensor) {
  const absl::Span<const T> values = TensorValues<T>(tensor);
  return {values.begin(), values.end()};
}

std::vector<int64_t> Shape(const v1::Tensor& tensor) {
  return {tensor.shape().begin(), tensor.shape().end()};
}

class TrajectoryCutterTest : public ::testing::TestWithParam<int64_t> {
 protected:
  // Runs script[0], script[1] ... as the steps begin + 1, begin + 2 ...
  static void Play(TrajectoryCutter* cutter, uint64_t begin,
                   const std::vector<std::vector<Outcome>>& script) {
    for (size_t i = 0; i < script.size(); ++i) {
      cutter->OnAction(ScriptedActions(begin + i, kSlots, 90 - begin - i));
      cutter->OnStep(ScriptedStep(begin + i + 1, script[i]));
    }
  }

  static void Expect(const v1::TrajectoryBatch& batch, uint64_t begin,
                     const std::vector<std::vector<Outcome>>& script) {
    const int64_t length = static_cast<int64_t>(script.size());
    std::vector<float> observation, action, reward, log_prob, final_observation;
    std::vector<uint8_t> terminated, truncated, valid;
    for (int64_t t = 0; t <= length; ++t) {
      for (int64_t slot = 0; slot < kSlots; ++slot) {
        observation.push_back(ObservationAt(begin + t, slot));
        observation.push_back(-ObservationAt(begin + t, slot));
        if (t == length) continue;
        const Outcome outcome = script[t][slot];
        action.push_back(ActionAt(begin + t, slot));
        log_prob.push_back(10 * ActionAt(begin + t, slot));
        reward.push_back(RewardAt(begin + t + 1, slot));
        terminated.push_back(outcome == Outcome::kTerminated || outcome == Outcome::kBoth);
        truncated.push_back(outcome == Outcome::kTruncated || outcome == Outcome::kBoth);
        valid.push_back(outcome != Outcome::kRestarted);
        if (!Ends(outcome)) continue;
        final_observation.push_back(FinalAt(begin + t + 1, slot));
        final_observation.push_back(-FinalAt(begin + t + 1, slot));
      }
    }
    ASSERT_EQ(Values<float>(batch.observation()), observation);
    ASSERT_EQ(Values<float>(batch.action()), action);
    ASSERT_EQ(Values<float>(batch.reward()), reward);
    ASSERT_EQ(Values<float>(batch.behaviour_log_prob()), log_prob);
    ASSERT_EQ(Values<uint8_t>(batch.terminated()), terminated);
    ASSERT_EQ(Values<uint8_t>(batch.truncated()), truncated);
    ASSERT_EQ(Values<uint8_t>(batch.valid()), valid);
    ASSERT_EQ(Values<float>(batch.final_observation()), final_observation);
    ASSERT_EQ(Shape(batch.observation()), (std::vector<int64_t>{length + 1, kSlots, 2}));
    ASSERT_EQ(Shape(batch.action()), (std::vector<int64_t>{length, kSlots, 1}));
    ASSERT_EQ(Shape(batch.reward()), (std::vector<int64_t>{length, kSlots}));
    ASSERT_EQ(Shape(batch.final_observation()),
              (std::vector<int64_t>{static_cast<int64_t>(final_observation.size()) / 2, 2}));
    // Versions decrease over the steps (see Play), so the last is the oldest.
    ASSERT_EQ(batch.policy_version(), 90 - begin - length + 1);
  }
};

// Runs all scripts of T steps of two slots, 5^(2T): every outcome at the boundary and, for T = 1, a
// horizon of one step.
TEST_P(TrajectoryCutterTest, EveryScriptIsCutAsItHappened) {
  const int64_t length = GetParam();
  int64_t scripts = 1;
  for (int64_t i = 0; i < length * kSlots; ++i) scripts *= 5;
  for (int64_t code = 0; code < scripts; ++code) {
    std::vector<std::vector<Outcome>> script(length, std::vector<Outcome>(kSlots));
    int64_t rest = code;
    for (std::vector<Outcome>& step : script) {
      for (Outcome& outcome : step) {
        outcome = kOutcomes[rest % 5];
        rest /= 5;
      }
    }
    TrajectoryCutter cutter(length, kSlots, 2, 1);
    cutter.OnStep(ScriptedStep(0, {Outcome::kGoesOn, Outcome::kGoesOn}));
    cutter.Begin();
    Play(&cutter, 0, script);
    ASSERT_TRUE(cutter.complete());
    Expect(cutter.Take(), 0, script);
    // The next trajectory begins at the observation where this one ended.
    ASSERT_FALSE(cutter.recording());
    cutter.Begin();
    Play(&cutter, length, script);
    ASSERT_TRUE(cutter.complete());
    Expect(cutter.Take(), length, script);
  }
}
INSTANTIATE_TEST_SUITE_P(UnrollLengths, TrajectoryCutterTest, ::testing::Values(1, 2, 3));

TEST_F(TrajectoryCutterTest, ALostSessionDropsWhatWasRecorded) {
  const std::vector<std::vector<Outcome>> script(2, {Outcome::kTruncated, Outcome::kGoesOn});
  TrajectoryCutter cutter(2, kSlots, 2, 1);
  cutter.OnStep(ScriptedStep(0, {Outcome::kGoesOn, Outcome::kGoesOn}));
  cutter.Begin();
  Play(&cutter, 0, {script[0]});
  cutter.OnStep(ScriptedStep(0, {Outcome::kGoesOn, Outcome::kGoesOn}));
  EXPECT_FALSE(cutter.recording());
  cutter.Begin();
  Play(&cutter, 0, script);
  ASSERT_TRUE(cutter.complete());
  Expect(cutter.Take(), 0, script);
}

}  // namespace
}  // namespace armature

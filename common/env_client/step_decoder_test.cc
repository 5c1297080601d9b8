#include "common/env_client/step_decoder.h"

#include <limits>

#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// D = 2 + 1 + 3: a matrix, a scalar and a vector of bytes.
EnvSpec Spec() {
  EnvSpec spec;
  spec.id = "mixed";
  spec.observation = {{"pose", v1::DTYPE_FLOAT64, {1, 2}, {}, {}},
                      {"clock", v1::DTYPE_INT64, {}, {}, {}},
                      {"touch", v1::DTYPE_UINT8, {3}, {}, {}}};
  return spec;
}

// A step of two slots; the second one's episode was truncated.
v1::StepBatch Batch() {
  v1::StepBatch batch;
  batch.set_group(1);
  batch.set_step(4);
  SetTensor<double>({2, 1, 2}, {1, 2, 3, 4}, batch.add_observation());
  SetTensor<int64_t>({2}, {10, 20}, batch.add_observation());
  SetTensor<uint8_t>({2, 3}, {1, 0, 1, 0, 1, 0}, batch.add_observation());
  SetTensor<float>({2}, {0.5f, -0.5f}, batch.mutable_reward());
  SetTensor<uint8_t>({2}, {0, 0}, batch.mutable_terminated());
  SetTensor<uint8_t>({2}, {0, 1}, batch.mutable_truncated());
  SetTensor<uint8_t>({2}, {0, 0}, batch.mutable_restarted());
  SetTensor<uint8_t>({2}, {0, 1}, batch.mutable_is_success());
  batch.add_final_slot(1);
  SetTensor<double>({1, 1, 2}, {7, 8}, batch.add_final_observation());
  SetTensor<int64_t>({1}, {30}, batch.add_final_observation());
  SetTensor<uint8_t>({1, 3}, {2, 3, 4}, batch.add_final_observation());
  return batch;
}

std::string Problem(const v1::StepBatch& batch) {
  return std::string(StepDecoder(Spec()).Decode(batch, 2).status().message());
}

TEST(StepDecoderTest, FlattensFieldsInTheSpecsOrder) {
  const auto step = StepDecoder(Spec()).Decode(Batch(), 2);
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_EQ(step->group, 1u);
  EXPECT_EQ(step->step, 4u);
  EXPECT_THAT(step->observation, ElementsAre(1, 2, 10, 1, 0, 1, 3, 4, 20, 0, 1, 0));
  EXPECT_THAT(step->final_observation, ElementsAre(7, 8, 30, 2, 3, 4));
  EXPECT_THAT(step->reward, ElementsAre(0.5f, -0.5f));
  EXPECT_FALSE(step->ended(0));
  EXPECT_TRUE(step->ended(1));
  EXPECT_THAT(step->is_success, ElementsAre(0, 1));
}

TEST(StepDecoderTest, RefusesWhatDoesNotFitTheSpecAndNamesIt) {
  v1::StepBatch batch = Batch();
  batch.mutable_observation()->RemoveLast();
  EXPECT_THAT(Problem(batch), HasSubstr("observation has 2 fields, expected 3"));

  batch = Batch();
  SetTensor<float>({2, 1, 2}, {1, 2, 3, 4}, batch.mutable_observation(0));
  EXPECT_THAT(Problem(batch), HasSubstr("observation 'pose': dtype is DTYPE_FLOAT32"));

  batch = Batch();
  SetTensor<int64_t>({3}, {1, 2, 3}, batch.mutable_observation(1));
  EXPECT_THAT(Problem(batch), HasSubstr("observation 'clock': shape is [3], expected [2]"));

  batch = Batch();
  SetTensor<double>({2, 1, 2}, {1, 2, std::numeric_limits<double>::infinity(), 4},
                    batch.mutable_observation(0));
  EXPECT_THAT(Problem(batch), HasSubstr("observation 'pose'[1,0,0] is inf"));

  batch = Batch();
  SetTensor<double>({2, 1, 2}, {1, 2, 3, 1e300}, batch.mutable_observation(0));
  EXPECT_THAT(Problem(batch), HasSubstr("observation[1,1] exceeds float32"));

  batch = Batch();
  SetTensor<uint8_t>({2}, {0, 2}, batch.mutable_terminated());
  EXPECT_THAT(Problem(batch), HasSubstr("terminated"));
}

TEST(StepDecoderTest, RefusesEndsThatContradictEachOther) {
  v1::StepBatch batch = Batch();
  batch.clear_final_slot();
  EXPECT_THAT(Problem(batch), HasSubstr("final_slot names 0 slots, expected the 1"));

  batch = Batch();
  batch.set_final_slot(0, 0);
  EXPECT_THAT(Problem(batch), HasSubstr("final_slot"));

  batch = Batch();
  SetTensor<uint8_t>({2}, {0, 1}, batch.mutable_restarted());
  EXPECT_THAT(Problem(batch), HasSubstr("restarted[1] is 1 where an episode also ended"));

  batch = Batch();
  batch.set_step(0);
  EXPECT_THAT(Problem(batch), HasSubstr("slot 1 ended or was restarted at step 0"));

  batch = Batch();
  batch.mutable_final_observation()->RemoveLast();
  EXPECT_THAT(Problem(batch), HasSubstr("final_observation has 2 fields"));
}

TEST(StepDecoderTest, ValuesOutsideTheirDeclaredBoundsAreCountedAndTheFirstNamed) {
  EnvSpec spec = Spec();
  spec.observation[0].low = {0};
  spec.observation[0].high = {3.5, 3};
  const auto step = StepDecoder(spec).Decode(Batch(), 2);
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_EQ(step->out_of_bounds, 3);  // 4, and 7 and 8 of the final observation.
  EXPECT_EQ(step->first_out_of_bounds,
            "observation 'pose'[1]=4 is outside its declared bounds 0 .. 3");
  EXPECT_THAT(step->observation, ElementsAre(1, 2, 10, 1, 0, 1, 3, 4, 20, 0, 1, 0));
}

TEST(StepDecoderTest, WithoutBoundsNothingIsOutside) {
  const auto step = StepDecoder(Spec()).Decode(Batch(), 2);
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_EQ(step->out_of_bounds, 0);
  EXPECT_EQ(step->first_out_of_bounds, "");
}

// Spec with m = 2, E = 3 and p = 1.
EnvSpec EquippedSpec() {
  EnvSpec spec = Spec();
  spec.metrics = {{"speed", v1::MetricSpec::AGGREGATION_MEAN},
                  {"power", v1::MetricSpec::AGGREGATION_SUM}};
  spec.goal = GoalSpec{
      "",
      "",
      {{"effort", v1::DTYPE_FLOAT32, {}, {}, {}}, {"push", v1::DTYPE_FLOAT32, {1, 2}, {}, {}}}};
  spec.parameters = {{"level", 0, 1, 1}};
  return spec;
}

v1::StepBatch EquippedBatch() {
  v1::StepBatch batch = Batch();
  SetTensor<float>({2, 2}, {1, 2, 3, 4}, batch.mutable_metric());
  SetTensor<float>({2}, {5, 6}, batch.add_goal_extra());
  SetTensor<float>({2, 1, 2}, {7, 8, 9, 10}, batch.add_goal_extra());
  SetTensor<double>({2, 1}, {0.25, 1}, batch.mutable_parameter());
  return batch;
}

std::string EquippedProblem(const v1::StepBatch& batch) {
  return std::string(StepDecoder(EquippedSpec()).Decode(batch, 2).status().message());
}

TEST(StepDecoderTest, MetricsExtrasAndParametersAreRowsToo) {
  const auto step = StepDecoder(EquippedSpec()).Decode(EquippedBatch(), 2);
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_THAT(step->metric, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(step->goal_extra, ElementsAre(5, 7, 8, 6, 9, 10));
  EXPECT_THAT(step->parameter, ElementsAre(0.25, 1));
  const auto none = StepDecoder(Spec()).Decode(Batch(), 2);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_THAT(none->metric, ElementsAre());
  EXPECT_THAT(none->goal_extra, ElementsAre());
  EXPECT_THAT(none->parameter, ElementsAre());
}

TEST(StepDecoderTest, RefusesMetricsExtrasAndParametersThatTheSpecDoesNotHave) {
  v1::StepBatch batch = EquippedBatch();
  batch.clear_metric();
  EXPECT_THAT(EquippedProblem(batch), HasSubstr("metric: "));
  batch = EquippedBatch();
  SetTensor<float>({2, 3}, {1, 2, 3, 4, 5, 6}, batch.mutable_metric());
  EXPECT_THAT(EquippedProblem(batch), HasSubstr("metric: shape is [2,3], expected [2,2]"));
  batch = EquippedBatch();
  SetTensor<float>({2, 2}, {1, 2, 3, std::numeric_limits<float>::quiet_NaN()},
                   batch.mutable_metric());
  EXPECT_THAT(EquippedProblem(batch), HasSubstr("metric[1,1] is nan"));
  batch = EquippedBatch();
  batch.mutable_goal_extra()->RemoveLast();
  EXPECT_THAT(EquippedProblem(batch), HasSubstr("goal_extra has 1 fields, expected 2"));
  batch = EquippedBatch();
  SetTensor<float>({2, 2}, {7, 8, 9, 10}, batch.mutable_goal_extra(1));
  EXPECT_THAT(EquippedProblem(batch), HasSubstr("goal_extra 'push': shape is [2,2]"));
  batch = EquippedBatch();
  SetTensor<double>({2, 1}, {0.25, 1.5}, batch.mutable_parameter());
  EXPECT_THAT(EquippedProblem(batch),
              HasSubstr("parameter 'level' of slot 1 is 1.5, expected 0 .. 1"));
  batch = EquippedBatch();
  batch.clear_parameter();
  EXPECT_THAT(EquippedProblem(batch), HasSubstr("parameter: "));

  batch = Batch();
  SetTensor<float>({2, 2}, {1, 2, 3, 4}, batch.mutable_metric());
  EXPECT_THAT(Problem(batch), HasSubstr("metric: shape is [2,2], expected [2,0]"));
  batch = Batch();
  SetTensor<float>({2}, {5, 6}, batch.add_goal_extra());
  EXPECT_THAT(Problem(batch), HasSubstr("goal_extra has 1 fields, expected 0"));
}

TEST(StepDecoderTest, ExecutedActionsAreRowsWithinTheActionsBounds) {
  EnvSpec spec = Spec();
  spec.action = ActionSpec{{1, -1, 0}, {2, 1, 0.1}};
  spec.reports_executed_action = true;
  const auto decode = [&spec](const v1::StepBatch& batch) {
    return StepDecoder(spec).Decode(batch, 2);
  };
  const auto problem = [&](const v1::StepBatch& batch) {
    return std::string(decode(batch).status().message());
  };
  v1::StepBatch batch = Batch();
  // The highest float32 of 0.1 is more than the double.
  SetTensor<float>({2, 3}, {1, -1, 0.1f, 2, 1, 0}, batch.mutable_executed_action());
  auto step = decode(batch);
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_THAT(step->executed_action, ElementsAre(1, -1, 0.1f, 2, 1, 0));

  SetTensor<float>({2, 3}, {1, 0, 0, 2, 1.5, 0}, batch.mutable_executed_action());
  EXPECT_EQ(problem(batch), "executed_action[1,1] is 1.5, expected -1 .. 1");
  SetTensor<float>({2, 3}, {1, 0, 0, 2, std::numeric_limits<float>::quiet_NaN(), 0},
                   batch.mutable_executed_action());
  EXPECT_THAT(problem(batch), HasSubstr("executed_action[1,1] is nan"));
  SetTensor<float>({2, 2}, {1, 0, 2, 1}, batch.mutable_executed_action());
  EXPECT_THAT(problem(batch), HasSubstr("executed_action: shape is [2,2], expected [2,3]"));
  batch.clear_executed_action();
  EXPECT_THAT(problem(batch), HasSubstr("executed_action: "));
}

TEST(StepDecoderTest, NoActionWasExecutedInAVoidStep) {
  EnvSpec spec = Spec();
  spec.action = ActionSpec{{1}, {2}};  // 0 is out of bounds.
  spec.reports_executed_action = true;
  v1::StepBatch batch = Batch();
  SetTensor<uint8_t>({2}, {1, 0}, batch.mutable_restarted());
  SetTensor<float>({2, 1}, {0, 2}, batch.mutable_executed_action());
  auto step = StepDecoder(spec).Decode(batch, 2);
  EXPECT_TRUE(step.ok()) << step.status();
  SetTensor<float>({2, 1}, {0, 0}, batch.mutable_executed_action());
  EXPECT_FALSE(StepDecoder(spec).Decode(batch, 2).ok()) << "the other slot made a step";
  SetTensor<float>({2, 1}, {1, 1}, batch.mutable_executed_action());
  EXPECT_EQ(StepDecoder(Spec()).Decode(batch, 2).status().message(),
            "executed_action is set, but the spec has no reports_executed_action");
}

TEST(StepDecoderTest, ARestoredObservationIsOneRow) {
  v1::SlotRestored message;
  message.set_slot(3);
  SetTensor<double>({1, 2}, {7, 8}, message.add_observation());
  SetTensor<int64_t>({}, {30}, message.add_observation());
  SetTensor<uint8_t>({3}, {2, 3, 4}, message.add_observation());
  const auto restored = StepDecoder(Spec()).DecodeRestored(message);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->slot, 3u);
  EXPECT_EQ(restored->refusal, "");
  EXPECT_THAT(restored->observation, ElementsAre(7, 8, 30, 2, 3, 4));
  SetTensor<int64_t>({1}, {30}, message.mutable_observation(1));
  EXPECT_THAT(std::string(StepDecoder(Spec()).DecodeRestored(message).status().message()),
              HasSubstr("observation 'clock': shape is [1], expected []"));
  v1::SlotRestored refused;
  refused.set_refusal("damaged");
  EXPECT_EQ(StepDecoder(Spec()).DecodeRestored(refused)->refusal, "damaged");
}

}  // namespace
}  // namespace armature

// Metrics, goal extras, parameters and saved states of the slots of a VectorEnv.
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "common/random/rng.h"
#include "common/tensor/packed.h"
#include "envserver/slots/saved_state.h"
#include "envserver/slots/vector_env.h"
#include "envserver/testing/vector_env_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kHorizon = 20;
constexpr int kMetrics = 4;

class AbilitiesTest : public VectorEnvTest {
 protected:
  static VectorEnvOptions Equipped(int64_t num_envs, const std::string& fault = "none",
                                   int64_t num_groups = 1) {
    VectorEnvOptions options;
    options.env_id = "equipped";
    options.env_config = {{"fault", fault}, {"terminate_on_success", "false"}};
    options.num_envs = num_envs;
    options.num_groups = num_groups;
    options.seed = 3;
    return options;
  }

  // Actions of `slots` slots in [-0.9, 0.9], the same for the same `step`.
  static std::vector<float> Actions(int64_t step, int64_t slots) {
    Rng rng({17, static_cast<uint64_t>(step)});
    std::vector<float> actions;
    for (int64_t i = 0; i < 2 * slots; ++i) {
      actions.push_back(static_cast<float>(rng.Uniform(-0.9, 0.9)));
    }
    return actions;
  }
};

absl::Span<const float> Metric(const StepOutcome& outcome) {
  return TensorValues<float>(outcome.response->step().metric());
}

absl::Span<const double> Parameter(const StepOutcome& outcome) {
  return TensorValues<double>(outcome.response->step().parameter());
}

// Bytes of every tensor that a row of the batch has, without the flags.
std::string Row(const StepOutcome& outcome, int64_t row) {
  const v1::StepBatch& batch = outcome.response->step();
  std::string bytes;
  const auto add = [&](const v1::Tensor& tensor) {
    const size_t size = tensor.packed().size() / tensor.shape(0);
    bytes += tensor.packed().substr(row * size, size);
  };
  for (const v1::Tensor& tensor : batch.observation()) add(tensor);
  for (const v1::Tensor& tensor : batch.goal_extra()) add(tensor);
  for (const v1::Tensor* tensor :
       {&batch.reward(), &batch.metric(), &batch.parameter(), &batch.executed_action()}) {
    add(*tensor);
  }
  return bytes;
}

std::string Observation(const v1::SlotRestored& restored) {
  std::string bytes;
  for (const v1::Tensor& tensor : restored.observation()) bytes += tensor.packed();
  return bytes;
}

std::string ObservationRow(const StepOutcome& outcome, int64_t row) {
  std::string bytes;
  for (const v1::Tensor& tensor : outcome.response->step().observation()) {
    const size_t size = tensor.packed().size() / tensor.shape(0);
    bytes += tensor.packed().substr(row * size, size);
  }
  return bytes;
}

TEST_F(AbilitiesTest, ABatchHasMetricsExtrasAndParametersInTheSpecsShapes) {
  ASSERT_TRUE(Open(Equipped(3)).ok());
  const StepOutcome outcome = Reset();
  const v1::StepBatch& batch = outcome.response->step();
  EXPECT_TRUE(CheckTensor(batch.metric(), v1::DTYPE_FLOAT32, {3, kMetrics}, "metric").ok());
  ASSERT_EQ(batch.goal_extra_size(), 2);
  EXPECT_TRUE(CheckTensor(batch.goal_extra(0), v1::DTYPE_FLOAT32, {3, 2}, "push").ok());
  EXPECT_TRUE(CheckTensor(batch.goal_extra(1), v1::DTYPE_FLOAT32, {3}, "effort").ok());
  EXPECT_TRUE(CheckTensor(batch.parameter(), v1::DTYPE_FLOAT64, {3, 1}, "parameter").ok());
  EXPECT_THAT(Metric(outcome), Each(0));
  EXPECT_THAT(TensorValues<float>(batch.goal_extra(0)), Each(0));
  EXPECT_THAT(Parameter(outcome), Each(1));
}

TEST_F(AbilitiesTest, AnEnvironmentWithoutThemHasNoSuchTensors) {
  VectorEnvOptions options = Equipped(2);
  options.env_id = "point_mass";
  options.env_config = {};
  ASSERT_TRUE(Open(options).ok());
  const StepOutcome outcome = Reset();
  const v1::StepBatch& batch = outcome.response->step();
  EXPECT_FALSE(batch.has_metric());
  EXPECT_FALSE(batch.has_parameter());
  EXPECT_FALSE(batch.has_executed_action());
  EXPECT_EQ(batch.goal_extra_size(), 0);
}

TEST_F(AbilitiesTest, MetricsAndExtrasAreThoseOfTheStepAlsoWhereItEndedTheEpisode) {
  ASSERT_TRUE(Open(Equipped(2)).ok());
  Reset();
  for (int step = 1; step <= kHorizon + 1; ++step) {
    const std::vector<float> actions = Actions(step, 2);
    const StepOutcome outcome = Step(actions);
    const v1::StepBatch& batch = outcome.response->step();
    EXPECT_EQ(outcome.episodes, step == kHorizon ? 2 : 0);
    EXPECT_EQ(TensorValues<float>(batch.goal_extra(0)), absl::MakeConstSpan(actions));
    for (int row = 0; row < 2; ++row) {
      const absl::Span<const float> metric = Metric(outcome).subspan(row * kMetrics, kMetrics);
      const float effort = TensorValues<float>(batch.goal_extra(1))[row];
      EXPECT_NEAR(effort, 0.1 * (std::pow(actions[2 * row], 2) + std::pow(actions[2 * row + 1], 2)),
                  1e-6);
      EXPECT_FLOAT_EQ(metric[1], -effort);
      EXPECT_FLOAT_EQ(metric[0] + metric[1], TensorValues<float>(batch.reward())[row]);
      EXPECT_FLOAT_EQ(metric[0], -metric[3]);
    }
  }
}

TEST_F(AbilitiesTest, AnExecutedActionIsThatOfTheStepAlsoWhereItEndedTheEpisode) {
  ASSERT_TRUE(Open(Equipped(2)).ok());
  const StepOutcome first = Reset();
  const v1::Tensor& zeros = first.response->step().executed_action();
  ASSERT_TRUE(CheckTensor(zeros, v1::DTYPE_FLOAT32, {2, 2}, "executed_action").ok());
  EXPECT_THAT(TensorValues<float>(zeros), Each(0));
  const auto points = [](const StepOutcome& outcome) {
    const auto values = TensorValues<float>(outcome.response->step().observation(0));
    return std::vector<float>(values.begin(), values.end());
  };
  std::vector<float> before = points(first);
  for (int step = 1; step <= kHorizon + 1; ++step) {
    const StepOutcome outcome = Step(Actions(step, 2));
    const v1::StepBatch& batch = outcome.response->step();
    const v1::Tensor& after =
        batch.final_slot_size() > 0 ? batch.final_observation(0) : batch.observation(0);
    for (int i = 0; i < 4; ++i) {
      const float way = (TensorValues<float>(after)[i] - before[i]) / 0.1f;
      EXPECT_NEAR(TensorValues<float>(batch.executed_action())[i], way, 1e-5) << "step " << step;
    }
    before = points(outcome);
  }
}

class ReportFaultTest : public AbilitiesTest,
                        public ::testing::WithParamInterface<std::pair<const char*, const char*>> {
};

TEST_P(ReportFaultTest, ABadReportIsAFaultOfItsSlotAndNamesIt) {
  ASSERT_TRUE(Open(Equipped(2, "none")).ok());
  Reset();
  const StepOutcome healthy = Step({0.5, 0.5, 0.5, 1});
  const std::string other = Row(healthy, 0);
  env_->Close();
  ASSERT_TRUE(Open(Equipped(2, GetParam().first)).ok());
  Reset();
  const StepOutcome outcome = Step({0.5, 0.5, 0.5, 1});
  const v1::StepBatch& batch = outcome.response->step();
  EXPECT_EQ(outcome.not_finite + outcome.threw, 1);
  ASSERT_EQ(batch.fault_size(), 1);
  EXPECT_THAT(batch.fault(0), HasSubstr("env equipped slot 1 step 1: "));
  EXPECT_THAT(batch.fault(0), HasSubstr(GetParam().second));
  EXPECT_EQ(batch.restarted().packed(), std::string("\0\1", 2));
  EXPECT_EQ(Row(outcome, 0), other);
  EXPECT_THAT(Metric(outcome).subspan(kMetrics), Each(0));
  EXPECT_THAT(TensorValues<float>(batch.goal_extra(0)).subspan(2), Each(0));
  EXPECT_EQ(TensorValues<float>(batch.goal_extra(1))[1], 0);
  EXPECT_EQ(TensorValues<float>(batch.reward())[1], 0);
  EXPECT_THAT(TensorValues<float>(batch.executed_action()).subspan(2), Each(0));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, ReportFaultTest,
    ::testing::Values(
        std::make_pair("nan_metric", "metric 'speed' is nan"),
        std::make_pair("nan_extra", "goal extra 'effort' is inf"),
        std::make_pair("nan_executed", "executed action [1] is nan, expected -1 .. 1"),
        std::make_pair("wild_executed", "executed action [0] is 1.5, expected -1 .. 1"),
        std::make_pair("throw_executed", "ReadExecutedAction threw: the encoder broke"),
        std::make_pair("throw_metrics", "ReadMetrics threw: the gauge broke")),
    [](const auto& info) { return info.param.first; });

TEST_F(AbilitiesTest, ParametersOfTheSessionHoldFromTheFirstEpisode) {
  VectorEnvOptions options = Equipped(2);
  options.parameters = {{"level", 0}};
  ASSERT_TRUE(Open(options).ok());
  const StepOutcome outcome = Reset();
  EXPECT_THAT(Parameter(outcome), ElementsAre(0, 0));
  for (const v1::Tensor& field : outcome.response->step().observation()) {
    EXPECT_THAT(TensorValues<float>(field), Each(0)) << "all begin in the middle";
  }
}

TEST_F(AbilitiesTest, BadParametersAreRefusedBeforeAnySlotIsMade) {
  VectorEnvOptions options = Equipped(2);
  options.parameters = {{"level", 2}};
  absl::Status status = Open(options);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "parameter 'level' of equipped is 2, expected 0 .. 1");
  options.parameters = {{"stage", 0}};
  status = Open(options);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no parameter 'stage'; it has level"));
}

TEST_F(AbilitiesTest, AValueTakesEffectAtEachSlotsNextEpisodeAndHolds) {
  ASSERT_TRUE(Open(Equipped(2)).ok());
  Reset();
  ASSERT_TRUE(env_->SetParameters({{"level", 0}}, {1}).ok());
  for (int step = 1; step < kHorizon; ++step) {
    EXPECT_THAT(Parameter(Step({0, 0, 0, 0})), ElementsAre(1, 1));
  }
  for (int episode = 0; episode < 3; ++episode) {
    const StepOutcome outcome = episode == 1 ? Reset() : Step({0, 0, 0, 0});
    EXPECT_THAT(Parameter(outcome), ElementsAre(1, 0));
    const absl::Span<const float> first =
        TensorValues<float>(outcome.response->step().observation(0));
    EXPECT_THAT(first.subspan(0, 2), ::testing::Not(Each(0)));
    EXPECT_THAT(first.subspan(2, 2), Each(0));
    for (int step = 1; episode == 1 && step < kHorizon; ++step) Step({0, 0, 0, 0});
  }
  ASSERT_TRUE(env_->SetParameters({{"level", 0.5}}, {}).ok());
  EXPECT_THAT(Parameter(Reset()), ElementsAre(0.5, 0.5));
  EXPECT_THAT(Parameter(Reset(0, /*seed=*/9)), ElementsAre(0.5, 0.5)) << "seeds change nothing";
}

TEST_F(AbilitiesTest, AValueReachesItsOwnGroupAlone) {
  ASSERT_TRUE(Open(Equipped(4, "none", 2)).ok());
  ASSERT_TRUE(env_->SetParameters({{"level", 0.25}}, {0, 3}).ok());
  EXPECT_THAT(Parameter(Reset(0)), ElementsAre(0.25, 1));
  EXPECT_THAT(Parameter(Reset(1)), ElementsAre(1, 0.25));
}

TEST_F(AbilitiesTest, RefusedParametersChangeNothing) {
  ASSERT_TRUE(Open(Equipped(2)).ok());
  const auto refusal = [this](const std::map<std::string, double>& values,
                              const std::vector<uint32_t>& slots) {
    const absl::Status status = env_->SetParameters(values, slots);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(refusal({{"level", 0}, {"stage", 1}}, {}), HasSubstr("no parameter 'stage'"));
  EXPECT_THAT(refusal({{"level", -0.5}}, {}), HasSubstr("is -0.5, expected 0 .. 1"));
  EXPECT_THAT(refusal({{"level", 0}}, {0, 2}), HasSubstr("slot is 2, expected 0..1"));
  EXPECT_THAT(Parameter(Reset()), ElementsAre(1, 1));
}

TEST_F(AbilitiesTest, AReplacedSimulatorGetsItsSlotsPresentValues) {
  ASSERT_TRUE(Open(Equipped(2, "nan_metric")).ok());
  Reset();
  ASSERT_TRUE(env_->SetParameters({{"level", 0}}, {1}).ok());
  const StepOutcome outcome = Step({0, 0, 0, 1});
  EXPECT_EQ(outcome.not_finite, 1);
  EXPECT_THAT(Parameter(outcome), ElementsAre(1, 0));
  EXPECT_THAT(TensorValues<float>(outcome.response->step().observation(0)).subspan(2), Each(0));
}

TEST_F(AbilitiesTest, AHungSlotsSuccessorKeepsAllThatTheSlotsHave) {
  ASSERT_TRUE(Open(Equipped(3), 2, kSoon).ok());
  Reset();
  ASSERT_TRUE(env_->SetParameters({{"level", 0.5}}, {0, 1}).ok());
  Step(Actions(0, 3));
  const std::string state = Save(2).value();
  const StepOutcome healthy = Step({0.1f, 0.2f, 0.3f, 0.9f, -0.5f, 0.6f});
  const std::string rows[] = {Row(healthy, 0), Row(healthy, 2)};
  env_->Close();

  ASSERT_TRUE(Open(Equipped(3, "hang_step"), 2, kSoon).ok());
  Reset();
  ASSERT_TRUE(env_->SetParameters({{"level", 0.5}}, {0, 1}).ok());
  Step(Actions(0, 3));
  StepOutcome outcome = Step({0.1f, 0.2f, 0.3f, 1, -0.5f, 0.6f});
  EXPECT_EQ(outcome.hung, 1);
  EXPECT_EQ(Row(outcome, 0), rows[0]);
  EXPECT_EQ(Row(outcome, 2), rows[1]);
  EXPECT_THAT(Parameter(outcome), ElementsAre(1, 0.5, 1)) << "only the hung slot began anew";
  EXPECT_THAT(Metric(outcome).subspan(kMetrics, kMetrics), Each(0));
  // Steps so far are kept, and pending values too.
  for (int step = 2; step < kHorizon; ++step) outcome = Step({0, 0, 0, 0, 0, 0});
  EXPECT_EQ(outcome.response->step().truncated().packed(), std::string("\1\0\1", 3));
  EXPECT_THAT(Parameter(outcome), ElementsAre(0.5, 0.5, 1));
  ASSERT_EQ(Restore(2, state)->refusal(), "");
  EXPECT_EQ(Row(Step({0, 0, 0, 0, -0.5f, 0.6f}), 2), rows[1]);
}

TEST_F(AbilitiesTest, ASavedSlotGoesOnAsIfNothingHadBeenSaved) {
  ASSERT_TRUE(Open(Equipped(2)).ok());
  std::vector<std::string> plain;
  Reset();
  for (int step = 0; step < 50; ++step) plain.push_back(Row(Step(Actions(step, 2)), 1));
  env_->Close();
  ASSERT_TRUE(Open(Equipped(2)).ok());
  Reset();
  for (int step = 0; step < 50; ++step) {
    ASSERT_TRUE(Save(1).ok());
    EXPECT_EQ(Row(Step(Actions(step, 2)), 1), plain[step]) << step;
  }
}

TEST_F(AbilitiesTest, ARestoredEpisodeGivesTheSameStepsToItsEndThenTheSlotsOwnFollow) {
  ASSERT_TRUE(Open(Equipped(2)).ok());
  StepOutcome outcome = Reset();
  for (int step = 0; step < 7; ++step) outcome = Step(Actions(step, 2));
  const std::string saved_observation = ObservationRow(outcome, 1);
  const std::string state = Save(1).value();
  std::vector<std::string> saved_rows;
  for (int step = 7; step < kHorizon; ++step) saved_rows.push_back(Row(Step(Actions(step, 2)), 1));
  EXPECT_THAT(saved_rows, ::testing::SizeIs(kHorizon - 7));

  // Another session, another seed, another slot, in the middle of its second episode.
  env_->Close();
  VectorEnvOptions other = Equipped(3);
  other.seed = 99;
  ASSERT_TRUE(Open(other).ok());
  Reset();
  Reset();
  for (int step = 0; step < 11; ++step) Step(Actions(step + 30, 3));
  const auto restored = Restore(2, state);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->slot(), 2u);
  EXPECT_EQ(restored->refusal(), "");
  EXPECT_EQ(Observation(*restored), saved_observation);
  EXPECT_EQ(Save(2).value(), state) << "saved again, with its observation";
  for (const v1::Tensor& tensor : restored->observation()) {
    EXPECT_THAT(tensor.shape(), ElementsAre(2));
  }
  std::string first_of_third;
  for (int step = 7; step < kHorizon; ++step) {
    std::vector<float> actions = Actions(step + 50, 3);
    const std::vector<float> saved_actions = Actions(step, 2);
    std::copy_n(saved_actions.begin() + 2, 2, actions.begin() + 4);
    outcome = Step(actions);
    const v1::StepBatch& batch = outcome.response->step();
    if (step < kHorizon - 1) {
      EXPECT_EQ(Row(outcome, 2), saved_rows[step - 7]) << step;
      EXPECT_EQ(batch.truncated().packed()[2], 0);
    } else {
      EXPECT_EQ(batch.truncated().packed()[2], 1) << "its steps so far count";
      first_of_third = ObservationRow(outcome, 2);
    }
  }
  env_->Close();
  ASSERT_TRUE(Open(other).ok());
  Reset();
  Reset();
  EXPECT_EQ(ObservationRow(Reset(), 2), first_of_third);
}

TEST_F(AbilitiesTest, ARestoredEpisodeHasItsOwnParametersTheNextOneTheSlots) {
  VectorEnvOptions options = Equipped(1);
  options.parameters = {{"level", 0.5}};
  ASSERT_TRUE(Open(options).ok());
  Reset();
  const std::string state = Save(0).value();
  ASSERT_TRUE(env_->SetParameters({{"level", 0}}, {}).ok());
  EXPECT_THAT(Parameter(Reset()), ElementsAre(0));
  ASSERT_TRUE(Restore(0, state).ok());
  for (int step = 1; step < kHorizon; ++step) {
    EXPECT_THAT(Parameter(Step({0, 0})), ElementsAre(0.5));
  }
  EXPECT_THAT(Parameter(Step({0, 0})), ElementsAre(0)) << "the next episode";
}

TEST_F(AbilitiesTest, ARefusedStateLeavesTheSlotAsItWas) {
  ASSERT_TRUE(Open(Equipped(1)).ok());
  Reset();
  Step(Actions(0, 1));
  const std::string state = Save(0).value();
  const std::string next = Row(Step(Actions(1, 1)), 0);
  ASSERT_EQ(Restore(0, state)->refusal(), "");
  SavedState short_state;
  short_state.parameters = {1};
  short_state.observation = std::string(24, '\0');
  short_state.env_state = "short";
  SavedState nan_state = short_state;
  nan_state.observation.replace(4, 4, "\xff\xff\xff\xff");
  std::string damaged = state;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  const std::map<std::string, std::string> refused = {
      {"", "the state has 0 bytes"},
      {damaged, "damaged"},
      {PackSavedState(short_state, env_->spec_hash()), "the state has 5 bytes, expected 64"},
      {PackSavedState(nan_state, env_->spec_hash()), "observation 'observation'[1] is "}};
  for (const auto& [bytes, expected] : refused) {
    const auto restored = Restore(0, bytes);
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_THAT(restored->refusal(), HasSubstr(expected));
    EXPECT_EQ(restored->observation_size(), 0);
  }
  EXPECT_EQ(Row(Step(Actions(1, 1)), 0), next);
}

TEST_F(AbilitiesTest, SavingNeedsASpecThatHasIt) {
  VectorEnvOptions options = Equipped(1);
  options.env_id = "point_mass";
  options.env_config = {};
  ASSERT_TRUE(Open(options).ok());
  Reset();
  const auto fails = [](const auto&) { ADD_FAILURE(); };
  EXPECT_EQ(env_->SaveState(0, fails).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(env_->RestoreState(0, "", fails).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AbilitiesTest, SavingOrRestoringThatFailsNamesSlotStepAndCause) {
  const auto failure = [this](const std::string& fault) {
    EXPECT_TRUE(Open(Equipped(2, "none"), 2, kSoon).ok());
    Reset();
    const std::string state = Save(0).value();
    env_->Close();
    EXPECT_TRUE(Open(Equipped(2, fault), 2, kSoon).ok());
    Reset();
    Step({0, 0, 0, 0});
    const bool saves = fault.find("save") != std::string::npos;
    const absl::Status status = saves ? Save(1).status() : Restore(1, state).status();
    env_->Close();
    return status.ToString();
  };
  EXPECT_EQ(failure("throw_save"),
            "INTERNAL: env equipped slot 1 step 1: SaveState threw: the disk broke");
  EXPECT_EQ(failure("refuse_save"),
            "INTERNAL: env equipped slot 1 step 1: SaveState failed: the disk is full");
  EXPECT_EQ(failure("throw_restore"),
            "INTERNAL: env equipped slot 1 step 1: RestoreState threw: the disk broke");
  EXPECT_EQ(failure("hang_save"),
            "DEADLINE_EXCEEDED: env equipped slot 1 step 1: SaveState has not returned for 50ms");
}

}  // namespace
}  // namespace armature

#include "envserver/slots/vector_env.h"

#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/random/rng.h"
#include "common/tensor/packed.h"
#include "envserver/testing/vector_env_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

VectorEnvOptions PointMasses(int64_t num_envs, int64_t num_groups = 1) {
  VectorEnvOptions options;
  options.env_id = "point_mass";
  options.num_envs = num_envs;
  options.num_groups = num_groups;
  options.seed = 11;
  return options;
}

VectorEnvOptions Faulty(const std::string& fault, int64_t num_envs, bool also_reset = false) {
  VectorEnvOptions options = PointMasses(num_envs);
  options.env_id = "faulty";
  options.env_config = {{"fault", fault}, {"also_reset", also_reset ? "true" : "false"}};
  return options;
}

// Returns the result of a step for row `row`, without fault lines and flags.
std::string Row(const StepOutcome& outcome, int64_t row) {
  const v1::StepBatch& batch = outcome.response->step();
  std::string bytes;
  for (const v1::Tensor* tensor : {&batch.observation(0), &batch.observation(2), &batch.reward(),
                                   &batch.terminated(), &batch.truncated()}) {
    const size_t size = tensor->packed().size() / tensor->shape(0);
    bytes += tensor->packed().substr(row * size, size);
  }
  return bytes;
}

std::vector<int> Flags(const v1::Tensor& tensor) {
  return std::vector<int>(tensor.packed().begin(), tensor.packed().end());
}

std::vector<float> RandomActions(Rng& rng, int64_t count) {
  std::vector<float> actions;
  for (int64_t i = 0; i < count; ++i) {
    actions.push_back(static_cast<float>(rng.Uniform(-0.99, 0.99)));
  }
  return actions;
}

TEST_F(VectorEnvTest, TheFirstBatchHoldsObservationsInTheirShapes) {
  ASSERT_TRUE(Open(PointMasses(3)).ok());
  const v1::StepBatch batch = Reset().response->step();
  EXPECT_EQ(batch.step(), 0);
  ASSERT_EQ(batch.observation_size(), 3);
  for (const v1::Tensor& tensor : batch.observation()) {
    EXPECT_TRUE(CheckTensor(tensor, v1::DTYPE_FLOAT32, {3, 2}, "observation").ok());
  }
  EXPECT_EQ(TensorValues<float>(batch.reward()), absl::MakeConstSpan({0.f, 0.f, 0.f}));
  EXPECT_THAT(Flags(batch.restarted()), ElementsAre(0, 0, 0));
}

TEST_F(VectorEnvTest, EpisodesDependOnSeedAndSlotNumberNotOnGroupsOrThreads) {
  std::vector<std::string> expected;
  for (const auto& [groups, threads] : std::vector<std::pair<int, int>>{{1, 1}, {2, 1}, {2, 3}}) {
    ASSERT_TRUE(Open(PointMasses(4, groups), threads).ok());
    Rng rng({5});
    std::vector<std::string> rows(4);
    for (int step = 0; step < 50; ++step) {
      const std::vector<float> actions = RandomActions(rng, 8);
      for (int group = 0; group < groups; ++group) {
        const int size = 4 / groups;
        const StepOutcome outcome = step == 0 ? Reset(group)
                                              : Step({actions.begin() + group * size * 2,
                                                      actions.begin() + (group + 1) * size * 2},
                                                     group);
        for (int row = 0; row < size; ++row) rows[group * size + row] += Row(outcome, row);
      }
    }
    if (expected.empty()) expected = rows;
    EXPECT_EQ(rows, expected) << groups << " groups, " << threads << " threads";
    EXPECT_NE(rows[0], rows[1]);
    env_->Close();
    pool_.reset();
  }
}

TEST_F(VectorEnvTest, FirstSlotShiftsTheEpisodes) {
  ASSERT_TRUE(Open(PointMasses(3)).ok());
  const std::string second = Row(Reset(), 1);
  env_->Close();
  pool_.reset();
  VectorEnvOptions shifted = PointMasses(2);
  shifted.first_slot = 1;
  ASSERT_TRUE(Open(shifted).ok());
  EXPECT_EQ(Row(Reset(), 0), second);
}

TEST_F(VectorEnvTest, AtTheHorizonTheFinalObservationIsApartFromTheNextEpisodesFirst) {
  VectorEnvOptions options = PointMasses(2);
  options.env_config = {{"terminate_on_success", "false"}};
  ASSERT_TRUE(Open(options).ok());
  StepOutcome outcome = Reset();
  const std::string first = Row(outcome, 0);
  for (int step = 1; step <= 20; ++step) {
    EXPECT_EQ(outcome.response->step().final_slot_size(), 0);
    outcome = Step({0, 0, 0, 0});
  }
  const v1::StepBatch& batch = outcome.response->step();
  EXPECT_EQ(outcome.episodes, 2);
  EXPECT_THAT(batch.final_slot(), ElementsAre(0, 1));
  EXPECT_THAT(Flags(batch.truncated()), ElementsAre(1, 1));
  EXPECT_THAT(Flags(batch.terminated()), ElementsAre(0, 0));
  ASSERT_EQ(batch.final_observation_size(), 3);
  // The point did not move, so the episode ends where it began; the next one begins elsewhere.
  EXPECT_EQ(batch.final_observation(0).packed().substr(0, 8), first.substr(0, 8));
  EXPECT_NE(batch.observation(0).packed().substr(0, 8), first.substr(0, 8));
}

TEST_F(VectorEnvTest, AnEpisodeThatTerminatesHasItsFinalRowAlone) {
  VectorEnvOptions options;
  options.env_id = "counter";
  options.env_config = {{"limit", "3"}};
  options.num_envs = 3;
  ASSERT_TRUE(Open(options).ok());
  Reset();
  Step({2, 0, 0});
  const StepOutcome outcome = Step({2, 0, 1});
  const v1::StepBatch& batch = outcome.response->step();
  EXPECT_THAT(batch.final_slot(), ElementsAre(0));
  EXPECT_THAT(Flags(batch.terminated()), ElementsAre(1, 0, 0));
  EXPECT_THAT(Flags(batch.truncated()), ElementsAre(0, 0, 0));
  ASSERT_TRUE(CheckTensor(batch.final_observation(0), v1::DTYPE_INT64, {1}, "count").ok());
  ASSERT_TRUE(CheckTensor(batch.final_observation(1), v1::DTYPE_UINT8, {1, 2}, "odd").ok());
  EXPECT_GT(TensorValues<int64_t>(batch.final_observation(0))[0], 3);
  EXPECT_LE(TensorValues<int64_t>(batch.observation(0))[0], 1);
}

TEST_F(VectorEnvTest, AResetDoesNotWriteOverTheBatchThatMayStillBeOnItsWay) {
  ASSERT_TRUE(Open(PointMasses(2)).ok());
  StepOutcome last = Reset();
  // Resets after even and odd steps.
  for (int steps : {0, 1, 2, 0}) {
    for (int i = 0; i < steps; ++i) last = Step({0.5, 0.5, 0.5, 0.5});
    const std::string sent = last.response->SerializeAsString();
    const StepOutcome reset = Reset();
    EXPECT_EQ(last.response->SerializeAsString(), sent) << "after " << steps << " steps";
    EXPECT_NE(reset.response->SerializeAsString(), sent);
    last = reset;
  }
}

TEST_F(VectorEnvTest, BoxActionsAreClipped) {
  ASSERT_TRUE(Open(PointMasses(2)).ok());
  Reset();
  const StepOutcome wide = Step({5, -7, 1, -1});
  env_->Close();
  ASSERT_TRUE(Open(PointMasses(2)).ok());
  Reset();
  EXPECT_EQ(Row(Step({1, -1, 1, -1}), 0), Row(wide, 0));
}

TEST_F(VectorEnvTest, BadActionsAreRefusedWithTheIndex) {
  ASSERT_TRUE(Open(PointMasses(2)).ok());
  Reset();
  const auto refusal = [this](const v1::Tensor& action) {
    const absl::Status status =
        env_->StepGroup(0, action, [](const StepOutcome&) { ADD_FAILURE(); });
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(refusal(ActionTensor({0, 0})), HasSubstr("shape is [1,2], expected [2,2]"));
  EXPECT_THAT(refusal(ActionTensor({0, 0, 0, NAN})), HasSubstr("action[1,1] is nan"));
  EXPECT_THAT(refusal(ActionTensor({0, -INFINITY, 0, 0})), HasSubstr("action[0,1] is -inf"));
  env_->Close();
  VectorEnvOptions counters;
  counters.env_id = "counter";
  counters.num_envs = 2;
  ASSERT_TRUE(Open(counters).ok());
  Reset();
  EXPECT_THAT(refusal(ActionTensor({0, 3})), HasSubstr("action[1,0] is 3, expected a whole"));
  EXPECT_THAT(refusal(ActionTensor({0.5, 0})), HasSubstr("action[0,0] is 0.5"));
  EXPECT_THAT(refusal(ActionTensor({0, -1})), HasSubstr("action[1,0] is -1"));
}

TEST_F(VectorEnvTest, OpeningReportsWhatTheRegistrySays) {
  VectorEnvOptions options = PointMasses(1);
  options.env_id = "point_mess";
  EXPECT_EQ(Open(options).code(), absl::StatusCode::kNotFound);
  options = PointMasses(1);
  options.env_config = {{"terminate", "true"}};
  EXPECT_EQ(Open(options).code(), absl::StatusCode::kInvalidArgument);
}

class VectorEnvFaultTest : public VectorEnvTest,
                           public ::testing::WithParamInterface<std::string> {};

TEST_P(VectorEnvFaultTest, AFaultCostsItsOwnSlotOnly) {
  const absl::Duration timeout = GetParam() == "hang" ? kSoon : kNever;
  ASSERT_TRUE(Open(Faulty("none", 3), 2, kNever).ok());
  std::vector<std::string> healthy[2];
  Rng rng({3});
  std::vector<std::vector<float>> actions;
  for (int step = 0; step < 30; ++step) actions.push_back(RandomActions(rng, 6));
  actions[4][3] = 1;  // Slot 1 fails here.
  for (int step = 0; step < 30; ++step) {
    const StepOutcome outcome = step == 0 ? Reset() : Step(actions[step]);
    healthy[0].push_back(Row(outcome, 0));
    healthy[1].push_back(Row(outcome, 2));
  }
  env_->Close();

  ASSERT_TRUE(Open(Faulty(GetParam(), 3), 2, timeout).ok());
  for (int step = 0; step < 30; ++step) {
    const StepOutcome outcome = step == 0 ? Reset() : Step(actions[step]);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(Row(outcome, 0), healthy[0][step]) << step;
    EXPECT_EQ(Row(outcome, 2), healthy[1][step]) << step;
    const v1::StepBatch& batch = outcome.response->step();
    EXPECT_EQ(batch.step(), step);
    EXPECT_THAT(Flags(batch.restarted()), ElementsAre(0, step == 4, 0));
    if (step != 4) continue;
    EXPECT_EQ(outcome.threw + outcome.hung + outcome.not_finite, 1);
    EXPECT_EQ(outcome.hung, GetParam() == "hang");
    EXPECT_EQ(outcome.threw, GetParam().substr(0, 5) == "throw");
    EXPECT_THAT(Flags(batch.terminated()), ElementsAre(0, 0, 0));
    EXPECT_EQ(TensorValues<float>(batch.reward())[1], 0);
    ASSERT_EQ(batch.fault_size(), 1);
    EXPECT_THAT(batch.fault(0), HasSubstr("env faulty slot 1 step 4: "));
    EXPECT_THAT(batch.fault(0), HasSubstr("; simulator replaced"));
    if (GetParam() == "nan_observation") {
      EXPECT_THAT(batch.fault(0), HasSubstr("observation 'observation'[1] is nan"));
    }
    EXPECT_TRUE(CheckTensor(batch.observation(0), v1::DTYPE_FLOAT32, {3, 2}, "observation").ok());
  }
  if (GetParam() == "hang") {
    EXPECT_EQ(pool_->abandoned(), 1);
    gate_->Open();
    gate_->WaitForDestroyed(1);
  }
}

TEST_P(VectorEnvFaultTest, AReplacedSlotGoesOnWithItsNextEpisode) {
  const absl::Duration timeout = GetParam() == "hang" ? kSoon : kNever;
  ASSERT_TRUE(Open(Faulty("none", 1), 1, kNever).ok());
  StepOutcome outcome = Reset();
  while (outcome.episodes == 0) outcome = Step({0, 0});
  const std::string second_episode = outcome.response->step().observation(0).packed();
  env_->Close();
  ASSERT_TRUE(Open(Faulty(GetParam(), 1), 1, timeout).ok());
  Reset();
  EXPECT_EQ(Step({0, 1}).response->step().observation(0).packed(), second_episode);
}

TEST_P(VectorEnvFaultTest, AFaultInAResetReplacesTheSlotAndVoidsNoStep) {
  constexpr uint64_t kSeed = 5;
  VectorEnvOptions options = Faulty(GetParam(), 2);
  options.env_config["fatal_reset"] = "3";  // Slot 0's, in the reset after the first.
  ASSERT_TRUE(Open(options, 1, GetParam() == "hang" ? kSoon : kNever).ok());
  Reset();
  const StepOutcome outcome = Reset(0, kSeed);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  const v1::StepBatch& batch = outcome.response->step();
  EXPECT_EQ(batch.step(), 0);
  EXPECT_THAT(Flags(batch.restarted()), ElementsAre(0, 0));
  EXPECT_EQ(outcome.threw + outcome.hung + outcome.not_finite, 1);
  ASSERT_EQ(batch.fault_size(), 1);
  EXPECT_THAT(batch.fault(0), HasSubstr("env faulty slot 0 step 0: "));
  EXPECT_THAT(batch.fault(0), HasSubstr("; simulator replaced"));
  const std::string rows[] = {Row(outcome, 0), Row(outcome, 1)};
  const StepOutcome next = Reset();
  const std::string next_row = Row(next, 1);
  EXPECT_EQ(next.response->step().fault_size(), 0);
  env_->Close();

  ASSERT_TRUE(Open(Faulty("none", 2), 1, kNever).ok());
  Reset();
  const StepOutcome healthy = Reset(0, kSeed);
  const StepOutcome healthy_next = Reset();
  EXPECT_EQ(rows[0], Row(healthy_next, 0)) << "the new simulator begins the next episode";
  EXPECT_EQ(rows[1], Row(healthy, 1));
  EXPECT_EQ(next_row, Row(healthy_next, 1)) << "the seed stays";
}

TEST_P(VectorEnvFaultTest, AFaultInTheFirstResetIsNoDifferent) {
  VectorEnvOptions options = Faulty(GetParam(), 2);
  options.env_config["fatal_reset"] = "2";
  ASSERT_TRUE(Open(options, 1, GetParam() == "hang" ? kSoon : kNever).ok());
  const StepOutcome outcome = Reset();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(Flags(outcome.response->step().restarted()), ElementsAre(0, 0));
  ASSERT_EQ(outcome.response->step().fault_size(), 1);
  EXPECT_THAT(outcome.response->step().fault(0), HasSubstr("env faulty slot 1 step 0: "));
  EXPECT_EQ(Step({0, 0, 0, 0}).response->step().step(), 1);
}

INSTANTIATE_TEST_SUITE_P(Faults, VectorEnvFaultTest,
                         ::testing::Values("throw", "throw_other", "nan_reward", "nan_observation",
                                           "hang"),
                         [](const auto& info) { return info.param; });

TEST_F(VectorEnvTest, AFaultThatReplacingDoesNotCureBreaksTheWhole) {
  for (const std::string fault : {"throw", "hang"}) {
    ASSERT_TRUE(
        Open(Faulty(fault, 2, /*also_reset=*/true), 2, fault == "hang" ? kSoon : kNever).ok());
    Reset();
    const StepOutcome outcome = Step({0, 0, 0, 1});
    EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("env faulty slot 1 step 1"));
    env_->Close();
    // The environments of the next round are created while nothing has failed yet.
    registry_ = EnvRegistry();
    ASSERT_TRUE(RegisterTestEnvs(registry_, gate_).ok());
  }
}

TEST_F(VectorEnvTest, TooManyHungCallsBreakTheWhole) {
  VectorEnvOptions options = Faulty("hang", 3);
  options.abandoned_max = 1;
  ASSERT_TRUE(Open(options, 2, kSoon).ok());
  Reset();
  EXPECT_TRUE(Step({0, 1, 0, 0, 0, 0}).status.ok());
  const StepOutcome outcome = Step({0, 0, 0, 0, 0, 1});
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(outcome.status.message()),
              HasSubstr("slot 2 step 2: no answer for 50ms; 2 simulator calls hang"));
}

TEST_F(VectorEnvTest, CloseWhileASlotIsDrawnFreesTheEnvironmentsAfterIt) {
  VectorEnvOptions options = Faulty("hang", 2);
  options.env_config["fatal_render"] = "true";
  ASSERT_TRUE(Open(options, 2, kNever).ok());
  Reset();
  ASSERT_TRUE(
      env_->Render(1, /*last_state=*/false, [](absl::StatusOr<v1::Tensor>) { ADD_FAILURE(); })
          .ok());
  gate_->WaitForWaiting(1);
  env_->Close();
  gate_->Open();
  gate_->WaitForFreed(2);
}

TEST_F(VectorEnvTest, CloseDuringAStepFreesTheEnvironmentsAfterIt) {
  ASSERT_TRUE(Open(Faulty("hang", 2), 2, kNever).ok());
  Reset();
  ASSERT_TRUE(
      env_->StepGroup(0, ActionTensor({0, 1, 0, 0}), [](const StepOutcome&) { ADD_FAILURE(); })
          .ok());
  gate_->WaitForWaiting(1);
  env_->Close();
  gate_->Open();
  gate_->WaitForDestroyed(1);
}

}  // namespace
}  // namespace armature

#include "learner/training/demonstrations.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/tensor_file.h"
#include "learner/testing/experience.h"
#include "learner/training/off_policy_core.h"

namespace armature {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Two fields and unequal bounds. Two episodes of 3 and 2 steps; the first terminates.
EnvSpec ReachSpec() {
  EnvSpec spec = PointSpec();
  spec.observation = {{"position", v1::DTYPE_FLOAT32, {2}, {}, {}},
                      {"goal", v1::DTYPE_FLOAT32, {1}, {}, {}}};
  spec.action.low = {-1, 0};
  spec.action.high = {1, 4};
  return spec;
}

TensorFile ReachFile() {
  TensorFile file;
  file.metadata = {{"kind", "armature demonstrations"}, {"format_version", "1"}};
  const at::Tensor count = at::arange(5, at::kFloat);
  file.tensors = {
      {"observation.position", at::stack({count, count + 10}, 1)},
      {"observation.goal", (count + 20).unsqueeze(1)},
      {"next_observation.position", at::stack({count + 1, count + 11}, 1)},
      {"next_observation.goal", (count + 21).unsqueeze(1)},
      {"action", at::stack({count / 4, count}, 1)},
      {"reward", count + 1},
      {"terminated", at::tensor({0, 0, 1, 0, 0}, at::kByte)},
      {"truncated", at::tensor({0, 0, 0, 0, 1}, at::kByte)},
  };
  return file;
}

at::Tensor& TensorOf(TensorFile& file, const std::string& name) {
  for (auto& [other, tensor] : file.tensors) {
    if (other == name) return tensor;
  }
  ADD_FAILURE() << name;
  return file.tensors.front().second;
}

std::string Write(const TensorFile& file) {
  const std::string path = testing::TempDir() + "/demonstrations.safetensors";
  EXPECT_TRUE(file.Write(path).ok());
  return path;
}

absl::StatusOr<Demonstrations> Read(const TensorFile& file, Demonstrations::Options options = {}) {
  return Demonstrations::Read(Write(file), ReachSpec(), options);
}

TransitionSample Empty() {
  return {at::empty({0, 3}), at::empty({0, 2}), at::empty({0}), at::empty({0, 3}),
          at::empty({0}),    at::empty({0}),    at::empty({0})};
}

// Returns each step once, in order; so many draws miss none.
TransitionSample AllSteps(const Demonstrations& demonstrations) {
  const TransitionSample drawn = demonstrations.AppendTo(Empty(), 0);
  std::vector<int64_t> rows(demonstrations.steps(), -1);
  for (int64_t i = 0; i < drawn.reward.size(0); ++i) {
    rows[drawn.observation[i][0].item<int64_t>()] = i;
  }
  const at::Tensor index = at::tensor(rows, at::kLong);
  return {drawn.observation.index_select(0, index), drawn.action.index_select(0, index),
          drawn.reward.index_select(0, index),      drawn.next_observation.index_select(0, index),
          drawn.terminated.index_select(0, index),  drawn.discount.index_select(0, index),
          drawn.weight.index_select(0, index)};
}

TEST(Demonstrations, FieldsAreJoinedInTheSpecsOrderAndActionsScaled) {
  const auto read = Read(ReachFile(), {/*batch_size=*/200, /*n_step=*/1, /*gamma=*/0.5});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->steps(), 5);
  const TransitionSample steps = AllSteps(*read);
  EXPECT_TRUE(at::equal(steps.observation[2], at::tensor({2.0F, 12.0F, 22.0F})));
  EXPECT_TRUE(at::equal(steps.next_observation[2], at::tensor({3.0F, 13.0F, 23.0F})));
  EXPECT_TRUE(at::equal(steps.action[3], at::tensor({0.75F, 0.5F})));
  EXPECT_TRUE(at::equal(steps.reward, at::arange(1, 6, at::kFloat)));
  EXPECT_TRUE(at::equal(steps.terminated, at::tensor({0.0F, 0.0F, 1.0F, 0.0F, 0.0F})));
  EXPECT_TRUE(at::equal(steps.discount, at::full({5}, 0.5)));
  EXPECT_TRUE(at::equal(steps.weight, at::ones({5})));
  EXPECT_TRUE(at::equal(read->observation()[4], at::tensor({4.0F, 14.0F, 24.0F})));
}

TEST(Demonstrations, RunsOfNStepsEndWithTheirEpisode) {
  const auto read = Read(ReachFile(), {/*batch_size=*/200, /*n_step=*/2, /*gamma=*/0.5});
  ASSERT_TRUE(read.ok()) << read.status();
  const TransitionSample runs = AllSteps(*read);
  EXPECT_TRUE(at::allclose(runs.reward, at::tensor({2.0F, 3.5F, 3.0F, 6.5F, 5.0F})));
  EXPECT_TRUE(at::allclose(runs.discount, at::tensor({0.25F, 0.25F, 0.5F, 0.25F, 0.5F})));
  EXPECT_TRUE(at::equal(runs.terminated, at::tensor({0.0F, 1.0F, 1.0F, 0.0F, 0.0F})));
  EXPECT_TRUE(
      at::equal(runs.next_observation.select(1, 0), at::tensor({2.0F, 3.0F, 3.0F, 5.0F, 5.0F})));
}

TEST(Demonstrations, TheyFollowTheSampleAndDependOnSeedAndStepAlone) {
  const auto read = Read(ReachFile(), {4, 1, 0.5, /*seed=*/3});
  const auto other = Read(ReachFile(), {4, 1, 0.5, /*seed=*/4});
  ASSERT_TRUE(read.ok()) << read.status();
  TransitionSample sample = AllSteps(*Read(ReachFile(), {200, 1, 0.5}));
  sample.observation = sample.observation - 100;
  const TransitionSample joined = read->AppendTo(sample, 7);
  EXPECT_EQ(joined.demonstrations, 4);
  EXPECT_EQ(joined.reward.size(0), 9);
  EXPECT_TRUE(at::equal(joined.observation.narrow(0, 0, 5), sample.observation));
  EXPECT_TRUE((joined.observation.narrow(0, 5, 4) >= 0).all().item<bool>());
  EXPECT_TRUE(at::equal(read->AppendTo(sample, 7).observation, joined.observation));
  bool step_matters = false;
  bool seed_matters = false;
  for (int64_t step = 0; step < 8; ++step) {
    const at::Tensor drawn = read->AppendTo(sample, step).observation;
    step_matters |= !at::equal(drawn, joined.observation);
    seed_matters |= !at::equal(drawn, other->AppendTo(sample, step).observation);
  }
  EXPECT_TRUE(step_matters);
  EXPECT_TRUE(seed_matters);
}

TEST(Demonstrations, WhatIsWrongWithAFileIsNamed) {
  EXPECT_EQ(Demonstrations::Read("/nowhere/file", ReachSpec(), {}).status().code(),
            absl::StatusCode::kNotFound);
  const auto complaint = [](const std::string& name, const at::Tensor& tensor) {
    TensorFile file = ReachFile();
    TensorOf(file, name) = tensor;
    const absl::Status status = Read(file).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(complaint("observation.position", at::zeros({5, 4})),
              HasSubstr("demonstrations.safetensors: tensor observation.position is float32 [5,4], "
                        "expected float32 [5,2]"));
  EXPECT_THAT(complaint("terminated", at::zeros({5})),
              HasSubstr("tensor terminated is float32 [5], expected uint8 [5]"));
  EXPECT_THAT(complaint("truncated", at::full({5}, 2, at::kByte)),
              HasSubstr("tensor truncated is not 0 or 1"));
  EXPECT_THAT(complaint("reward", at::empty({0})), HasSubstr("it holds no step"));
  at::Tensor goal = at::zeros({5, 1});
  goal[3][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(complaint("next_observation.goal", goal),
              HasSubstr("tensor next_observation.goal[3,0] is not finite"));
  at::Tensor action = at::zeros({5, 2});
  action[2][1] = 4.5;
  EXPECT_THAT(complaint("action", action),
              HasSubstr("tensor action[2,1] is 4.5, beyond the action's bounds [0, 4]"));
}

TEST(Demonstrations, MissingForeignAndUnknownTensorsAreNamed) {
  TensorFile file = ReachFile();
  file.tensors.erase(file.tensors.begin() + 1);
  EXPECT_THAT(Read(file).status().message(),
              HasSubstr("tensor observation.goal is missing, expected float32 [5,1]"));
  file = ReachFile();
  file.tensors.emplace_back("observation.camera", at::zeros({5, 2}));
  EXPECT_THAT(Read(file).status().message(),
              HasSubstr("tensor observation.camera is nothing that point has"));
  file = ReachFile();
  file.metadata["kind"] = "armature policy";
  EXPECT_THAT(Read(file).status().message(),
              HasSubstr("it is 'armature policy' of format '1', expected"));
}

TEST(Demonstrations, EitherActionOfAStepIsLearnedFrom) {
  EnvSpec env = ReachSpec();
  TensorFile file = ReachFile();
  Demonstrations::Options options{/*batch_size=*/200, /*n_step=*/1, /*gamma=*/0.5};
  const auto actions = [&]() -> absl::StatusOr<at::Tensor> {
    const auto read = Demonstrations::Read(Write(file), env, options);
    if (!read.ok()) return read.status();
    return AllSteps(*read).action;
  };
  options.executed = true;
  env.reports_executed_action = true;
  EXPECT_THAT(actions().status().message(),
              HasSubstr("tensor executed_action is missing, expected float32 [5,2]"));
  file.tensors.emplace_back("executed_action", TensorOf(file, "action") / 2);
  EXPECT_TRUE(at::allclose((*actions())[3], at::tensor({0.375F, -0.25F})));
  options.executed = false;
  EXPECT_TRUE(at::allclose((*actions())[3], at::tensor({0.75F, 0.5F})));
  TensorOf(file, "executed_action")[2][1] = 4.5;
  EXPECT_THAT(actions().status().message(),
              HasSubstr("tensor executed_action[2,1] is 4.5, beyond the action's bounds [0, 4]"));
  env.reports_executed_action = false;
  EXPECT_THAT(actions().status().message(),
              HasSubstr("tensor executed_action is nothing that point has"));
}

// A run of PointSpec that learns from 20 demonstrated steps with large goals.
RunConfig DemonstratedConfig() {
  TensorFile file;
  file.metadata = {{"kind", "armature demonstrations"}, {"format_version", "1"}};
  const at::Tensor ramp = at::arange(60, at::kFloat).view({20, 3});
  at::Tensor truncated = at::zeros({20}, at::kByte);
  truncated[19] = 1;
  file.tensors = {
      {"observation.observation", ramp},          {"next_observation.observation", ramp + 3},
      {"action", at::full({20, 2}, 0.5)},         {"reward", at::ones({20})},
      {"terminated", at::zeros({20}, at::kByte)}, {"truncated", truncated}};
  RunConfig config = PointSacConfig();
  config.algorithm.demonstrations.path = Write(file);
  config.algorithm.demonstrations.batch_size = 6;
  config.algorithm.network.normalize_observation = true;
  return config;
}

std::unique_ptr<OffPolicyCore> MakeCore(const RunConfig& config) {
  auto core = OffPolicyCore::Create(config, PointSpec(), c10::kCPU, nullptr);
  EXPECT_TRUE(core.ok()) << core.status();
  return *std::move(core);
}

void Learn(OffPolicyCore& core, uint64_t first, uint64_t last) {
  for (uint64_t sequence = first; sequence <= last; ++sequence) {
    ASSERT_TRUE(core.Insert({"actor", 1}, MakeTransitions(sequence, 8)).ok());
    while (core.CanUpdate()) ASSERT_TRUE(core.Update(0).ok());
  }
}

std::map<std::string, at::Tensor> Copied(OffPolicyCore& core) {
  std::map<std::string, at::Tensor> state;
  const LearningCore::Snapshot snapshot = core.TakeSnapshot(true);
  state.insert(snapshot.state.begin(), snapshot.state.end());
  for (const int64_t segment : snapshot.rows->order()) {  // One, or none of an empty replay.
    const NamedTensors rows = snapshot.rows->Take(segment).value();
    state.insert(rows.begin(), rows.end());
  }
  return state;
}

TEST(SymmetricRun, HalfOfEachBatchIsDemonstratedAndTheRestComesFromTheReplay) {
  for (const char* name : {"sac", "tqc", "td3", "ddpg"}) {
    RunConfig config = DemonstratedConfig();
    config.algorithm.name = name;
    config.algorithm.demonstrations.method = "symmetric";
    config.algorithm.sac.batch_size = 7;
    config.algorithm.tqc.batch_size = 7;
    config.algorithm.td3.batch_size = 7;
    config.algorithm.ddpg.batch_size = 7;
    const auto core = MakeCore(config);
    Learn(*core, 1, 6);
    ASSERT_GT(core->algorithm().learner_steps(), 0);
    const NamedTensors batch = core->LastBatch();
    const auto action = std::find_if(batch.begin(), batch.end(),
                                     [](const auto& entry) { return entry.first == "action"; });
    const at::Tensor demonstrated = (action->second == 0.5).all(1).to(at::kByte);
    EXPECT_TRUE(at::equal(demonstrated, at::tensor({0, 0, 0, 0, 1, 1, 1}, at::kByte)))
        << name << action->second;
    EXPECT_EQ(core->algorithm().TakeScalars().count("train/cloning_loss"), 0);
  }
}

TEST(SymmetricRun, GradientStepsAnEnvStepAreThoseOfARunWithoutDemonstrations) {
  RunConfig config = DemonstratedConfig();
  config.algorithm.demonstrations.method = "symmetric";
  const auto symmetric = MakeCore(config);
  config.algorithm.demonstrations = {};
  const auto alone = MakeCore(config);
  Learn(*symmetric, 1, 6);
  Learn(*alone, 1, 6);
  EXPECT_GT(alone->algorithm().learner_steps(), 0);
  EXPECT_EQ(symmetric->algorithm().learner_steps(), alone->algorithm().learner_steps());
}

class DemonstratedRun : public testing::TestWithParam<const char*> {
 protected:
  RunConfig Config() const {
    RunConfig config = DemonstratedConfig();
    config.algorithm.name = GetParam();
    config.algorithm.tqc.batch_size = config.algorithm.sac.batch_size;
    config.algorithm.td3.batch_size = config.algorithm.sac.batch_size;
    config.algorithm.ddpg.batch_size = config.algorithm.sac.batch_size;
    config.algorithm.demonstrations.q_filter = true;
    return config;
  }
};

TEST_P(DemonstratedRun, GoesOnBitForBitFromItsState) {
  for (const bool prioritized : {false, true}) {
    RunConfig config = Config();
    config.replay.prioritized.enabled = prioritized;
    config.replay.n_step = 3;
    const auto core = MakeCore(config);
    Learn(*core, 1, 6);
    ASSERT_GT(core->algorithm().learner_steps(), 0);
    const auto resumed = MakeCore(config);
    ASSERT_TRUE(resumed->LoadState(Copied(*core)).ok());
    Learn(*core, 7, 10);
    Learn(*resumed, 7, 10);
    const auto expected = Copied(*core);
    for (const auto& [name, tensor] : Copied(*resumed)) {
      EXPECT_TRUE(at::equal(tensor, expected.at(name))) << name;
    }
    EXPECT_EQ(core->algorithm().TakeScalars().count("train/cloning_loss"), 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Algorithms, DemonstratedRun, testing::Values("sac", "tqc", "td3", "ddpg"));

TEST(DemonstratedRun, ObservationsCountInTheNormaliserFromTheStart) {
  const auto core = MakeCore(DemonstratedConfig());
  const auto state = Copied(*core);
  EXPECT_EQ(state.at("observation_statistics.count").item<double>(), 20);
  EXPECT_TRUE(at::allclose(state.at("observation_statistics.mean"),
                           at::tensor({28.5, 29.5, 30.5}, at::kDouble)));
  EXPECT_THAT(core->Describe(), HasSubstr("20 demonstrated steps"));
}

TEST(DemonstratedRun, AFileOfAnotherEnvironmentIsRefusedWithItsKey) {
  EnvSpec other = PointSpec();
  other.observation[0].shape = {4};
  const auto core = OffPolicyCore::Create(DemonstratedConfig(), other, c10::kCPU, nullptr);
  EXPECT_THAT(core.status().message(),
              AllOf(HasSubstr("algorithm.demonstrations.path: "),
                    HasSubstr("tensor observation.observation is float32 [20,3], expected float32 "
                              "[20,4]")));
}

}  // namespace
}  // namespace armature

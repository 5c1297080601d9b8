// The part of the conformance suite about metrics, goal extras, parameters, saved states and
// viewers; see env_service_conformance_test.cc. A test skips what the environment does not have.
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/random/rng.h"
#include "common/rpc/protocol.h"
#include "common/spec/env_spec.h"
#include "common/tensor/packed.h"
#include "envserver/testing/env_service_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

std::vector<int64_t> ShapeOf(int64_t rows, const FieldSpec& field) {
  std::vector<int64_t> shape = {rows};
  shape.insert(shape.end(), field.shape.begin(), field.shape.end());
  return shape;
}

double ParameterOf(const v1::StepBatch& batch, int64_t row) {
  return TensorValues<double>(batch.parameter())[row * batch.parameter().shape(1)];
}

bool Ended(const v1::StepBatch& batch, int64_t row) {
  return batch.terminated().packed()[row] != 0 || batch.truncated().packed()[row] != 0;
}

TEST_F(ConformanceTest, BatchesHoldMetricsExtrasAndParametersAsTheSpecSays) {
  constexpr int64_t kSlots = 3;
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(equipped_id_, kSlots));
  const EnvSpec& spec = client.spec;
  const std::vector<FieldSpec> extra =
      spec.goal.has_value() ? spec.goal->extra : std::vector<FieldSpec>();
  const auto metrics = static_cast<int64_t>(spec.metrics.size());
  const auto parameters = static_cast<int64_t>(spec.parameters.size());
  Rng rng({1});
  v1::StepBatch batch = client.first[0];
  bool any_metric = false;
  const auto steps = static_cast<uint64_t>(30 + spec.horizon);
  for (uint64_t step = 0; step < steps; ++step) {
    EXPECT_EQ(batch.has_metric(), metrics > 0);
    EXPECT_EQ(batch.has_parameter(), parameters > 0);
    ASSERT_EQ(batch.goal_extra_size(), static_cast<int>(extra.size()));
    for (size_t i = 0; i < extra.size(); ++i) {
      const v1::Tensor& tensor = batch.goal_extra(static_cast<int>(i));
      EXPECT_TRUE(
          CheckTensor(tensor, v1::DTYPE_FLOAT32, ShapeOf(kSlots, extra[i]), extra[i].name).ok());
      if (step > 0) continue;
      EXPECT_THAT(TensorValues<float>(tensor), Each(0));
    }
    if (metrics > 0) {
      ASSERT_TRUE(CheckTensor(batch.metric(), v1::DTYPE_FLOAT32, {kSlots, metrics}, "metric").ok());
      for (float value : TensorValues<float>(batch.metric())) {
        EXPECT_TRUE(step > 0 || value == 0) << value;
        any_metric |= value != 0;
      }
    }
    if (parameters > 0) {
      ASSERT_TRUE(
          CheckTensor(batch.parameter(), v1::DTYPE_FLOAT64, {kSlots, parameters}, "parameter")
              .ok());
      for (int64_t i = 0; i < kSlots * parameters; ++i) {
        EXPECT_EQ(TensorValues<double>(batch.parameter())[i],
                  spec.parameters[i % parameters].initial);
      }
    }
    client.SendActions(0, step, RandomActions(spec.action, kSlots, rng));
    batch = client.Read();
  }
  EXPECT_EQ(any_metric, metrics > 0);
}

TEST_F(ConformanceTest, ExecutedActionsComeIfTheSpecSaysSoWithinTheActionsBounds) {
  constexpr int64_t kSlots = 3;
  for (const std::string& env_id : {equipped_id_, env_id_}) {
    RolloutClient client(stub_.get());
    client.Open(RolloutClient::OpenMessage(env_id, kSlots));
    const EnvSpec& spec = client.spec;
    const int64_t size = spec.action.size();
    Rng rng({1});
    v1::StepBatch batch = client.first[0];
    bool differs = false;
    const auto steps = static_cast<uint64_t>(30 + spec.horizon);
    std::vector<float> actions(kSlots * size);
    for (uint64_t step = 0; step < steps; ++step) {
      ASSERT_EQ(batch.has_executed_action(), spec.reports_executed_action) << env_id;
      if (spec.reports_executed_action) {
        const v1::Tensor& tensor = batch.executed_action();
        ASSERT_TRUE(CheckTensor(tensor, v1::DTYPE_FLOAT32, {kSlots, size}, "executed").ok());
        const absl::Span<const float> executed = TensorValues<float>(tensor);
        if (step == 0) {
          EXPECT_THAT(executed, Each(0));
        } else {
          EXPECT_EQ(FindOutOfBounds(spec.action, executed), -1);
          differs |= executed != absl::MakeConstSpan(actions);
        }
      }
      actions = RandomActions(spec.action, kSlots, rng);
      client.SendActions(0, step, actions);
      batch = client.Read();
    }
    EXPECT_EQ(differs, spec.reports_executed_action) << env_id << " only repeats what was sent";
  }
}

TEST_F(ConformanceTest, GoalRewardsNeedTheExtrasOfTheSpec) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(equipped_id_, 2));
  if (!client.spec.goal.has_value()) GTEST_SKIP() << equipped_id_ << " has no goal";
  v1::ComputeRewardRequest good;
  good.set_env_id(equipped_id_);
  for (size_t i = 0; i < client.spec.observation.size(); ++i) {
    const v1::Tensor& tensor = client.first[0].observation(static_cast<int>(i));
    const std::string& name = client.spec.observation[i].name;
    if (name == client.spec.goal->achieved_field) *good.mutable_achieved_goal() = tensor;
    if (name == client.spec.goal->desired_field) *good.mutable_desired_goal() = tensor;
  }
  *good.mutable_extra() = client.first[0].goal_extra();
  const auto ask = [this](const v1::ComputeRewardRequest& request) {
    v1::ComputeRewardResponse response;
    grpc::ClientContext context;
    return stub_->ComputeReward(&context, request, &response);
  };
  EXPECT_TRUE(ask(good).ok());
  v1::ComputeRewardRequest bad = good;
  SetTensor<float>({2}, {0, 0}, bad.add_extra());
  EXPECT_EQ(ask(bad).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << "one too many";
  if (client.spec.goal->extra.empty()) return;
  bad = good;
  bad.mutable_extra()->RemoveLast();
  EXPECT_EQ(ask(bad).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << "one missing";
  bad = good;
  SetTensor<float>({2, 7, 1000}, std::vector<float>(14000), bad.mutable_extra(0));
  const grpc::Status status = ask(bad);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr(client.spec.goal->extra[0].name));
}

TEST_F(ConformanceTest, ParametersOfTheOpenMessageHoldFromTheFirstEpisode) {
  RolloutClient initial(stub_.get());
  initial.Open(RolloutClient::OpenMessage(equipped_id_, 2));
  if (initial.spec.parameters.empty()) GTEST_SKIP() << equipped_id_ << " has no parameter";
  const ParameterSpec& parameter = initial.spec.parameters[0];
  v1::OpenSession open = RolloutClient::OpenMessage(equipped_id_, 2);
  (*open.mutable_parameters())[parameter.name] = parameter.low;
  RolloutClient client(stub_.get());
  client.Open(open);
  for (int row = 0; row < 2; ++row) {
    EXPECT_EQ(ParameterOf(client.first[0], row), parameter.low);
    EXPECT_NE(ObservationRow(client.first[0], row), ObservationRow(initial.first[0], row))
        << "the first parameter must change where an episode begins";
  }
  const v1::StepBatch next = client.Reset(client.first[0]);
  EXPECT_EQ(ParameterOf(next, 0), parameter.low);
  client.SendParameters({{parameter.name, parameter.initial}});
  const v1::StepBatch again = client.Reset(next, /*seed=*/7);
  EXPECT_EQ(ParameterOf(again, 0), parameter.initial);
  EXPECT_EQ(ObservationRow(again, 0), ObservationRow(initial.first[0], 0));
}

TEST_F(ConformanceTest, AParameterTakesEffectAtTheNextEpisodeOfTheSlotsItIsSetFor) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(equipped_id_, 4, 2));
  if (client.spec.parameters.empty()) GTEST_SKIP() << equipped_id_ << " has no parameter";
  const ParameterSpec& parameter = client.spec.parameters[0];
  client.SendParameters({{parameter.name, parameter.low}}, {0, 3});
  client.SendActions(0, 0, ZeroActions(client.spec.action, 2));
  const v1::StepBatch step = client.Read();
  for (int row = 0; row < 2; ++row) {
    const bool is_set = row == 0 && Ended(step, row);
    EXPECT_EQ(ParameterOf(step, row), is_set ? parameter.low : parameter.initial);
  }
  const v1::StepBatch zero = client.Reset(step);
  EXPECT_EQ(ParameterOf(zero, 0), parameter.low);
  EXPECT_EQ(ParameterOf(zero, 1), parameter.initial);
  const v1::StepBatch one = client.Reset(client.first[1]);
  EXPECT_EQ(ParameterOf(one, 0), parameter.initial);
  EXPECT_EQ(ParameterOf(one, 1), parameter.low);
  client.SendParameters({{parameter.name, parameter.high}});
  const v1::StepBatch all = client.Reset(one);
  EXPECT_EQ(ParameterOf(all, 0), parameter.high);
  EXPECT_EQ(ParameterOf(all, 1), parameter.high);
}

// A value is for the episodes that a later message begins, also while a step runs.
TEST_F(ConformanceTest, AParameterSentBehindActionsDoesNotReachTheEpisodeThatTheyBegin) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(equipped_id_, 1));
  if (client.spec.parameters.empty()) GTEST_SKIP() << equipped_id_ << " has no parameter";
  const ParameterSpec& parameter = client.spec.parameters[0];
  v1::StepBatch batch = client.first[0];
  for (int episode = 0; episode < 20; ++episode) {
    const double value = episode % 2 == 0 ? parameter.low : parameter.high;
    const double before = ParameterOf(batch, 0);
    client.SendReset(0, batch.step());
    client.SendParameters({{parameter.name, value}});
    batch = client.Read();
    EXPECT_EQ(ParameterOf(batch, 0), before);
    batch = client.Reset(batch);
    EXPECT_EQ(ParameterOf(batch, 0), value);
  }
}

TEST_F(ConformanceTest, BadParametersEndTheSession) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(equipped_id_, 2));
  if (client.spec.parameters.empty()) GTEST_SKIP() << equipped_id_ << " has no parameter";
  const ParameterSpec& parameter = client.spec.parameters[0];
  const auto refused = [&](const std::map<std::string, double>& values,
                           const std::vector<uint32_t>& slots, const std::string& expected) {
    RolloutClient other(stub_.get());
    other.Open(RolloutClient::OpenMessage(equipped_id_, 2));
    other.SendParameters(values, slots);
    const grpc::Status status = other.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(expected));
    EXPECT_THAT(status.error_message(), HasSubstr(equipped_id_));
  };
  refused({{"no_such_parameter", 1}}, {}, "no_such_parameter");
  refused({{"no_such_parameter", 1}}, {}, parameter.name);
  refused({{parameter.name, parameter.high + 1}}, {}, parameter.name);
  refused({{parameter.name, parameter.low - 1}}, {0}, parameter.name);
  refused({{parameter.name, NAN}}, {}, parameter.name);
  refused({{parameter.name, parameter.low}}, {1, 2}, "slot");
  v1::OpenSession open = RolloutClient::OpenMessage(equipped_id_, 1);
  (*open.mutable_parameters())[parameter.name] = parameter.high + 1;
  EXPECT_EQ(OpenStatus(open).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  RolloutClient unopened(stub_.get());
  unopened.SendParameters({{parameter.name, parameter.low}});
  EXPECT_EQ(unopened.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ConformanceTest, SavingChangesNoEpisode) {
  RolloutClient plain(stub_.get());
  plain.Open(RolloutClient::OpenMessage(equipped_id_, 2));
  if (!plain.spec.saves_state) GTEST_SKIP() << equipped_id_ << " does not save its state";
  const std::vector<std::string> rows = PlayGroup(plain, 60, &plain.first[0]);
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(equipped_id_, 2));
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(client.Save(1), "");
    EXPECT_NE(client.Save(0), "");
  }
  EXPECT_EQ(PlayGroup(client, 60, &client.first[0]), rows);
  EXPECT_EQ(client.Save(1), client.Save(1)) << "one state has one form";
}

TEST_F(ConformanceTest, FromARestoredStateTheSameActionsGiveTheSameStepsToTheEpisodesEnd) {
  RolloutClient client(stub_.get());
  v1::OpenSession open = RolloutClient::OpenMessage(equipped_id_, 2);
  client.Open(open);
  if (!client.spec.saves_state) GTEST_SKIP() << equipped_id_ << " does not save its state";
  // Slot 0's steps to the end of its episode, from a state in the middle.
  Rng rng({6});
  v1::StepBatch batch = client.first[0];
  std::string state;
  std::string saved_observation;
  std::vector<std::vector<float>> actions;
  std::vector<std::string> rows;
  for (int step = 0; step < 1000 && (state.empty() || rows.empty() || !Ended(batch, 0)); ++step) {
    if (step == 3 || (state.empty() && step > 3)) {
      state = client.Save(0);
      saved_observation = ObservationRow(batch, 0);
    }
    const std::vector<float> all = RandomActions(client.spec.action, 2, rng);
    client.SendActions(0, batch.step(), all);
    batch = client.Read();
    if (state.empty()) continue;
    actions.emplace_back(all.begin(), all.begin() + client.spec.action.size());
    rows.push_back(Row(batch, 0));
  }
  ASSERT_FALSE(rows.empty());

  open.set_seed(8);
  open.set_num_groups(2);
  RolloutClient other(stub_.get());
  other.Open(open);
  batch = other.first[1];
  other.SendActions(1, 0, RandomActions(client.spec.action, 1, rng));
  batch = other.Read();
  const v1::SlotRestored restored = other.Restore(1, state);
  EXPECT_EQ(restored.refusal(), "");
  ASSERT_EQ(restored.observation_size(), static_cast<int>(client.spec.observation.size()));
  std::string observation;
  for (int i = 0; i < restored.observation_size(); ++i) {
    const FieldSpec& field = client.spec.observation[i];
    EXPECT_TRUE(CheckTensor(restored.observation(i), field.dtype, field.shape, field.name).ok());
    observation += restored.observation(i).packed();
  }
  EXPECT_EQ(observation, saved_observation);
  // Up to the last step, whose row has the first observation of another episode.
  for (size_t i = 0; i < rows.size(); ++i) {
    other.SendActions(1, batch.step(), actions[i]);
    batch = other.Read();
    if (i + 1 < rows.size()) {
      EXPECT_EQ(Row(batch, 0), rows[i]) << i << " of " << rows.size();
    } else {
      EXPECT_TRUE(Ended(batch, 0));
      EXPECT_NE(Row(batch, 0), rows[i]) << "later episodes are the slot's own";
    }
  }
}

TEST_F(ConformanceTest, ARefusedStateChangesNothingAndTheSessionGoesOn) {
  RolloutClient plain(stub_.get());
  plain.Open(RolloutClient::OpenMessage(equipped_id_, 1));
  if (!plain.spec.saves_state) GTEST_SKIP() << equipped_id_ << " does not save its state";
  const std::vector<std::string> rows = PlayGroup(plain, 30, &plain.first[0]);
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(equipped_id_, 1));
  const std::string state = client.Save(0);
  std::vector<std::string> refused = {"", "no state at all", std::string(1000, '\0'),
                                      state.substr(0, state.size() - 1), state + state};
  for (size_t at : {size_t{0}, state.size() / 2, state.size() - 1}) {
    refused.push_back(state);
    refused.back()[at] = static_cast<char>(refused.back()[at] ^ 4);
  }
  for (const std::string& bytes : refused) {
    const v1::SlotRestored restored = client.Restore(0, bytes);
    EXPECT_NE(restored.refusal(), "");
    EXPECT_EQ(restored.observation_size(), 0);
  }
  EXPECT_EQ(PlayGroup(client, 30, &client.first[0]), rows);
}

TEST_F(ConformanceTest, SavingAndRestoringTakeTurnsLikeRendering) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(equipped_id_, 2, 2));
  if (!client.spec.saves_state) GTEST_SKIP() << equipped_id_ << " does not save its state";
  const auto refused = [this](const std::function<void(RolloutClient&)>& send,
                              const std::string& expected) {
    RolloutClient other(stub_.get());
    other.Open(RolloutClient::OpenMessage(equipped_id_, 2, 2));
    send(other);
    const grpc::Status status = other.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(expected));
  };
  refused([](RolloutClient& c) { c.SendSave(2); }, "SaveState.slot is 2, expected 0..1");
  refused([](RolloutClient& c) { c.SendRestore(2, ""); }, "RestoreState.slot is 2, expected 0..1");
  RolloutClient unopened(stub_.get());
  unopened.SendSave(0);
  EXPECT_EQ(unopened.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  client.SendSave(0);
  client.WritesDone();
  EXPECT_TRUE(client.Finish().ok()) << "asked for before the half-close";
}

TEST_F(ConformanceTest, SavingNeedsASpecThatHasIt) {
  for (bool restores : {false, true}) {
    RolloutClient client(stub_.get());
    client.Open(RolloutClient::OpenMessage(env_id_, 1));
    if (client.spec.saves_state) GTEST_SKIP() << env_id_ << " saves its state";
    restores ? client.SendRestore(0, "") : client.SendSave(0);
    const grpc::Status status = client.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_THAT(status.error_message(), HasSubstr("the environment does not save its state"));
    EXPECT_THAT(status.error_message(), HasSubstr(env_id_));
  }
}

TEST_F(ConformanceTest, AViewerSeesTheSceneItsMeshesAndThenEachStepToTheEpisodesEnd) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(equipped_id_, 4, 2));
  if (!client.spec.has_scene) GTEST_SKIP() << equipped_id_ << " has no scene";
  WatchClient viewer(stub_.get(), client.opened.session_id(), 3);
  viewer.AwaitHeaders();
  Rng rng({5});
  const std::vector<float> actions = RandomActions(client.spec.action, 2, rng);
  client.SendActions(1, 0, actions);
  v1::StepBatch batch = client.Read();
  const v1::WatchOpened opened = viewer.ReadOpened();
  EXPECT_TRUE(CheckHandshake(opened.handshake(), "").ok());
  EXPECT_EQ(opened.session_id(), client.opened.session_id());
  EXPECT_EQ(opened.client(), "tester");
  EXPECT_EQ(opened.num_envs(), 4u);
  EXPECT_EQ(opened.spec().id(), equipped_id_);
  std::set<std::string> meshes;
  for (const v1::SceneShape& shape : opened.scene().shape()) {
    EXPECT_LT(shape.body(), static_cast<uint32_t>(opened.scene().body_size()));
    EXPECT_NE(shape.geometry_case(), v1::SceneShape::GEOMETRY_NOT_SET);
    if (shape.has_mesh()) meshes.insert(shape.mesh().name());
  }
  for (size_t left = meshes.size(); left > 0; --left) {
    const v1::Mesh mesh = viewer.ReadMesh();
    EXPECT_EQ(meshes.erase(mesh.name()), 1u);
    EXPECT_TRUE(CheckTensor(mesh.vertex(), v1::DTYPE_FLOAT32, {-1, 3}, "vertex").ok());
    EXPECT_TRUE(CheckTensor(mesh.triangle(), v1::DTYPE_INT32, {-1, 3}, "triangle").ok());
  }
  double return_sum = 0;
  for (uint32_t step = 1; step < 1000; ++step) {
    const v1::PoseFrame frame = viewer.ReadFrame();
    const int64_t bodies = opened.scene().body_size();
    EXPECT_TRUE(CheckTensor(frame.pose(), v1::DTYPE_FLOAT32, {bodies, 7}, "pose").ok());
    EXPECT_TRUE(CheckTensor(frame.contact(), v1::DTYPE_FLOAT32, {-1, 7}, "contact").ok());
    EXPECT_EQ(frame.episode(), 0u);
    EXPECT_EQ(frame.episode_step(), step);
    EXPECT_NEAR(frame.time_s(), step * client.spec.control_period_s, 1e-9);
    EXPECT_EQ(frame.reward(), TensorValues<float>(batch.reward())[1]);
    return_sum += frame.reward();
    EXPECT_NEAR(frame.return_sum(), return_sum, 1e-6);
    EXPECT_EQ(frame.action_size(), client.spec.action.size());
    ASSERT_EQ(frame.metric_size(), static_cast<int>(client.spec.metrics.size()));
    for (int i = 0; i < frame.metric_size(); ++i) {
      EXPECT_EQ(frame.metric(i), TensorValues<float>(batch.metric())[frame.metric_size() + i]);
    }
    EXPECT_EQ(frame.terminated(), batch.terminated().packed()[1] != 0);
    EXPECT_EQ(frame.truncated(), batch.truncated().packed()[1] != 0);
    EXPECT_EQ(frame.is_success(), batch.is_success().packed()[1] != 0);
    if (Ended(batch, 1)) break;
    client.SendActions(1, batch.step(), RandomActions(client.spec.action, 2, rng));
    batch = client.Read();
  }
  ASSERT_TRUE(Ended(batch, 1));
  const v1::PoseFrame next = viewer.ReadFrame();
  EXPECT_EQ(next.episode(), 1u);
  EXPECT_EQ(next.episode_step(), 0u);
  EXPECT_EQ(next.return_sum(), 0);
  EXPECT_EQ(next.action_size(), 0);
  EXPECT_FALSE(next.terminated() || next.truncated());
  client.WritesDone();
  EXPECT_TRUE(client.Finish().ok());
  const grpc::Status end = viewer.Finish();
  EXPECT_TRUE(end.ok()) << "it ends with the session: " << end.error_message();
}

TEST_F(ConformanceTest, WatchingChangesNoEpisodeAndIsNoLease) {
  RolloutClient plain(stub_.get());
  plain.Open(RolloutClient::OpenMessage(equipped_id_, 2));
  if (!plain.spec.has_scene) GTEST_SKIP() << equipped_id_ << " has no scene";
  const std::vector<std::string> rows = PlayGroup(plain, 60, &plain.first[0]);
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(equipped_id_, 2));
  std::vector<std::unique_ptr<WatchClient>> viewers;  // None of them reads.
  for (uint32_t slot : {0, 1, 1}) {
    viewers.push_back(std::make_unique<WatchClient>(stub_.get(), /*session_id=*/0, slot));
    viewers.back()->AwaitHeaders();
  }
  EXPECT_EQ(PlayGroup(client, 60, &client.first[0]), rows);
}

TEST_F(ConformanceTest, WatchingNeedsAnOpenSessionASlotAndAScene) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(env_id_, 2));
  const grpc::Status unknown = WatchClient(stub_.get(), 987654321, 0).Finish();
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(unknown.error_message(), HasSubstr(std::to_string(client.opened.session_id())));
  EXPECT_THAT(unknown.error_message(), HasSubstr("tester"));
  const uint64_t session_id = client.opened.session_id();
  EXPECT_EQ(WatchClient(stub_.get(), session_id, 2).Finish().error_code(),
            grpc::StatusCode::NOT_FOUND);
  if (client.spec.has_scene) return;
  const grpc::Status refused = WatchClient(stub_.get(), session_id, 0).Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("scene"));
}

}  // namespace
}  // namespace armature

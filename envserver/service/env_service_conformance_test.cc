// The requirements of proto/env_service.proto, tested through a real gRPC server: this one or
// another (see ConformanceTest).
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
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

TEST_F(ConformanceTest, DescribeListsTheEnvironmentsSorted) {
  grpc::ClientContext context;
  v1::DescribeResponse response;
  ASSERT_TRUE(stub_->Describe(&context, {}, &response).ok());
  EXPECT_EQ(response.protocol_version(), kProtocolVersion);
  EXPECT_NE(response.server_incarnation(), 0);
  const std::vector<std::string> ids(response.env_ids().begin(), response.env_ids().end());
  EXPECT_THAT(ids, ::testing::Contains(env_id_));
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_FALSE(response.has_spec());
  EXPECT_GT(response.slots_total(), 0);
}

TEST_F(ConformanceTest, DescribeGivesTheSpecThatSessionsHave) {
  grpc::ClientContext context;
  v1::DescribeRequest request;
  request.set_env_id(env_id_);
  v1::DescribeResponse response;
  ASSERT_TRUE(stub_->Describe(&context, request, &response).ok());
  const absl::StatusOr<EnvSpec> spec = EnvSpec::FromProto(response.spec());
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->id, env_id_);
  EXPECT_EQ(response.spec_hash(), SpecHash(*spec));
  RolloutClient client(stub_.get());
  v1::OpenSession open = RolloutClient::OpenMessage(env_id_, 1);
  open.set_expected_spec_hash(response.spec_hash());
  client.Open(open);
  EXPECT_EQ(client.opened.spec_hash(), response.spec_hash());
  EXPECT_EQ(DescribeDifference(*spec, client.spec), "");
  EXPECT_EQ(client.opened.handshake().incarnation(), response.server_incarnation());
  EXPECT_TRUE(CheckHandshake(client.opened.handshake(), "").ok());
  EXPECT_GT(client.opened.lease_s(), 0);
}

TEST_F(ConformanceTest, DescribeRefusesWhatItDoesNotKnow) {
  v1::DescribeRequest request;
  request.set_env_id("no_such_env");
  v1::DescribeResponse response;
  grpc::ClientContext unknown;
  grpc::Status status = stub_->Describe(&unknown, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr(env_id_));
  request.set_env_id(env_id_);
  (*request.mutable_env_config())["no_such_key"] = "1";
  grpc::ClientContext bad_key;
  status = stub_->Describe(&bad_key, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("no_such_key"));
}

TEST_F(ConformanceTest, SameSeedGivesTheSameEpisodesInOneGroupOrTwo) {
  const std::vector<std::string> one = Play(4, 1, 60);
  EXPECT_EQ(Play(4, 1, 60), one);
  EXPECT_EQ(Play(4, 2, 60), one);
  EXPECT_NE(one[0], one[1]);
  if (server_ == nullptr) return;
  StartServer(/*threads=*/4);
  EXPECT_EQ(Play(4, 2, 60), one);
}

TEST_F(ConformanceTest, BatchesHoldWhatTheSpecSays) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(env_id_, 3));
  Rng rng({1});
  v1::StepBatch batch = client.first[0];
  int episodes = 0;
  std::vector<int64_t> lengths(3);
  const uint64_t steps = 120 + client.spec.horizon;
  for (uint64_t step = 0; step < steps; ++step) {
    EXPECT_EQ(batch.step(), step);
    ASSERT_EQ(batch.observation_size(), static_cast<int>(client.spec.observation.size()));
    const int64_t k = batch.final_slot_size();
    ASSERT_EQ(batch.final_observation_size(), k > 0 ? batch.observation_size() : 0);
    for (int i = 0; i < batch.observation_size(); ++i) {
      const FieldSpec& field = client.spec.observation[i];
      std::vector<int64_t> shape = {3};
      shape.insert(shape.end(), field.shape.begin(), field.shape.end());
      EXPECT_TRUE(CheckTensor(batch.observation(i), field.dtype, shape, field.name).ok());
      if (k == 0) continue;
      shape[0] = k;
      EXPECT_TRUE(CheckTensor(batch.final_observation(i), field.dtype, shape, field.name).ok());
    }
    EXPECT_TRUE(CheckTensor(batch.reward(), v1::DTYPE_FLOAT32, {3}, "reward").ok());
    for (const v1::Tensor* flags :
         {&batch.terminated(), &batch.truncated(), &batch.restarted(), &batch.is_success()}) {
      EXPECT_TRUE(CheckFlags(*flags, {3}, "flags").ok());
    }
    std::vector<uint32_t> ended;
    for (uint32_t slot = 0; slot < 3; ++slot) {
      lengths[slot] += step > 0;
      if (client.spec.horizon > 0) {
        EXPECT_LE(lengths[slot], client.spec.horizon);
      }
      const bool terminated = batch.terminated().packed()[slot] != 0;
      const bool truncated = batch.truncated().packed()[slot] != 0;
      EXPECT_FALSE(terminated && truncated);
      if (!terminated && !truncated) continue;
      ended.push_back(slot);
      lengths[slot] = 0;
    }
    EXPECT_EQ(std::vector<uint32_t>(batch.final_slot().begin(), batch.final_slot().end()), ended);
    episodes += k;
    client.SendActions(0, step, RandomActions(client.spec.action, 3, rng));
    batch = client.Read();
  }
  EXPECT_GT(episodes, 0);
}

TEST_F(ConformanceTest, BadActionsEndTheSessionAndNoOther) {
  RolloutClient bystander(stub_.get());
  bystander.Open(RolloutClient::OpenMessage(env_id_, 1));
  const auto refused = [this](const std::function<void(RolloutClient&)>& send,
                              const std::string& expected) {
    ExpectRefused(RolloutClient::OpenMessage(env_id_, 2, 2), send, expected);
  };
  const auto zeros = [](RolloutClient& c, int64_t rows) {
    return ZeroActions(c.spec.action, rows);
  };
  refused([&](RolloutClient& c) { c.SendActions(0, 0, zeros(c, 2)); }, "shape");
  refused(
      [&](RolloutClient& c) {
        std::vector<float> values = zeros(c, 1);
        values.back() = NAN;
        c.SendActions(0, 0, values);
      },
      "nan");
  refused(
      [&](RolloutClient& c) {
        std::vector<float> values = zeros(c, 1);
        values.front() = INFINITY;
        c.SendActions(1, 0, values);
      },
      "inf");
  refused(
      [&](RolloutClient& c) {
        v1::Tensor tensor;
        SetTensor<double>({1, c.spec.action.size()}, std::vector<double>(c.spec.action.size()),
                          &tensor);
        c.SendTensor(0, 0, tensor);
      },
      "dtype");
  refused(
      [&](RolloutClient& c) {
        v1::Tensor tensor;
        SetTensor<float>({1, c.spec.action.size()}, zeros(c, 1), &tensor);
        tensor.mutable_packed()->pop_back();
        c.SendTensor(0, 0, tensor);
      },
      "bytes");
  refused([&](RolloutClient& c) { c.SendActions(0, 1, zeros(c, 1)); }, "step is 1, expected 0");
  refused([&](RolloutClient& c) { c.SendActions(2, 0, zeros(c, 1)); }, "group is 2, expected 0..1");
  bystander.SendActions(0, 0, zeros(bystander, 1));
  EXPECT_EQ(bystander.Read().step(), 1);
}

TEST_F(ConformanceTest, MessagesOutOfOrderAreRefused) {
  {
    RolloutClient client(stub_.get());
    client.SendTensor(0, 0, v1::Tensor());
    EXPECT_EQ(client.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  {
    RolloutClient client(stub_.get());
    client.Open(RolloutClient::OpenMessage(env_id_, 1));
    client.SendOpen(RolloutClient::OpenMessage(env_id_, 1));
    EXPECT_EQ(client.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(ConformanceTest, BadOpensAreRefused) {
  EXPECT_EQ(OpenStatus(RolloutClient::OpenMessage("no_such_env", 1)).error_code(),
            grpc::StatusCode::NOT_FOUND);
  v1::OpenSession open = RolloutClient::OpenMessage(env_id_, 1);
  (*open.mutable_env_config())["no_such_key"] = "1";
  EXPECT_EQ(OpenStatus(open).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(OpenStatus(RolloutClient::OpenMessage(env_id_, 0)).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(OpenStatus(RolloutClient::OpenMessage(env_id_, 3, 2)).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(OpenStatus(RolloutClient::OpenMessage(env_id_, 3, 3)).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  open = RolloutClient::OpenMessage(env_id_, 1);
  open.set_expected_spec_hash(12345);
  grpc::Status status = OpenStatus(open);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("expected_spec_hash"));
  open = RolloutClient::OpenMessage(env_id_, 1);
  open.mutable_handshake()->set_protocol_version(kProtocolVersion + 1);
  EXPECT_EQ(OpenStatus(open).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(ConformanceTest, ComputeRewardAgreesWithTheSteps) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(equipped_id_, 4));
  if (!client.spec.goal.has_value()) GTEST_SKIP() << equipped_id_ << " has no goal";
  const auto index_of = [&](const std::string& name) {
    int index = 0;
    while (client.spec.observation[index].name != name) ++index;
    return index;
  };
  const int achieved = index_of(client.spec.goal->achieved_field);
  const int desired = index_of(client.spec.goal->desired_field);
  Rng rng({2});
  for (uint64_t step = 0; step < 30; ++step) {
    client.SendActions(0, step, RandomActions(client.spec.action, 4, rng));
    const v1::StepBatch batch = client.Read();
    v1::ComputeRewardRequest request;
    request.set_env_id(equipped_id_);
    *request.mutable_achieved_goal() = batch.observation(achieved);
    *request.mutable_desired_goal() = batch.observation(desired);
    *request.mutable_extra() = batch.goal_extra();
    v1::ComputeRewardResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->ComputeReward(&context, request, &response).ok());
    for (int slot = 0; slot < 4; ++slot) {
      if (batch.terminated().packed()[slot] || batch.truncated().packed()[slot]) continue;
      // Goals travel as float32; a simulator may have had more digits.
      EXPECT_NEAR(TensorValues<float>(response.reward())[slot],
                  TensorValues<float>(batch.reward())[slot], 1e-5);
      EXPECT_EQ(response.terminated().packed()[slot], 0);
    }
  }
}

TEST_F(ConformanceTest, ComputeRewardRefusesBadGoals) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(env_id_, 1));
  if (!client.spec.goal.has_value()) GTEST_SKIP() << env_id_ << " has no goal";
  v1::ComputeRewardRequest request;
  request.set_env_id(env_id_);
  const std::vector<float> values(10 * 1000);
  SetTensor<float>({10, 1000}, values, request.mutable_achieved_goal());
  SetTensor<float>({10, 1000}, values, request.mutable_desired_goal());
  v1::ComputeRewardResponse response;
  grpc::ClientContext context;
  EXPECT_EQ(stub_->ComputeReward(&context, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

// A batch of step 0: no step has been made, so nothing has ended.
void ExpectNoStepMade(const v1::StepBatch& batch) {
  EXPECT_EQ(batch.step(), 0);
  EXPECT_THAT(TensorValues<float>(batch.reward()), Each(0));
  for (const v1::Tensor* flags :
       {&batch.terminated(), &batch.truncated(), &batch.restarted(), &batch.is_success()}) {
    EXPECT_THAT(Flags(*flags), Each(0));
  }
  EXPECT_EQ(batch.final_slot_size(), 0);
  EXPECT_EQ(batch.final_observation_size(), 0);
}

TEST_F(ConformanceTest, AResetWithASeedIsANewSessionWithThatSeedForItsGroupAlone) {
  constexpr uint64_t kOtherSeed = 21;
  v1::OpenSession open = RolloutClient::OpenMessage(env_id_, 4, 2);
  RolloutClient undisturbed(stub_.get());
  undisturbed.Open(open);
  const int steps = static_cast<int>(60 + undisturbed.spec.horizon);
  const std::vector<std::string> zero = PlayGroup(undisturbed, steps, &undisturbed.first[0]);
  const std::vector<std::string> one = PlayGroup(undisturbed, steps, &undisturbed.first[1]);

  RolloutClient client(stub_.get());
  client.Open(open);
  PlayGroup(client, 5, &client.first[1]);
  v1::StepBatch batch = client.Reset(client.first[1], kOtherSeed);
  ExpectNoStepMade(batch);
  const std::vector<std::string> reset = PlayGroup(client, steps, &batch);
  EXPECT_EQ(PlayGroup(client, steps, &client.first[0]), zero);

  open.set_seed(kOtherSeed);
  RolloutClient fresh(stub_.get());
  fresh.Open(open);
  EXPECT_EQ(reset, PlayGroup(fresh, steps, &fresh.first[1]));
  EXPECT_NE(reset, one);
  // The seed also applies to later episodes.
  EXPECT_EQ(ObservationRow(client.Reset(batch), 0), ObservationRow(fresh.Reset(fresh.first[1]), 0));
  // The session's own seed works as well.
  v1::StepBatch again = client.Reset(client.first[0], 7);
  EXPECT_EQ(PlayGroup(client, steps, &again), zero);
}

TEST_F(ConformanceTest, ASeedOfItsOwnGivesASlotTheEpisodesOfSlotZeroOfASessionWithThatSeed) {
  const std::vector<uint64_t> seeds = {21, 22};
  v1::OpenSession open = RolloutClient::OpenMessage(env_id_, 4, 2);
  RolloutClient client(stub_.get());
  client.Open(open);
  client.SendReset(1, 0, seeds);
  const v1::StepBatch batch = client.Read();
  ExpectNoStepMade(batch);
  const v1::StepBatch next = client.Reset(batch);
  for (int row = 0; row < 2; ++row) {
    open.set_seed(seeds[row]);
    RolloutClient alone(stub_.get());
    alone.Open(open);
    EXPECT_EQ(ObservationRow(batch, row), ObservationRow(alone.first[0], 0));
    // The seeds also apply to later episodes.
    EXPECT_EQ(ObservationRow(next, row), ObservationRow(alone.Reset(alone.first[0]), 0));
  }
}

TEST_F(ConformanceTest, AResetWithoutASeedBeginsTheEpisodesThatWouldHaveComeNext) {
  constexpr int kSlots = 4;
  RolloutClient playing(stub_.get());
  playing.Open(RolloutClient::OpenMessage(env_id_, kSlots));
  Rng rng({4});
  // Returns the first observations of each slot's second, third ... episode.
  std::vector<std::vector<std::string>> begins(kSlots);
  const uint64_t steps = 120 + 2 * playing.spec.horizon;
  for (uint64_t step = 0; step < steps; ++step) {
    playing.SendActions(0, step, RandomActions(playing.spec.action, kSlots, rng));
    const v1::StepBatch batch = playing.Read();
    for (uint32_t slot : batch.final_slot()) begins[slot].push_back(ObservationRow(batch, slot));
  }

  RolloutClient resetting(stub_.get());
  resetting.Open(RolloutClient::OpenMessage(env_id_, kSlots));
  const v1::StepBatch second = resetting.Reset(resetting.first[0]);
  ExpectNoStepMade(second);
  resetting.SendActions(0, 0, RandomActions(resetting.spec.action, kSlots, rng));
  const v1::StepBatch step = resetting.Read();
  EXPECT_EQ(step.step(), 1);
  const v1::StepBatch third = resetting.Reset(step);
  ExpectNoStepMade(third);
  int compared = 0;
  for (int slot = 0; slot < kSlots; ++slot) {
    if (begins[slot].size() < 2) continue;
    EXPECT_EQ(ObservationRow(second, slot), begins[slot][0]) << "slot " << slot;
    // Unless the one step between the resets has ended an episode.
    const auto& ended = step.final_slot();
    if (std::find(ended.begin(), ended.end(), slot) != ended.end()) continue;
    EXPECT_EQ(ObservationRow(third, slot), begins[slot][1]) << "slot " << slot;
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

TEST_F(ConformanceTest, AResetOutOfTurnOrForAnotherStepEndsTheSession) {
  const v1::OpenSession open = RolloutClient::OpenMessage(env_id_, 2, 2);
  ExpectRefused(
      open, [](RolloutClient& c) { c.SendReset(0, 1); },
      "ResetGroup of group 0: step is 1, expected 0");
  ExpectRefused(
      open, [](RolloutClient& c) { c.SendReset(2, 0); }, "ResetGroup.group is 2, expected 0..1");
  ExpectRefused(
      open,
      [](RolloutClient& c) {
        c.SendReset(1, 0, std::vector<uint64_t>{1, 2});
      },
      "ResetGroup of group 1: 2 slot_seeds, expected none or 1");
  // Whether or not the actions have been answered by then.
  ExpectRefused(
      open,
      [](RolloutClient& c) {
        c.SendActions(0, 0, ZeroActions(c.spec.action, 1));
        c.SendReset(0, 0);
      },
      "ResetGroup of group 0");
  RolloutClient unopened(stub_.get());
  unopened.SendReset(0, 0);
  EXPECT_EQ(unopened.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ConformanceTest, AFrameHasTheSizeOfTheSpecAndSteppingGoesOn) {
  RolloutClient client(stub_.get());
  client.Open(RenderingMessage(4, 2));
  if (!client.spec.render.has_value()) GTEST_SKIP() << env_id_ << " does not render";
  const std::vector<int64_t> shape = {client.spec.render->height_px, client.spec.render->width_px,
                                      3};
  EXPECT_GT(shape[0] * shape[1], 0);
  for (uint64_t step = 0; step < 3; ++step) {
    for (uint32_t slot : {3, 0, 0}) {
      client.SendRender(slot);
      const v1::Frame frame = client.ReadFrame();
      EXPECT_EQ(frame.slot(), slot);
      EXPECT_TRUE(CheckTensor(frame.rgb(), v1::DTYPE_UINT8, shape, "rgb").ok());
    }
    for (uint32_t group : {0, 1}) {
      client.SendActions(group, step, ZeroActions(client.spec.action, 2));
      const v1::StepBatch batch = client.Read();
      EXPECT_EQ(batch.group(), group);
      EXPECT_EQ(batch.step(), step + 1);
    }
  }
  client.SendRender(2);
  client.WritesDone();
  EXPECT_EQ(client.ReadFrame().slot(), 2) << "asked for before the half-close";
  EXPECT_TRUE(client.Finish().ok());
}

TEST_F(ConformanceTest, RenderingChangesNoEpisode) {
  RolloutClient plain(stub_.get());
  plain.Open(RenderingMessage(2));
  if (!plain.spec.render.has_value()) GTEST_SKIP() << env_id_ << " does not render";
  RolloutClient drawn(stub_.get());
  drawn.Open(RenderingMessage(2));
  EXPECT_EQ(PlayGroup(drawn, 60, &drawn.first[0], /*renders=*/true),
            PlayGroup(plain, 60, &plain.first[0]));
}

TEST_F(ConformanceTest, APictureOfTheLastStateNeedsAnEpisodeThatEndedAndASessionThatRenders) {
  for (const bool renders : {false, true}) {
    v1::OpenSession open = RenderingMessage(2);
    open.set_renders(renders);
    RolloutClient client(stub_.get());
    client.Open(open);
    if (!client.spec.render.has_value()) GTEST_SKIP() << env_id_ << " does not render";
    client.SendRender(1, /*last_state=*/true);
    const grpc::Status status = client.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(),
                HasSubstr(renders ? "the last step ended no episode of slot 1"
                                  : "the session was opened without `renders`"));
  }
}

TEST_F(ConformanceTest, RenderingNeedsASpecThatHasIt) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage(env_id_, 1));
  if (client.spec.render.has_value()) GTEST_SKIP() << env_id_ << " renders";
  client.SendRender(0);
  const grpc::Status status = client.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("the environment does not render"));
  EXPECT_THAT(status.error_message(), HasSubstr(env_id_));
}

TEST_F(ConformanceTest, ARenderRequestForNoSlotOfTheSessionIsRefused) {
  ExpectRefused(
      RenderingMessage(4, 2), [](RolloutClient& c) { c.SendRender(4); },
      "RenderRequest.slot is 4, expected 0..3");
  RolloutClient unopened(stub_.get());
  unopened.SendRender(0);
  EXPECT_EQ(unopened.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace armature

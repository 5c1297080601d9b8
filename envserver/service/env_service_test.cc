// What the C++ env server guarantees beyond the wire's contract, tested through a real gRPC server:
// faults, leases, slots and metrics of the test environments.
#include "envserver/service/env_service.h"

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/tensor/packed.h"
#include "envserver/service/viewer.h"
#include "envserver/testing/env_service_fixture.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Tests that need environments with faults on demand, or access to the server itself.
class EnvServiceTest : public ConformanceTest {
 protected:
  void SetUp() override {
    StartServer();
    rendering_config_ = {{"render", "true"}};
  }

  static v1::OpenSession FaultyMessage(const std::string& fault, int num_envs, int groups = 1) {
    v1::OpenSession open = RolloutClient::OpenMessage("faulty", num_envs, groups);
    (*open.mutable_env_config())["fault"] = fault;
    return open;
  }

  // Two groups of one slot; their environments fail when drawn.
  static v1::OpenSession FatalRenderMessage(const std::string& fault) {
    v1::OpenSession open = FaultyMessage(fault, 2, 2);
    (*open.mutable_env_config())["fatal_render"] = "true";
    return open;
  }
};

TEST_F(EnvServiceTest, TwoOutstandingActionBatchesOfAGroupAreRefused) {
  RolloutClient client(stub_.get());
  client.Open(FaultyMessage("hang", 1));
  client.SendActions(0, 0, {0, 1});
  server_->gate().WaitForWaiting(1);
  client.SendActions(0, 0, {0, 0});
  const grpc::Status status = client.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("expected one at a time"));
}

TEST_F(EnvServiceTest, OneGroupStepsWhileTheOtherIsBusy) {
  RolloutClient client(stub_.get());
  client.Open(FaultyMessage("hang", 2, 2));
  client.SendActions(0, 0, {0, 1});
  server_->gate().WaitForWaiting(1);
  client.SendActions(1, 0, {0, 0});
  EXPECT_EQ(client.Read().group(), 1);
  server_->gate().Open();
  EXPECT_EQ(client.Read().group(), 0);
}

TEST_F(EnvServiceTest, SlotsRunOutAndComeBackWhenAClientVanishes) {
  auto first = std::make_unique<RolloutClient>(stub_.get());
  first->Open(RolloutClient::OpenMessage("point_mass", 12));
  const grpc::Status refused = OpenStatus(RolloutClient::OpenMessage("point_mass", 5));
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("num_envs is 5, but 4 of 16 slots are free"));
  first->Cancel();
  server_->gate().WaitForFreed(12);
  RolloutClient second(stub_.get());
  second.Open(RolloutClient::OpenMessage("point_mass", 16));
}

TEST_F(EnvServiceTest, AClientWhoseConnectionDropsLosesItsSlotsAtOnce) {
  {
    grpc::ChannelArguments own_connection;
    own_connection.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    auto other = v1::EnvService::NewStub(grpc::CreateCustomChannel(
        server_->address(), grpc::InsecureChannelCredentials(), own_connection));
    RolloutClient client(other.get());
    client.Open(RolloutClient::OpenMessage("point_mass", 16));
  }
  server_->gate().WaitForFreed(16);
  RolloutClient next(stub_.get());
  next.Open(RolloutClient::OpenMessage("point_mass", 16));
}

TEST_F(EnvServiceTest, ASilentClientIsToldThatItsLeaseRanOut) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage("point_mass", 16));
  EXPECT_EQ(client.opened.lease_s(), 30);
  server_->SetClock(31);
  EXPECT_EQ(client.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  RolloutClient next(stub_.get());
  next.Open(RolloutClient::OpenMessage("point_mass", 16));
  EXPECT_THAT(server_->metrics(), HasSubstr("armature_envserver_leases_expired_total 1"));
}

TEST_F(EnvServiceTest, AFaultIsReportedAndCountedAndNothingElseIsDisturbed) {
  const std::map<std::string, std::string> causes = {{"throw", "threw"},
                                                     {"nan_observation", "not_finite"}};
  for (const auto& [fault, cause] : causes) {
    RolloutClient client(stub_.get());
    client.Open(FaultyMessage(fault, 3));
    client.SendActions(0, 0, {0, 0, 0, 1, 0, 0});
    const v1::StepBatch batch = client.Read();
    EXPECT_THAT(Flags(batch.restarted()), ElementsAre(0, 1, 0));
    ASSERT_EQ(batch.fault_size(), 1);
    EXPECT_THAT(batch.fault(0), HasSubstr("env faulty slot 1 step 1: "));
    EXPECT_THAT(server_->metrics(),
                HasSubstr("armature_envserver_slot_restarts_total{cause=\"" + cause + "\"} 1"));
    client.SendActions(0, 1, std::vector<float>(6));
    EXPECT_THAT(Flags(client.Read().restarted()), ElementsAre(0, 0, 0));
  }
}

TEST_F(EnvServiceTest, AHungSimulatorCostsItsOwnSlotOnly) {
  StartServer(2, absl::Milliseconds(50));
  RolloutClient client(stub_.get());
  client.Open(FaultyMessage("hang", 2));
  client.SendActions(0, 0, {0, 1, 0, 0});
  const v1::StepBatch batch = client.Read();
  EXPECT_THAT(Flags(batch.restarted()), ElementsAre(1, 0));
  EXPECT_THAT(batch.fault(0),
              HasSubstr("env faulty slot 0 step 1: no answer for 50ms; simulator replaced"));
  client.SendActions(0, 1, std::vector<float>(4));
  EXPECT_THAT(Flags(client.Read().restarted()), ElementsAre(0, 0));
}

TEST_F(EnvServiceTest, ComputeRewardNeedsAGoal) {
  v1::ComputeRewardRequest request;
  request.set_env_id("counter");
  v1::ComputeRewardResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub_->ComputeReward(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "env server testsim, env counter: the environment has no goal");
}

TEST_F(EnvServiceTest, StepsAndSlotsAreCounted) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage("point_mass", 4, 2));
  client.SendActions(1, 0, {0, 0, 0, 0});
  client.Read();
  const std::string metrics = server_->metrics();
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_steps_total{env=\"point_mass\"} 2"));
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_slots_in_use 4"));
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_slots 16"));
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_sessions 1"));
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_step_duration_seconds_count 1"));
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_actions_wait_seconds_count 1"));
}

TEST_F(EnvServiceTest, EndingSessionsTellsTheClients) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage("point_mass", 1));
  server_->service().EndSessions();
  EXPECT_EQ(client.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(OpenStatus(RolloutClient::OpenMessage("point_mass", 1)).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(EnvServiceTest, AResetOrARenderRequestBesideOutstandingActionsIsRefused) {
  const std::map<std::string, std::function<void(RolloutClient&)>> messages = {
      {"ResetGroup of group 0", [](RolloutClient& c) { c.SendReset(0, 0); }},
      {"RenderRequest of slot 0", [](RolloutClient& c) { c.SendRender(0); }}};
  int64_t hanging = 0;
  for (const auto& [name, send] : messages) {
    RolloutClient client(stub_.get());
    client.Open(FaultyMessage("hang", 1));
    client.SendActions(0, 0, {0, 1});
    server_->gate().WaitForWaiting(++hanging);
    send(client);
    const grpc::Status status = client.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(name));
    EXPECT_THAT(status.error_message(), HasSubstr("expected one at a time"));
  }
}

TEST_F(EnvServiceTest, AResetCountsNeitherStepsNorEpisodes) {
  RolloutClient client(stub_.get());
  client.Open(RolloutClient::OpenMessage("point_mass", 2));
  client.SendActions(0, 0, ZeroActions(client.spec.action, 2));
  client.Reset(client.Read());
  const std::string metrics = server_->metrics();
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_steps_total{env=\"point_mass\"} 2"));
  EXPECT_THAT(metrics, HasSubstr("armature_envserver_episodes_total{env=\"point_mass\"} 0"));
}

TEST_F(EnvServiceTest, AFrameShowsTheSlotAskedForAsItIsNow) {
  RolloutClient client(stub_.get());
  client.Open(RenderingMessage(2));
  v1::StepBatch batch = client.first[0];
  for (uint64_t step = 0; step < 8; ++step) {
    for (int slot : {0, 1}) {
      client.SendRender(slot);
      const std::string pixels = client.ReadFrame().rgb().packed();
      // The point is white, in a picture of 24 x 16 pixels, y upwards.
      const absl::Span<const float> position = TensorValues<float>(batch.observation(0));
      const int64_t column = std::lround((position[2 * slot] + 1) / 2 * 23);
      const int64_t row = std::lround((1 - position[2 * slot + 1]) / 2 * 15);
      EXPECT_EQ(pixels.find("\xff\xff\xff"), (row * 24 + column) * 3);
    }
    client.SendActions(0, step, {0.9f, -0.9f, -0.9f, 0.9f});
    batch = client.Read();
  }
}

TEST_F(EnvServiceTest, APictureOfTheLastStateShowsTheEndOfTheEpisodeNotTheNextOnesBeginning) {
  RolloutClient client(stub_.get());
  v1::OpenSession open = RenderingMessage(2);
  open.set_renders(true);
  client.Open(open);
  v1::StepBatch batch = client.first[0];
  for (uint64_t step = 0; batch.final_slot().empty(); ++step) {
    client.SendActions(0, step, {0.9f, -0.9f, -0.9f, 0.9f});
    batch = client.Read();
  }
  const uint32_t slot = batch.final_slot(0);
  const auto place_of = [](const v1::Tensor& positions, int64_t index) -> size_t {
    const absl::Span<const float> position = TensorValues<float>(positions);
    const int64_t column = std::lround((position[2 * index] + 1) / 2 * 23);
    const int64_t row = std::lround((1 - position[2 * index + 1]) / 2 * 15);
    return (row * 24 + column) * 3;
  };
  const size_t end = place_of(batch.final_observation(0), 0);
  const size_t beginning = place_of(batch.observation(0), slot);
  ASSERT_NE(end, beginning);
  client.SendRender(slot, /*last_state=*/true);
  EXPECT_EQ(client.ReadFrame().rgb().packed().find("\xff\xff\xff"), end);
  client.SendRender(slot);
  EXPECT_EQ(client.ReadFrame().rgb().packed().find("\xff\xff\xff"), beginning);
}

TEST_F(EnvServiceTest, ASimulatorThatThrowsWhenDrawnEndsItsSessionAndNoOther) {
  RolloutClient bystander(stub_.get());
  bystander.Open(RolloutClient::OpenMessage("point_mass", 1));
  RolloutClient client(stub_.get());
  client.Open(FatalRenderMessage("throw"));
  client.SendActions(1, 0, {0, 0});
  client.Read();
  client.SendRender(1);
  const grpc::Status status = client.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(),
            "env server testsim, env faulty: env faulty slot 1 step 1: Render threw: the joint "
            "broke");
  bystander.SendActions(0, 0, {0, 0});
  EXPECT_EQ(bystander.Read().step(), 1);
}

TEST_F(EnvServiceTest, ASimulatorThatHangsWhenDrawnEndsItsSessionAndKeepsNoSlot) {
  StartServer(2, absl::Milliseconds(50));
  RolloutClient client(stub_.get());
  client.Open(FatalRenderMessage("hang"));
  client.SendRender(1);
  const grpc::Status status = client.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(status.error_message(),
              HasSubstr("env faulty slot 1 step 0: Render has not returned for 50ms"));
  RolloutClient next(stub_.get());
  next.Open(RolloutClient::OpenMessage("point_mass", 16));
  // The other slot's simulator is freed at once, the hung one when its call returns.
  server_->gate().WaitForFreed(1);
  server_->gate().Open();
  server_->gate().WaitForDestroyed(1);
}

TEST_F(EnvServiceTest, WhileASlotIsDrawnItsGroupWaitsAndTheOtherSteps) {
  RolloutClient client(stub_.get());
  client.Open(FatalRenderMessage("hang"));
  client.SendRender(1);
  server_->gate().WaitForWaiting(1);
  client.SendActions(0, 0, {0, 0});
  EXPECT_EQ(client.Read().group(), 0);
  client.SendActions(1, 0, {0, 0});
  const grpc::Status status = client.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              HasSubstr("ActionBatch of group 1 came before the last message of group 1 was "
                        "answered, expected one at a time"));
}

TEST_F(EnvServiceTest, WhileASlotIsSavedItsGroupWaitsAndTheOtherSteps) {
  v1::OpenSession open = RolloutClient::OpenMessage("equipped", 2, 2);
  (*open.mutable_env_config())["fault"] = "hang_save";
  RolloutClient client(stub_.get());
  client.Open(open);
  client.SendSave(1);
  server_->gate().WaitForWaiting(1);
  client.SendActions(0, 0, {0, 0});
  EXPECT_EQ(client.Read().group(), 0);
  client.SendParameters({{"level", 0}});  // Legal at any time.
  client.SendRestore(1, "");
  const grpc::Status status = client.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              HasSubstr("RestoreState of slot 1 came before the last message of group 1 was "
                        "answered, expected one at a time"));
}

TEST_F(EnvServiceTest, AStateThatCannotBeSavedEndsItsSessionAndNamesSlotStepAndCause) {
  v1::OpenSession open = RolloutClient::OpenMessage("equipped", 2);
  (*open.mutable_env_config())["fault"] = "throw_save";
  RolloutClient client(stub_.get());
  client.Open(open);
  client.SendSave(1);
  const grpc::Status status = client.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(),
            "env server testsim, env equipped: env equipped slot 1 step 0: SaveState threw: the "
            "disk broke");
}

v1::OpenSession EquippedMessage(const std::string& fault, int num_envs) {
  v1::OpenSession open = RolloutClient::OpenMessage("equipped", num_envs);
  (*open.mutable_env_config())["fault"] = fault;
  (*open.mutable_env_config())["terminate_on_success"] = "false";
  return open;
}

TEST_F(EnvServiceTest, AViewThatFailsEndsTheViewingAndIsNoFaultOfTheSlot) {
  const std::map<std::string, std::string> causes = {
      {"throw_view", "slot 0 step 1: ReadView threw: the lamp broke"},
      {"nan_view", "the pose of body 'point' is nan"}};
  for (const auto& [fault, cause] : causes) {
    RolloutClient client(stub_.get());
    client.Open(EquippedMessage(fault, 1));
    WatchClient viewer(stub_.get(), client.opened.session_id(), 0);
    viewer.AwaitHeaders();
    client.SendActions(0, 0, {0, 0});
    EXPECT_EQ(client.Read().fault_size(), 0);
    const grpc::Status end = viewer.Finish();
    EXPECT_EQ(end.error_code(), grpc::StatusCode::INTERNAL);
    EXPECT_THAT(end.error_message(), HasSubstr(cause));
    client.SendActions(0, 1, {0, 0});
    EXPECT_EQ(client.Read().step(), 2);
  }
}

TEST_F(EnvServiceTest, FramesComeNoFasterThanAskedAndTheNewestWins) {
  RolloutClient client(stub_.get());
  client.Open(EquippedMessage("none", 1));
  WatchClient viewer(stub_.get(), 0, 0, /*frames_per_s_max=*/0.5);
  viewer.AwaitHeaders();
  client.SendActions(0, 0, {0, 0});
  client.Read();
  viewer.ReadOpened();
  viewer.ReadMesh();
  EXPECT_EQ(viewer.ReadFrame().episode_step(), 1u);
  for (uint64_t step = 1; step < 6; ++step) {
    client.SendActions(0, step, {0, 0});
    client.Read();
  }
  server_->SetClock(2);
  EXPECT_EQ(viewer.ReadFrame().episode_step(), 6u) << "those between are dropped";
  // The end of an episode is not dropped, though the next one has begun.
  for (uint64_t step = 6; step < 23; ++step) {
    client.SendActions(0, step, {0, 0});
    client.Read();
  }
  server_->SetClock(4);
  const v1::PoseFrame last = viewer.ReadFrame();
  EXPECT_EQ(last.episode_step(), 20u);
  EXPECT_TRUE(last.truncated());
  server_->SetClock(6);
  const v1::PoseFrame newest = viewer.ReadFrame();
  EXPECT_EQ(newest.episode(), 1u);
  EXPECT_EQ(newest.episode_step(), 3u);
}

TEST_F(EnvServiceTest, AColourThatChangesComesWithTheFrame) {
  v1::OpenSession open = EquippedMessage("none", 1);
  (*open.mutable_parameters())["level"] = 0;
  RolloutClient client(stub_.get());
  client.Open(open);  // The point begins at the goal, which is green.
  WatchClient viewer(stub_.get(), 0, 0);
  viewer.AwaitHeaders();
  client.SendActions(0, 0, {0, 0});
  client.Read();
  const v1::WatchOpened opened = viewer.ReadOpened();
  EXPECT_THAT(opened.scene().shape(2).colour(), ElementsAre(0, 1, 0, 1));
  viewer.ReadMesh();
  EXPECT_EQ(viewer.ReadFrame().changed_shape_size(), 0);
  client.SendActions(0, 1, {1, 1});
  client.Read();
  const v1::PoseFrame frame = viewer.ReadFrame();
  ASSERT_EQ(frame.changed_shape_size(), 1);
  EXPECT_THAT(frame.changed_index(), ElementsAre(2));
  EXPECT_THAT(frame.changed_shape(0).colour(), ElementsAre(0, 0, 1, 1));
  client.SendActions(0, 2, {1, 1});
  client.Read();
  EXPECT_EQ(viewer.ReadFrame().changed_shape_size(), 0);
}

TEST_F(EnvServiceTest, ThereAreAtMostSoManyViewersAndTheirPlacesComeBack) {
  RolloutClient client(stub_.get());
  client.Open(EquippedMessage("none", 1));
  std::vector<std::unique_ptr<WatchClient>> viewers;
  for (int i = 0; i < kViewersMax; ++i) {
    viewers.push_back(std::make_unique<WatchClient>(stub_.get(), 0, 0));
    viewers.back()->AwaitHeaders();
  }
  const grpc::Status refused = WatchClient(stub_.get(), 0, 0).Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("16 viewers watch this server"));
  client.WritesDone();
  EXPECT_TRUE(client.Finish().ok());
  for (const auto& viewer : viewers) EXPECT_TRUE(viewer->Finish().ok());
  const grpc::Status none = WatchClient(stub_.get(), 0, 0).Finish();
  EXPECT_EQ(none.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(none.error_message(), HasSubstr("no session is open"));
}

TEST_F(EnvServiceTest, ASessionThatEndsBeforeItsNextStepEndsItsViewers) {
  auto client = std::make_unique<RolloutClient>(stub_.get());
  client->Open(EquippedMessage("none", 1));
  WatchClient viewer(stub_.get(), 0, 0, /*frames_per_s_max=*/1e-9);
  viewer.AwaitHeaders();
  client->Cancel();
  EXPECT_TRUE(viewer.Finish().ok());
}

TEST_F(EnvServiceTest, AFrameRateThatIsNoneIsRefused) {
  RolloutClient client(stub_.get());
  client.Open(EquippedMessage("none", 1));
  for (double rate : {-1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    const grpc::Status status = WatchClient(stub_.get(), 0, 0, rate).Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr("frames_per_s_max"));
  }
}

}  // namespace
}  // namespace armature

#include "learner/service/remote_goal_reward.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "learner/testing/fake_reward_server.h"

namespace armature {
namespace {

EnvSpec GoalEnv() {
  EnvSpec spec;
  spec.id = "reach";
  spec.observation = {{"achieved_goal", v1::DTYPE_FLOAT32, {2}, {}, {}},
                      {"desired_goal", v1::DTYPE_FLOAT32, {2}, {}, {}}};
  spec.goal = GoalSpec{
      "achieved_goal",
      "desired_goal",
      {{"force", v1::DTYPE_FLOAT32, {1, 2}, {}, {}}, {"effort", v1::DTYPE_FLOAT32, {}, {}, {}}}};
  return spec;
}

class RemoteGoalRewardTest : public testing::Test {
 protected:
  RemoteGoalReward::Options Options() const {
    RemoteGoalReward::Options options;
    options.env_config = {{"reward_type", "sparse"}};
    options.timeout = absl::Seconds(60);
    return options;
  }
  absl::StatusOr<GoalReward::Outcome> Compute(RemoteGoalReward* reward) {
    reward->SetEnv(GoalEnv());
    return reward->Compute(achieved_, desired_, extra_);
  }

  const at::Tensor achieved_ = at::tensor({1.0f, 0.0f, 5.0f, 0.0f}).view({2, 2});
  const at::Tensor extra_ = at::tensor({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}).view({2, 3});
  const at::Tensor desired_ = at::tensor({1.0f, 9.0f, 2.0f, 9.0f}).view({2, 2});
};

TEST_F(RemoteGoalRewardTest, RewardsAndTerminationsAreTheEnvServers) {
  FakeRewardServer server;
  RemoteGoalReward reward(Options());
  const absl::Status none = Compute(&reward).status();
  EXPECT_EQ(none.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(none.message(),
            "hindsight waits for an actor to name an env server that computes rewards");
  ASSERT_TRUE(reward.AddServers({server.address()}).ok());
  const auto outcome = Compute(&reward);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(at::equal(outcome->reward, at::tensor({0.0f, 3.0f})));
  EXPECT_TRUE(at::equal(outcome->terminated, at::tensor({1.0f, 0.0f})));
  const v1::ComputeRewardRequest request = server.last_request();
  EXPECT_EQ(request.env_id(), "reach");
  EXPECT_EQ(request.env_config().at("reward_type"), "sparse");
  for (const v1::Tensor& goal : {request.achieved_goal(), request.desired_goal()}) {
    EXPECT_TRUE(CheckTensor(goal, v1::DTYPE_FLOAT32, {2, 2}, "goal").ok());
  }
}

TEST_F(RemoteGoalRewardTest, EachExtraFieldTravelsInItsOwnShape) {
  FakeRewardServer server;
  RemoteGoalReward reward(Options());
  ASSERT_TRUE(reward.AddServers({server.address()}).ok());
  ASSERT_TRUE(Compute(&reward).ok());
  const v1::ComputeRewardRequest request = server.last_request();
  ASSERT_EQ(request.extra_size(), 2);
  ASSERT_TRUE(CheckTensor(request.extra(0), v1::DTYPE_FLOAT32, {2, 1, 2}, "force").ok());
  ASSERT_TRUE(CheckTensor(request.extra(1), v1::DTYPE_FLOAT32, {2}, "effort").ok());
  EXPECT_THAT(TensorValues<float>(request.extra(0)), testing::ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(TensorValues<float>(request.extra(1)), testing::ElementsAre(3, 6));
}

TEST_F(RemoteGoalRewardTest, WhenAServerDiesAnotherIsAskedAndFromThenOnFirst) {
  auto first = std::make_unique<FakeRewardServer>();
  FakeRewardServer second;
  RemoteGoalReward reward(Options());
  ASSERT_TRUE(reward.AddServers({first->address(), second.address()}).ok());
  ASSERT_TRUE(Compute(&reward).ok());
  EXPECT_EQ(second.calls(), 0);
  first.reset();
  ASSERT_TRUE(Compute(&reward).ok());
  ASSERT_TRUE(Compute(&reward).ok());
  EXPECT_EQ(second.calls(), 2);
}

TEST_F(RemoteGoalRewardTest, AServerThatReturnsIsAskedAgainOnceAnActorNamesIt) {
  auto server = std::make_unique<FakeRewardServer>();
  const int port = server->port();
  const std::string address = server->address();
  RemoteGoalReward reward(Options());
  ASSERT_TRUE(reward.AddServers({address}).ok());
  ASSERT_TRUE(Compute(&reward).ok());
  server.reset();
  const absl::Status dead = Compute(&reward).status();
  EXPECT_EQ(dead.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(absl::StartsWith(dead.message(),
                               absl::StrCat("hindsight waits for an env server to compute rewards: "
                                            "env server ",
                                            address, ": ")))
      << dead;
  FakeRewardServer again(FakeRewardServer::Difference, port);
  // gRPC's own backoff may reject the first calls.
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  absl::Status status;
  do {
    ASSERT_TRUE(reward.AddServers({address}).ok());
    status = Compute(&reward).status();
  } while (!status.ok() && absl::Now() < deadline);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(RemoteGoalRewardTest, AServerThatHangsCostsOneDeadlineThenAnotherIsAsked) {
  absl::Notification release;
  FakeRewardServer hung([&release](const auto&, auto*) {
    release.WaitForNotification();
    return grpc::Status::OK;
  });
  FakeRewardServer well;
  RemoteGoalReward::Options options = Options();
  options.timeout = options.first_timeout = absl::Milliseconds(200);
  RemoteGoalReward reward(options);
  ASSERT_TRUE(reward.AddServers({hung.address()}).ok());
  EXPECT_EQ(Compute(&reward).status().code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE(reward.AddServers({well.address()}).ok());
  EXPECT_TRUE(Compute(&reward).ok());
  EXPECT_EQ(well.calls(), 1);
  release.Notify();
}

TEST_F(RemoteGoalRewardTest, TheFirstAnswerMayTakeAsLongAsItTakesToMakeTheEnvironment) {
  auto server = std::make_unique<FakeRewardServer>();
  RemoteGoalReward::Options options = Options();
  options.first_timeout = absl::Hours(10);
  RemoteGoalReward reward(options);
  ASSERT_TRUE(reward.AddServers({server->address()}).ok());
  ASSERT_TRUE(Compute(&reward).ok());
  EXPECT_GT(server->time_given(), absl::Hours(5));
  ASSERT_TRUE(Compute(&reward).ok());
  EXPECT_LT(server->time_given(), absl::Hours(1));
}

TEST_F(RemoteGoalRewardTest, AnEnvironmentWithoutSuchRewardsIsNotAskedOfAnotherServer) {
  FakeRewardServer refusing([](const auto&, auto*) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                        "the reward of a step was -1, but compute_reward gives -0.5");
  });
  FakeRewardServer other;
  RemoteGoalReward reward(Options());
  ASSERT_TRUE(reward.AddServers({refusing.address(), other.address()}).ok());
  const absl::Status status = Compute(&reward).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            absl::StrCat("replay.hindsight.enabled=true, but rewards of other goals cannot be "
                         "had: env server ",
                         refusing.address(),
                         ": the reward of a step was -1, but compute_reward gives -0.5"));
  EXPECT_EQ(other.calls(), 0);
}

TEST_F(RemoteGoalRewardTest, CancelEndsACallUnderWayAndLaterOnes) {
  absl::Notification called;
  FakeRewardServer* self = nullptr;
  FakeRewardServer hung([&](const auto&, auto*) {
    called.Notify();
    while (!self->abandoned()) std::this_thread::yield();
    return grpc::Status::OK;
  });
  self = &hung;
  RemoteGoalReward reward(Options());
  ASSERT_TRUE(reward.AddServers({hung.address()}).ok());
  std::thread canceller([&] {
    called.WaitForNotification();
    reward.Cancel();
  });
  EXPECT_EQ(Compute(&reward).status().code(), absl::StatusCode::kCancelled);
  canceller.join();
  EXPECT_EQ(Compute(&reward).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(RemoteGoalRewardTest, AnAnswerThatDoesNotFitIsNotTaken) {
  FakeRewardServer server([](const auto& request, auto* response) {
    FakeRewardServer::Difference(request, response);
    ResizeTensor<float>({1}, response->mutable_reward());
    return grpc::Status::OK;
  });
  RemoteGoalReward reward(Options());
  ASSERT_TRUE(reward.AddServers({server.address()}).ok());
  const absl::Status status = Compute(&reward).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(absl::StrContains(status.message(), "ComputeReward's reward")) << status;
}

TEST_F(RemoteGoalRewardTest, AFixedListIsUsedWhateverActorsName) {
  FakeRewardServer fixed;
  FakeRewardServer named;
  RemoteGoalReward::Options options = Options();
  options.servers = absl::StrCat(" ", fixed.address());
  RemoteGoalReward reward(options);
  ASSERT_TRUE(reward.AddServers({named.address()}).ok());
  ASSERT_TRUE(Compute(&reward).ok());
  EXPECT_EQ(fixed.calls(), 1);
  EXPECT_EQ(named.calls(), 0);
  EXPECT_EQ(
      reward.AddServers({"nowhere"}).message(),
      "env_servers: 'nowhere' is not an address: expected host:port, [IPv6]:port or unix:/path");
}

}  // namespace
}  // namespace armature
